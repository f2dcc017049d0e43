//! Calls whose messages are made and read elsewhere.

use super::Channel;
use super::way::{Call, Named};
use crate::buffer::MessageBuffer;
use crate::endpoint::{Answered, CallError};
use crate::protocol::WireProtocol;

impl Channel {
    /// Starts the call of a method that is known by name only, with a finished Thrift message.
    ///
    /// The message's own header must name the same method (on a stream: as its server expects it, multiplexed or not)
    /// and be a ONEWAY exactly if `oneway` says so.
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
        let named = Named { service, method, oneway, idempotent: false, references: false };
        let call = self.way.begin_message(named, message, self.deadline)?;
        Ok(PendingMessage { call: Some(call), channel: self.clone(), oneway })
    }
}

/// A message in flight. Dropping it cancels the call, unless it is oneway: then it goes on.
#[derive(Debug)]
#[must_use = "dropping it cancels the call"]
pub struct PendingMessage {
    call: Option<Call>,
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
        match self.channel.way.wait(call)? {
            Answered::Message(_, message, _) => Ok(Some(message)),
            _ => Ok(None),
        }
    }
}

impl Drop for PendingMessage {
    fn drop(&mut self) {
        match self.call.take() {
            Some(call) if self.oneway => self.channel.way.forget(call),
            Some(call) => self.channel.way.cancel(call),
            None => {}
        }
    }
}

impl MessageBuffer {
    /// The sequence number in the header of a message that was made elsewhere.
    pub(super) fn sequence(&self) -> Result<i32, CallError> {
        let bad = |error: thrift::Error| CallError::BadCall { reason: error.to_string() };
        self.with_head(WireProtocol::header).map(|header| header.sequence).map_err(bad)
    }
}
