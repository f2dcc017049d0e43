//! What is told of memory operations, to whoever follows calls.

use super::SharedMemory;
use super::sessions::holder;
use bifrost_rpc::follow::{self, CallName};
use bifrost_rpc::memory::{MemoryOperation, MemoryStatus};

/// Leases of an object that are looked at.
const LEASES_MAX: usize = 64;

impl SharedMemory {
    /// Tells how an operation ended, of each call that leases its object to who asked.
    pub(super) fn tell(&self, operation: &MemoryOperation, status: MemoryStatus) {
        let (pointer, who) = (operation.fields.pointer.at_rest(), holder(operation));
        let leases = self.with(|memory| memory.leases(pointer.object_id(), None, LEASES_MAX));
        let own = leases.into_iter().filter(|(_, callee)| *callee == who);
        let mut calls: Vec<_> = own.map(|(call, _)| Some(CallName { client: call.client, rpc: call.rpc })).collect();
        if calls.is_empty() {
            calls.push(None);
        }
        let (name, op) = (CallName { client: operation.client, rpc: operation.rpc }, operation.op());
        for call in calls {
            follow::tell_of_memory("memory", name, call, format_args!("{op:?} of {pointer}: {status}"));
        }
    }
}
