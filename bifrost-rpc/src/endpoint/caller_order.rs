//! In which order a caller wants memory operations done: each after the last write to its object.

use crate::wire::{MemoryFields, MemoryOp, MemoryStatus, Pointer};
use std::collections::BTreeMap;

/// Objects whose last write a session remembers at most.
const WRITES_MAX: usize = 4096;

/// What a caller's session knows of its writes: which operation has to wait for which.
#[derive(Debug, Default)]
pub(super) struct Writes {
    /// The last write to each object that was not seen to be done.
    last: BTreeMap<u64, u64>,
}

impl Writes {
    /// Whether all writes to an object were seen to be done.
    pub(super) fn has_none(&self, object: Pointer) -> bool {
        !self.last.contains_key(&object.object())
    }

    /// Operation `rpc` is about to be sent: it follows the last write to its object.
    pub(super) fn order(&mut self, fields: &mut MemoryFields, rpc: u64, lowest: u64) {
        let object = fields.pointer.object();
        fields.previous_write = self.last.get(&object).copied().unwrap_or(0);
        let changes = matches!(fields.operation(), Some(MemoryOp::Write | MemoryOp::Free));
        if !changes {
            return;
        }
        if self.last.len() >= WRITES_MAX {
            // Packets say that all below has ended, so nothing has to wait for it.
            self.last.retain(|_, write| *write >= lowest);
        }
        if self.last.len() < WRITES_MAX {
            self.last.insert(object, rpc);
        }
    }

    /// Operation `rpc` is answered: nothing has to wait for it any more. One that was refused may have been so before its
    /// turn, so that what it followed has to be waited for; one that ended without an answer may still be done.
    pub(super) fn answered(&mut self, request: &MemoryFields, rpc: u64, status: MemoryStatus) {
        let object = request.pointer.object();
        if self.last.get(&object) != Some(&rpc) {
            return;
        }
        if status == MemoryStatus::Ok || request.previous_write == 0 {
            self.last.remove(&object);
        } else {
            self.last.insert(object, request.previous_write);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(op: MemoryOp, object: u64) -> MemoryFields {
        let pointer = Pointer::new(1, 1, object).with_operation(op as u8, 0);
        MemoryFields { pointer, offset: 0, len: 1, previous_write: 0, is_batch: false, status: MemoryStatus::Ok }
    }

    #[test]
    fn operations_follow_the_last_write_that_was_not_seen_done() {
        let mut writes = Writes::default();
        let previous = |writes: &mut Writes, op, object, rpc| {
            let mut fields = fields(op, object);
            writes.order(&mut fields, rpc, 1);
            fields.previous_write
        };
        assert_eq!(previous(&mut writes, MemoryOp::Write, 7, 1), 0);
        assert_eq!(previous(&mut writes, MemoryOp::Write, 8, 2), 0);
        assert_eq!(previous(&mut writes, MemoryOp::Read, 7, 3), 1);
        assert_eq!(previous(&mut writes, MemoryOp::Write, 7, 4), 1);
        let ok = MemoryStatus::Ok;
        writes.answered(&fields(MemoryOp::Write, 7), 1, ok);
        assert_eq!(previous(&mut writes, MemoryOp::Free, 7, 5), 4);
        // Refused, perhaps while the write before it waits.
        let free = MemoryFields { previous_write: 4, ..fields(MemoryOp::Free, 7) };
        writes.answered(&free, 5, MemoryStatus::Denied);
        assert_eq!(previous(&mut writes, MemoryOp::Read, 7, 6), 4);
        writes.answered(&fields(MemoryOp::Write, 7), 4, ok);
        assert_eq!(previous(&mut writes, MemoryOp::Read, 7, 6), 0);
        assert_eq!(writes.last.len(), 1);
    }

    #[test]
    fn the_writes_remembered_are_bounded() {
        let mut writes = Writes::default();
        for rpc in 1..=3 * WRITES_MAX as u64 {
            writes.order(&mut fields(MemoryOp::Write, rpc), rpc, rpc.saturating_sub(10));
            assert!(writes.last.len() <= WRITES_MAX);
        }
        let mut next = fields(MemoryOp::Write, 3 * WRITES_MAX as u64);
        writes.order(&mut next, 3 * WRITES_MAX as u64 + 1, 1);
        assert_eq!(next.previous_write, 3 * WRITES_MAX as u64);
    }
}
