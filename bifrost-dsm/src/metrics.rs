//! What a memory server counts.

use crate::refusal::Refusal;
use bifrost_rpc::memory::MemoryOp;

/// Operations by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Operations {
    /// Objects made.
    pub allocs: u64,
    /// Reads.
    pub reads: u64,
    /// Writes.
    pub writes: u64,
    /// Frees.
    pub frees: u64,
}

/// Counts since the server started, and how things stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metrics {
    /// Bytes that may be in use.
    pub capacity_bytes: u64,
    /// Bytes in use: objects, staged and waiting writes, replaced versions, and what is kept about all of them.
    pub used_bytes: u64,
    /// Of them: replaced versions that only readers hold.
    pub pinned_bytes: u64,
    /// Objects there are, those included whose freeing is deferred.
    pub objects: u64,
    /// Clients known.
    pub clients: u64,
    /// Writes being staged.
    pub staged: u64,
    /// Operations that wait for a write before them.
    pub waiting: u64,
    /// Leases.
    pub leases: u64,
    /// Snapshots.
    pub snapshots: u64,
    /// Operations that took effect.
    pub operations: Operations,
    /// Bytes read.
    pub read_bytes: u64,
    /// Bytes written.
    pub written_bytes: u64,
    /// Operations that came again and were answered from their record.
    pub duplicates: u64,
    /// Control messages that were applied.
    pub controls: u64,
    /// Refusals by reason, in the order of their codes; only reasons that occurred.
    pub refusals: Vec<(&'static str, u64)>,
}

/// The counters.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) operations: Operations,
    pub(crate) read_bytes: u64,
    pub(crate) written_bytes: u64,
    pub(crate) duplicates: u64,
    pub(crate) controls: u64,
    refusals: [u64; Refusal::KINDS + 1],
}

impl Counters {
    pub(crate) fn refused(&mut self, refusal: &Refusal) {
        if let Some(count) = self.refusals.get_mut(usize::from(refusal.code())) {
            *count += 1;
        }
    }

    /// An operation took effect on so many bytes.
    pub(crate) fn done(&mut self, operation: MemoryOp, bytes: u64) {
        let operations = &mut self.operations;
        match operation {
            MemoryOp::Alloc => operations.allocs += 1,
            MemoryOp::Read => operations.reads += 1,
            MemoryOp::Write => operations.writes += 1,
            MemoryOp::Free => operations.frees += 1,
        }
        let counter = if operation == MemoryOp::Read { &mut self.read_bytes } else { &mut self.written_bytes };
        *counter += bytes;
    }

    pub(crate) fn refusals(&self) -> Vec<(&'static str, u64)> {
        let counts = (0u16..).zip(&self.refusals).filter(|(_, count)| **count > 0);
        counts.filter_map(|(code, count)| Some((Refusal::from_wire(code, 0)?.kind(), *count))).collect()
    }
}
