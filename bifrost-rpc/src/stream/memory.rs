//! Calls within one process: the messages are real, the stream is left out.

use super::Directory;
use super::answer::answer;
use crate::buffer::{Message, MessageBuffer};
use crate::endpoint::{AnswerKind, Answered, CallError};
use crate::protocol::{Limits, WireProtocol};
use crate::service::{CallContext, Service};
use std::sync::Arc;
use std::time::Duration;
use thrift::protocol::TMessageType;

/// Services that are called by the thread that calls.
#[derive(Debug)]
pub(crate) struct InProcess {
    directory: Directory,
    limits: Limits,
}

impl InProcess {
    pub(crate) fn new(services: &[Arc<dyn Service>], limits: Limits) -> Self {
        Self { directory: Directory::new(services, None, None), limits }
    }

    /// Runs the call in a message, to its end.
    pub(crate) fn call(&self, message: Message, deadline: Option<Duration>) -> Result<Answered, CallError> {
        let (len, limit) = (message.len(), self.limits.message_bytes_max);
        if len > limit {
            return Err(CallError::TooLarge { len, limit });
        }
        let request = message.into_vec();
        let context = CallContext { deadline, limits: self.limits, ..CallContext::default() };
        let mut reply = MessageBuffer::new();
        let bad_call = |error: thrift::Error| CallError::BadCall { reason: error.to_string() };
        if !answer(&self.directory, &request, &context, &mut reply).map_err(bad_call)? {
            return Ok(Answered::Delivered);
        }
        let bad_answer = |error: thrift::Error| CallError::BadAnswer { reason: error.to_string() };
        let reply = reply.finish().into_vec();
        let kind = match WireProtocol::header(&reply).map_err(bad_answer)?.kind {
            TMessageType::Exception => AnswerKind::Exception,
            _ => AnswerKind::Reply,
        };
        Ok(Answered::Message(kind, reply, Vec::new()))
    }
}
