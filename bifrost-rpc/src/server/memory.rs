//! Memory operations on their way through a server.

use super::desk::Desk;
use super::shard::Shard;
use crate::endpoint::{MemoryOperation, MemoryReply, ServedCall};
use crate::wire::MemoryStatus;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

/// The means to answer an operation later.
#[derive(Debug)]
pub struct Later<'a> {
    shard: &'a Arc<Shard>,
    call: ServedCall,
}

impl Later<'_> {
    /// What the answer is given to later.
    pub fn keep(&self) -> Unanswered {
        self.shard.begins();
        Unanswered { shard: Arc::clone(self.shard), call: Some(self.call) }
    }
}

/// An operation that is to be answered. Dropping it answers that the server failed.
#[derive(Debug)]
#[must_use = "dropping it answers that the server failed"]
pub struct Unanswered {
    shard: Arc<Shard>,
    call: Option<ServedCall>,
}

impl Unanswered {
    /// The operation.
    #[must_use]
    pub fn call(&self) -> Option<ServedCall> {
        self.call
    }

    /// Answers, on any thread. Operations that waited for this one run before this returns: no lock may be held that the
    /// handler takes.
    pub fn answer(mut self, reply: MemoryReply) {
        self.end(reply);
    }

    /// Gives the operation back undone: its caller is told to try again after this time.
    pub fn try_later(mut self, retry: Duration) {
        if let Some(call) = self.call.take() {
            self.shard.give_back(call, retry);
        }
    }

    fn end(&mut self, reply: MemoryReply) {
        if let Some(call) = self.call.take() {
            self.shard.answer_later(call, reply);
        }
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        self.end(MemoryReply::with(MemoryStatus::Failed, 0));
    }
}

impl Shard {
    /// Asks the handler whether data are to be taken.
    pub(super) fn announce(&self, operation: &MemoryOperation, bytes: u32, desk: &mut Desk) {
        let Some(handler) = self.memory_handler() else { return };
        let reply = catch_unwind(AssertUnwindSafe(|| handler.announced(operation, bytes)));
        desk.memory.extend(reply.unwrap_or_else(|_panic| Some(failed())).map(|reply| (operation.call, reply)));
    }

    /// Has an operation done; the answer, if it comes now, is left on the desk.
    pub(super) fn run_memory(self: &Arc<Self>, operation: &MemoryOperation, body: Vec<u8>, desk: &mut Desk) {
        // It may have become whole before it was refused.
        let is_refused = desk.memory.iter().any(|(call, _)| *call == operation.call);
        let Some(handler) = self.memory_handler().filter(|_| !is_refused) else { return };
        let later = Later { shard: self, call: operation.call };
        let reply = catch_unwind(AssertUnwindSafe(|| handler.run(operation, body, &later)));
        if let Some(reply) = reply.unwrap_or_else(|_panic| Some(failed())) {
            desk.memory.push((operation.call, reply));
        }
    }

    fn answer_later(self: &Arc<Self>, call: ServedCall, reply: MemoryReply) {
        let mut desk = Desk::default();
        desk.memory.push((call, reply));
        let now = self.now();
        let endpoint = self.answer_all(now, &mut desk);
        self.serve_own(now, endpoint, &mut desk);
        self.ends();
    }
}

fn failed() -> MemoryReply {
    MemoryReply::with(MemoryStatus::Failed, 0)
}
