//! One message in, at most one out.

use super::Directory;
use crate::buffer::MessageBuffer;
use crate::protocol::{MessageHeader, MethodName, WireProtocol};
use crate::service::{Answer, CallContext, Service, missing_result, panicked};
use std::panic::{AssertUnwindSafe, catch_unwind};
use thrift::protocol::TMessageType;

/// Runs the call in `request`; returns whether there is an answer in `reply`, which was empty.
///
/// # Errors
///
/// The message has no header that can be read, so that there is nobody to answer.
pub(crate) fn answer(
    directory: &Directory,
    request: &[u8],
    context: &CallContext,
    reply: &mut MessageBuffer,
) -> thrift::Result<bool> {
    let header = WireProtocol::header(request)?;
    let ran = match directory.find(&header) {
        Ok(service) => run(service.as_ref(), &header, request, context, reply),
        Err(error) => Err(error),
    };
    match ran {
        _ if header.kind == TMessageType::OneWay => Ok(false),
        Ok(Answer::Nothing) => Ok(false),
        Ok(Answer::Reply | Answer::Exception) => Ok(true),
        Err(error) => fail(request, &header, error, reply).map(|()| true),
    }
}

/// Answers a call that was not run, or whose answer cannot be sent, with the application exception that stands for
/// `error`.
pub(crate) fn fail(
    request: &[u8],
    header: &MessageHeader,
    error: thrift::Error,
    reply: &mut MessageBuffer,
) -> thrift::Result<()> {
    reply.clear();
    // Answers name methods without the prefix of multiplexed calls.
    let header = MessageHeader { name: MethodName::from(bare(header)), ..header.clone() };
    crate::compat::failure(WireProtocol::detect(request)?, &header, error, reply).map(drop)
}

fn bare(header: &MessageHeader) -> &str {
    let name = header.name.as_str();
    name.split_once(':').map_or(name, |(_, method)| method)
}

fn run(
    service: &dyn Service,
    header: &MessageHeader,
    request: &[u8],
    context: &CallContext,
    reply: &mut MessageBuffer,
) -> thrift::Result<Answer> {
    // A service that somebody wrote by hand may let a panic pass.
    let called = catch_unwind(AssertUnwindSafe(|| service.call(request, context, reply)));
    let answer = called.unwrap_or_else(|_panic| Err(panicked()))?;
    let limit = context.limits.message_bytes_max;
    if reply.len() > limit {
        let message = format!("an answer of {} bytes, over the server's limit of {limit}", reply.len());
        return Err(thrift::new_application_error(thrift::ApplicationErrorKind::InternalError, message));
    }
    let method = bare(header);
    let is_oneway = || service.methods().iter().any(|known| known.oneway && known.name == method);
    if answer == Answer::Nothing && header.kind != TMessageType::OneWay && !is_oneway() {
        return Err(missing_result(method));
    }
    Ok(answer)
}
