//! Memory operations over a channel.

use super::Channel;
use super::core::Core;
use super::way::Call;
use crate::buffer::MessageBuffer;
use crate::endpoint::{Answered, CallError, CallId, MemoryAnswer, MemoryRequest};
use crate::wire::Pointer;
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

    /// Starts a memory operation; only UDP carries them.
    pub(crate) fn begin_memory(&self, request: MemoryRequest) -> Result<CallId, CallError> {
        self.way.begin_memory(request)
    }

    /// As [`Channel::begin_memory`] and [`Channel::wait_memory`].
    pub(crate) fn run_memory(&self, request: MemoryRequest) -> Result<Option<MemoryAnswer>, CallError> {
        self.way.run_memory(request).map(of_memory)
    }

    /// As [`Channel::begin_memory`]; it is sent with the next, or when somebody waits.
    pub(crate) fn hold_memory(&self, request: MemoryRequest) -> Result<CallId, CallError> {
        self.way.hold_memory(request)
    }

    /// Has a memory operation done whose end nobody awaits: it is sent with whatever is sent next, or in 5 ms.
    pub(crate) fn put_off(&self, request: MemoryRequest) {
        self.way.put_off(request);
    }

    /// Whether a batch may make objects, or name these, now.
    pub(crate) fn may_span_objects(&self, objects: &[Pointer]) -> bool {
        self.way.may_span_objects(objects)
    }

    /// Takes back what was put off, to be done by a batch, if the server's batches may name several objects.
    pub(crate) fn take_put_off<T>(&self, max: usize, wanted: impl Fn(&MemoryRequest) -> Option<T>) -> Vec<T> {
        self.way.take_put_off(max, wanted)
    }

    /// Waits for the end of a memory operation; `None` where the answer is that of a call, which cannot be.
    pub(crate) fn wait_memory(&self, call: CallId) -> Result<Option<MemoryAnswer>, CallError> {
        self.way.wait(Call::Udp(call)).map(of_memory)
    }

    /// Whether a memory operation has ended.
    pub(crate) fn has_memory(&self, call: CallId) -> bool {
        self.way.is_done(&Call::Udp(call))
    }

    /// Gives a memory operation up.
    pub(crate) fn cancel_memory(&self, call: CallId) {
        self.way.cancel(Call::Udp(call));
    }

    /// Lets a memory operation go on by itself.
    pub(crate) fn forget_memory(&self, call: CallId) {
        self.way.forget(Call::Udp(call));
    }

    /// Takes memory back that an answer came in.
    pub(crate) fn recycle(&self, spent: Vec<u8>) {
        self.way.recycle(spent);
    }
}

fn of_memory(answered: Answered) -> Option<MemoryAnswer> {
    match answered {
        Answered::Memory(answer) => Some(answer),
        _ => None,
    }
}
