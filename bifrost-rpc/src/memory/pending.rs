//! Memory operations in flight.

use super::{MemoryAnswer, MemoryError};
use crate::client::Channel;
use crate::endpoint::CallId;
use crate::wire::MemoryStatus;

/// Makes the result of an answer that says that all went well.
pub(super) type Finish<T> = fn(MemoryAnswer, &Channel, u64) -> Result<T, MemoryError>;

/// A memory operation in flight. Dropping it cancels the operation.
#[must_use = "dropping a pending operation cancels it"]
pub struct PendingMemory<T> {
    pub(super) call: Option<CallId>,
    pub(super) channel: Channel,
    /// What the finish needs to know of the request.
    pub(super) expected: u64,
    pub(super) finish: Finish<T>,
}

impl<T> std::fmt::Debug for PendingMemory<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PendingMemory").field("call", &self.call).finish_non_exhaustive()
    }
}

impl<T> PendingMemory<T> {
    /// Waits for the result.
    ///
    /// # Errors
    ///
    /// [`MemoryError`].
    pub fn wait(mut self) -> Result<T, MemoryError> {
        let Some(call) = self.call.take() else {
            return Err(MemoryError::BadAnswer("twice"));
        };
        let answer = self.channel.wait_memory(call)?;
        finish(&self.channel, answer, self.expected, self.finish)
    }

    /// Lets the operation go on by itself; what becomes of it is not reported.
    pub fn detach(mut self) {
        if let Some(call) = self.call.take() {
            self.channel.forget_memory(call);
        }
    }

    /// Whether the result is there, so that [`PendingMemory::wait`] returns at once. Takes in what has arrived.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.call.is_none_or(|call| self.channel.has_memory(call))
    }
}

/// Makes an operation's result of its answer.
pub(super) fn finish<T>(
    channel: &Channel,
    answer: Option<MemoryAnswer>,
    expected: u64,
    make: Finish<T>,
) -> Result<T, MemoryError> {
    let answer = answer.ok_or(MemoryError::BadAnswer("as if to a call"))?;
    match answer.status() {
        MemoryStatus::Ok => make(answer, channel, expected),
        status => Err(MemoryError::Refused { status, detail: answer.detail() }),
    }
}

impl<T> Drop for PendingMemory<T> {
    fn drop(&mut self) {
        if let Some(call) = self.call.take() {
            self.channel.cancel_memory(call);
        }
    }
}
