//! Memory operations over a channel.

use super::Channel;
use super::core::Core;
use crate::buffer::MessageBuffer;
use crate::endpoint::{Answered, CallError, CallId, MemoryAnswer, MemoryRequest};
use std::time::Duration;

impl Channel {
    /// The time allowed for each call made through this handle.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.deadline
    }

    /// A buffer for a message.
    pub(crate) fn buffer() -> MessageBuffer {
        Core::buffer()
    }

    /// Starts a memory operation.
    pub(crate) fn begin_memory(&self, request: MemoryRequest) -> Result<CallId, CallError> {
        self.core.core.begin_with(true, |endpoint, now, peer| endpoint.memory(now, peer, request))
    }

    /// Waits for the end of a memory operation; `None` where the answer is that of a call, which cannot be.
    pub(crate) fn wait_memory(&self, call: CallId) -> Result<Option<MemoryAnswer>, CallError> {
        Ok(match self.core.core.wait(call)? {
            Answered::Memory(answer) => Some(answer),
            Answered::Message(..) | Answered::Delivered => None,
        })
    }

    /// Whether a memory operation has ended.
    pub(crate) fn has_memory(&self, call: CallId) -> bool {
        self.core.core.is_done(call)
    }

    /// Gives a memory operation up.
    pub(crate) fn cancel_memory(&self, call: CallId) {
        self.core.core.cancel(call);
    }

    /// Takes memory back that an answer came in.
    pub(crate) fn recycle(&self, spent: Vec<u8>) {
        self.core.core.recycle(spent);
    }
}
