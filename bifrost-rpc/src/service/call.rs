//! The caller's side: a call into a message, an answer out of one.

use super::{CallResult, Method, read_application_error};
use crate::buffer::MessageBuffer;
use crate::protocol::{Binary, Codec, Encode, Limits, Reader, WireProtocol, Writer, in_protocol};
use crate::reference::{Received, prepare};
use bytes::Bytes;
use std::sync::Arc;
use thrift::protocol::{
    TMessageType, verify_expected_message_type, verify_expected_sequence_number, verify_expected_service_call,
};

/// Appends the message of a call, in the binary protocol.
///
/// # Errors
///
/// The arguments exceed a limit. What was written until then stays in `out`.
pub fn encode_call<A: Encode>(method: &Method, sequence: i32, args: A, out: &mut MessageBuffer) -> thrift::Result<()> {
    encode_call_in::<Binary, A>(method, sequence, args, out)
}

/// As [`encode_call`], in the protocol of `C`.
///
/// # Errors
///
/// As [`encode_call`].
pub fn encode_call_in<C: Codec, A: Encode>(
    method: &Method,
    sequence: i32,
    args: A,
    out: &mut MessageBuffer,
) -> thrift::Result<()> {
    write_call(method.name, method, sequence, args, &mut C::writer(out))
}

/// Reads an answer, in whichever known protocol it is.
///
/// # Errors
///
/// The answer to another call, an application exception, a declared exception, or a malformed message.
pub fn decode_answer<R: CallResult>(method: &Method, sequence: i32, message: &[u8]) -> thrift::Result<R::Value> {
    decode_answer_with_limits::<R>(method, sequence, message, Limits::DEFAULT)
}

/// As [`decode_answer`], within limits other than the default.
///
/// # Errors
///
/// As [`decode_answer`].
pub fn decode_answer_with_limits<R: CallResult>(
    method: &Method,
    sequence: i32,
    message: &[u8],
    limits: Limits,
) -> thrift::Result<R::Value> {
    let protocol = WireProtocol::detect(message)?;
    in_protocol!(protocol, C => read_answer::<_, R>(method, sequence, &mut C::reader_with_limits(message, limits)))
}

/// As [`decode_answer_with_limits`], where the answer's pointers have come with something.
pub(crate) fn decode_answer_received<R: CallResult>(
    method: &Method,
    sequence: i32,
    message: &[u8],
    limits: Limits,
    received: Option<Arc<Received>>,
) -> thrift::Result<R::Value> {
    let protocol = WireProtocol::detect(message)?;
    in_protocol!(protocol, C => {
        let mut reader = C::reader_with_limits(message, limits);
        reader.set_received(received);
        read_answer::<_, R>(method, sequence, &mut reader)
    })
}

/// As [`decode_answer`]; the result's [`Bytes`] refer to `message` instead of being copied from it.
///
/// # Errors
///
/// As [`decode_answer`].
pub fn decode_answer_shared<R: CallResult>(
    method: &Method,
    sequence: i32,
    message: &Bytes,
) -> thrift::Result<R::Value> {
    decode_answer_shared_with_limits::<R>(method, sequence, message, Limits::DEFAULT)
}

/// As [`decode_answer_shared`], within limits other than the default.
///
/// # Errors
///
/// As [`decode_answer`].
pub fn decode_answer_shared_with_limits<R: CallResult>(
    method: &Method,
    sequence: i32,
    message: &Bytes,
    limits: Limits,
) -> thrift::Result<R::Value> {
    let protocol = WireProtocol::detect(message)?;
    in_protocol!(protocol, C => read_answer::<_, R>(method, sequence, &mut C::shared_reader(message, limits)))
}

/// Writes the message of a call of a method by this name: ONEWAY for a oneway method, or else CALL.
pub(crate) fn write_call<W: Writer, A: Encode>(
    name: &str,
    method: &Method,
    sequence: i32,
    mut args: A,
    out: &mut W,
) -> thrift::Result<()> {
    prepare(&mut args, out.passing())?;
    let kind = if method.oneway { TMessageType::OneWay } else { TMessageType::Call };
    out.message_begin(name, kind, sequence)?;
    args.encode_owned(out)?;
    out.message_end()
}

/// Reads the message that answers a call.
pub(crate) fn read_answer<I: Reader, R: CallResult>(
    method: &Method,
    sequence: i32,
    input: &mut I,
) -> thrift::Result<R::Value> {
    let header = input.message_begin()?;
    verify_expected_sequence_number(sequence, header.sequence)?;
    verify_expected_service_call(method.name, &header.name)?;
    if header.kind == TMessageType::Exception {
        let error = read_application_error(input)?;
        input.message_end()?;
        return Err(thrift::Error::Application(error));
    }
    verify_expected_message_type(TMessageType::Reply, header.kind)?;
    let result = R::decode(input)?;
    input.message_end()?;
    result.into_value()
}
