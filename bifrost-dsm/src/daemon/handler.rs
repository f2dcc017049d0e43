//! What the transport asks of a memory server.

use super::SharedMemory;
use super::translate::{Asked, announce_of, asked, refused, reply_of};
use crate::memory::{Retired, Staged};
use crate::operation::Submitted;
use bifrost_rpc::follow;
use bifrost_rpc::memory::{Later, MemoryHandler, MemoryOperation, MemoryReply, MemoryStatus, ServedCall};

impl MemoryHandler for SharedMemory {
    /// Only where nobody is protected.
    fn spans_objects(&self) -> bool {
        self.is_open
    }

    /// Reserves memory for data that are about to come, or refuses them.
    fn announced(&self, operation: &MemoryOperation, bytes: u32) -> Option<MemoryReply> {
        let announce = announce_of(operation, bytes, self.place)?;
        let mut state = self.state();
        let state = &mut *state;
        let staged =
            state.sessions.client(&mut state.memory, operation).map(|seat| state.memory.stage(seat.client, announce));
        match staged {
            Err(refusal) | Ok(Staged::Done(Err(refusal))) => Some(refused(refusal)),
            Ok(_) => None,
        }
    }

    fn run(&self, operation: &MemoryOperation, body: Vec<u8>, _later: &Later<'_>) -> Option<MemoryReply> {
        Some(self.perform(operation, body))
    }

    /// Gives back what was reserved.
    fn cancelled(&self, call: ServedCall) {
        let mut state = self.state();
        if let Some(client) = state.sessions.known(call.session()) {
            state.memory.withdraw(client, call.rpc());
        }
    }

    fn session_ended(&self, session: u64) {
        let mut state = self.state();
        let state = &mut *state;
        state.sessions.end(&mut state.memory, session);
    }
}

impl SharedMemory {
    /// Does an operation. All are answered at once.
    #[must_use]
    pub fn perform(&self, operation: &MemoryOperation, body: Vec<u8>) -> MemoryReply {
        let reply = self.carry_out(operation, body);
        if follow::is_followed() {
            self.tell(operation, reply.status);
        }
        reply
    }

    fn carry_out(&self, operation: &MemoryOperation, body: Vec<u8>) -> MemoryReply {
        let Asked { request, steps, spent } = match asked(operation, body, self.place) {
            Ok(asked) => asked,
            Err(refusal) => {
                self.cancelled(operation.call);
                return refused(self.with(|memory| memory.refused(refusal)));
            }
        };
        let mut retired = Retired::default();
        let done = {
            let mut state = self.state();
            let state = &mut *state;
            let seat = state.sessions.client(&mut state.memory, operation);
            seat.map(|seat| (state.memory.submit_keeping_at(seat, request, &mut retired), state.memory.free_bytes()))
        };
        let (submitted, free) = match done {
            Ok(done) => done,
            Err(refusal) => return refused(refusal),
        };
        let mut reply = match submitted {
            Submitted::Done(outcome) => reply_of(outcome, steps, free),
            // It names no operation to wait for: the transport keeps the order.
            Submitted::Waiting => MemoryReply::with(MemoryStatus::Failed, 0),
        };
        (reply.spent, reply.more_spent) = retired.into_spent();
        reply.spent = reply.spent.or(spent);
        reply
    }
}
