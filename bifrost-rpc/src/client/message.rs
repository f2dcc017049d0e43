//! Calls whose messages are made and read elsewhere.

use super::Channel;
use crate::buffer::MessageBuffer;
use crate::endpoint::{Answered, CallError, CallId, Request, service_hash};
use crate::wire::MethodField;

impl Channel {
    /// Starts the call of a method that is known by name only, with a finished Thrift message.
    ///
    /// The message's own header must name the same method and be a ONEWAY exactly if `oneway` says so.
    ///
    /// # Errors
    ///
    /// [`CallError::TooLarge`], or a socket that has failed.
    pub fn start_message(
        &self,
        service: &str,
        method: &str,
        oneway: bool,
        message: MessageBuffer,
    ) -> Result<PendingMessage, CallError> {
        let request = Request {
            method: MethodField::new(service, method),
            service: service_hash(service),
            oneway,
            idempotent: false,
            deadline: self.deadline,
            message: message.finish(),
        };
        let call = self.core.core.begin(request, true)?;
        Ok(PendingMessage { call: Some(call), channel: self.clone(), oneway })
    }
}

/// A message in flight. Dropping it cancels the call, unless it is oneway: then it goes on.
#[derive(Debug)]
#[must_use = "dropping it cancels the call"]
pub struct PendingMessage {
    call: Option<CallId>,
    channel: Channel,
    oneway: bool,
}

impl PendingMessage {
    /// Waits for the message that answers the call; for a oneway call, which has none, until it has reached the
    /// server.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub fn wait(mut self) -> Result<Option<Vec<u8>>, CallError> {
        let Some(call) = self.call.take() else { return Ok(None) };
        match self.channel.core.core.wait(call)? {
            Answered::Message(_, message) => Ok(Some(message)),
            Answered::Delivered | Answered::Memory(_) => Ok(None),
        }
    }
}

impl Drop for PendingMessage {
    fn drop(&mut self) {
        match self.call.take() {
            Some(call) if self.oneway => self.channel.core.core.forget(call),
            Some(call) => self.channel.core.core.cancel(call),
            None => {}
        }
    }
}
