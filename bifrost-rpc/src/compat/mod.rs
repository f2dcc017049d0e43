//! Generated code over the protocols and transports of Apache's `thrift` crate.
//!
//! Generated processors, clients and structs keep the shape that Apache's compiler gives them by calling these
//! functions, so that they run on any `TInputProtocol` and `TOutputProtocol`. [`TJsonInputProtocol`] and
//! [`TJsonOutputProtocol`] are two more of these: Apache's crate has no JSON protocol.
//!
//! [`UdpChannel`] and [`ApacheService`] are the transport for code that Apache's compiler generated: clients and
//! processors stay as they are and talk over UDP, exactly once.

mod apache;
mod json;
mod limits;
mod protocol;
mod udp;

pub use apache::ApacheService;
pub use json::{TJsonInputProtocol, TJsonInputProtocolFactory, TJsonOutputProtocol, TJsonOutputProtocolFactory};
pub use limits::{CheckedReadTransport, LimitedProcessor, configuration};
pub use udp::{UdpChannel, UdpChannelBuilder};

pub use protocol::{ApacheReader, ApacheWriter};

use crate::buffer::MessageBuffer;
use crate::protocol::{Codec, Decode, Encode, Limits, MessageHeader, Reader, WireProtocol, in_protocol};
use crate::service::{self, Answer, CallResult, Dispatch, Method, call::read_answer, call::write_call};
use thrift::TThriftClient;
use thrift::protocol::{TInputProtocol, TOutputProtocol};

/// Serves one call, as `TProcessor::process` does. The name in the message header is taken as it comes, so that this
/// works behind a `TMultiplexedProcessor`.
///
/// # Errors
///
/// The message cannot be read, or its answer cannot be written; either leaves the connection unusable. A panic of
/// the handler is passed on, as Apache's processors do.
pub fn process<D: Dispatch>(
    service: &D,
    input: &mut dyn TInputProtocol,
    output: &mut dyn TOutputProtocol,
) -> thrift::Result<()> {
    process_with_limits(service, input, output, Limits::DEFAULT)
}

/// As [`process`], within limits other than the default.
///
/// # Errors
///
/// As [`process`].
pub fn process_with_limits<D: Dispatch>(
    service: &D,
    input: &mut dyn TInputProtocol,
    output: &mut dyn TOutputProtocol,
    limits: Limits,
) -> thrift::Result<()> {
    let mut args = ApacheReader::with_limits(input, limits);
    let header = args.message_begin()?;
    let answer = service.dispatch(&header, &mut args, &mut ApacheWriter::with_limits(output, limits))?;
    args.message_end()?;
    match answer {
        Answer::Reply | Answer::Exception => output.flush(),
        Answer::Nothing => Ok(()),
    }
}

/// Calls a method and waits for its answer.
///
/// # Errors
///
/// A declared exception, an application exception, the answer to another call, or a failure of the transport.
pub fn call<A: Encode, R: CallResult, C: TThriftClient + ?Sized>(
    client: &mut C,
    method: &'static Method,
    args: A,
) -> thrift::Result<R::Value> {
    let sequence = send(client, method, args)?;
    read_answer::<_, R>(method, sequence, &mut ApacheReader::new(client.i_prot_mut()))
}

/// Sends a oneway call.
///
/// # Errors
///
/// The arguments cannot be encoded, or a failure of the transport.
pub fn oneway<A: Encode, C: TThriftClient + ?Sized>(
    client: &mut C,
    method: &'static Method,
    args: A,
) -> thrift::Result<()> {
    send(client, method, args).map(drop)
}

fn send<A: Encode, C: TThriftClient + ?Sized>(client: &mut C, method: &Method, args: A) -> thrift::Result<i32> {
    let sequence = client.increment_sequence_number();
    let output = client.o_prot_mut();
    write_call(method.name, method, sequence, args, &mut ApacheWriter::new(output))?;
    output.flush()?;
    Ok(sequence)
}

/// Reads a value, as `TSerializable::read_from_in_protocol` does.
///
/// # Errors
///
/// What the protocol reports.
pub fn read_struct<T: Decode>(input: &mut dyn TInputProtocol) -> thrift::Result<T> {
    T::decode(&mut ApacheReader::new(input))
}

/// Writes a value, as `TSerializable::write_to_out_protocol` does.
///
/// # Errors
///
/// What the protocol reports.
pub fn write_struct<T: Encode>(value: &T, output: &mut dyn TOutputProtocol) -> thrift::Result<()> {
    value.encode(&mut ApacheWriter::new(output))
}

/// Answers a call with the application exception that stands for `error`.
pub(crate) fn failure(
    protocol: WireProtocol,
    header: &MessageHeader,
    error: thrift::Error,
    reply: &mut MessageBuffer,
) -> thrift::Result<Answer> {
    in_protocol!(protocol, C => service::exception(header, &mut C::writer(reply), error))
}

#[cfg(test)]
mod tests;
