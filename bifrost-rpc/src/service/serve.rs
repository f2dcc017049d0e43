//! The server's side: every processor is a [`Service`].

use super::answer::application_error;
use super::{Answer, CallContext, Dispatch, Method, Service, exception};
use crate::buffer::MessageBuffer;
use crate::protocol::{Codec, Limits, MessageHeader, MethodName, Reader, WireProtocol, in_protocol};
use std::panic::{AssertUnwindSafe, catch_unwind};
use thrift::ApplicationErrorKind;
use thrift::protocol::TMessageType;

/// `reply` is cleared when a call fails with its answer half written, so that it should be empty before. A message
/// of kind ONEWAY is never answered; a handler that panics is answered for.
impl<D: Dispatch> Service for D {
    fn name(&self) -> &'static str {
        D::SERVICE
    }

    fn methods(&self) -> &[Method] {
        D::METHODS
    }

    fn call(&self, request: &[u8], context: &CallContext, reply: &mut MessageBuffer) -> thrift::Result<Answer> {
        serve(self, request, context, context.limits, reply)
    }
}

/// Runs the call in `request` as [`Service::call`] does, with limits on request and reply.
///
/// # Errors
///
/// As [`Service::call`].
pub fn serve<D: Dispatch>(
    service: &D,
    request: &[u8],
    context: &CallContext,
    limits: Limits,
    reply: &mut MessageBuffer,
) -> thrift::Result<Answer> {
    in_protocol!(WireProtocol::detect(request)?, C => serve_in::<C, D>(service, request, context, limits, reply))
}

fn serve_in<C: Codec, D: Dispatch>(
    service: &D,
    request: &[u8],
    context: &CallContext,
    limits: Limits,
    reply: &mut MessageBuffer,
) -> thrift::Result<Answer> {
    let mut args = C::reader_with_limits(request, limits);
    args.set_received(reply.passing().and_then(|passing| passing.received()));
    let header = without_prefix::<D>(args.message_begin()?);
    if let Err(error) = check_call(&header, context) {
        return exception(&header, &mut C::writer(reply), error);
    }
    // What the handler may leave behind half done when it panics is its own; ours is cleared.
    let answered = catch_unwind(AssertUnwindSafe(|| {
        let mut out = C::writer_with_limits(reply, limits);
        service.dispatch(&header, &mut args, &mut out)
    }));
    let error = match answered {
        Ok(Ok(Answer::Reply | Answer::Exception)) if header.kind == TMessageType::OneWay => {
            reply.clear();
            return Ok(Answer::Nothing);
        }
        Ok(Ok(answer)) => return Ok(answer),
        Ok(Err(error)) => unsendable(error),
        Err(_panic) => panicked(),
    };
    reply.clear();
    if is_oneway::<D>(&header) {
        return Ok(Answer::Nothing);
    }
    exception(&header, &mut C::writer(reply), error)
}

/// Whether a message, its name without prefix, is a call, and of the method that its packet announced.
pub(crate) fn check_call(header: &MessageHeader, context: &CallContext) -> thrift::Result<()> {
    if !matches!(header.kind, TMessageType::Call | TMessageType::OneWay) {
        return Err(not_a_call(header));
    }
    match context.method {
        Some(announced) if announced != header.name.as_str() => Err(not_announced(header, announced)),
        _ => Ok(()),
    }
}

/// The header of a call that may have been multiplexed, `Service:method`.
fn without_prefix<D: Dispatch>(mut header: MessageHeader) -> MessageHeader {
    let bare = header.name.strip_prefix(D::SERVICE);
    if let Some(method) = bare.and_then(|rest| rest.strip_prefix(':')) {
        header.name = MethodName::from(method);
    }
    header
}

fn is_oneway<D: Dispatch>(header: &MessageHeader) -> bool {
    let declared = || D::METHODS.iter().any(|method| method.oneway && method.name == header.name.as_str());
    header.kind == TMessageType::OneWay || declared()
}

#[cold]
fn not_a_call(header: &MessageHeader) -> thrift::Error {
    thrift::new_application_error(
        ApplicationErrorKind::InvalidMessageType,
        format!("expected a call, got {}", header.kind),
    )
}

/// The message is for another method than the packet that carried it, which is what a switch has let pass.
#[cold]
fn not_announced(header: &MessageHeader, announced: &str) -> thrift::Error {
    thrift::new_application_error(
        ApplicationErrorKind::WrongMethodName,
        format!("the packet announced method {announced:?}, its message calls {:?}", header.name),
    )
}

/// The answer could not be written, which is the server's fault and not its caller's.
#[cold]
fn unsendable(error: thrift::Error) -> thrift::Error {
    let message = application_error(error).message;
    thrift::new_application_error(ApplicationErrorKind::InternalError, message)
}

/// Answers a request that is no Thrift message, or whose answer cannot be sent.
pub(crate) fn write_failure(request: &[u8], error: thrift::Error, reply: &mut MessageBuffer) {
    let unknown = |_| MessageHeader { name: MethodName::from(""), kind: TMessageType::Call, sequence: 0 };
    let header = WireProtocol::header(request).unwrap_or_else(unknown);
    let protocol = WireProtocol::detect(request).unwrap_or(WireProtocol::Binary);
    // A message this small is under every limit.
    let _ = in_protocol!(protocol, C => exception(&header, &mut C::writer(reply), error));
}

#[cold]
pub(crate) fn panicked() -> thrift::Error {
    thrift::new_application_error(ApplicationErrorKind::InternalError, "the handler panicked")
}
