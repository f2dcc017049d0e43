//! What nodes asked of each object and what they saw, for the linearizability checker.
//!
//! Of a FREE nothing is told: whoever leases an object reads it until the last lease has ended.

use super::tasks::memory_answer;
use bifrost_dsm::linear::{Entry, History, Op, Seen, Verdict, check};
use bifrost_rpc::endpoint::{Answered, CallError};
use bifrost_rpc::memory::{MemoryOp, MemoryStatus, Pointer};
use std::collections::BTreeMap;

/// The lives of a node are clients of their own.
const LIVES: u64 = 1 << 20;

/// An operation of a node: the machine, its life, and what it is called there.
type Asked<C> = (usize, u32, C);

/// The histories of all objects.
#[derive(Debug)]
pub(super) struct Histories<C> {
    entries: Vec<(Option<Pointer>, Entry)>,
    under_way: BTreeMap<Asked<C>, usize>,
}

impl<C> Default for Histories<C> {
    fn default() -> Self {
        Self { entries: Vec::new(), under_way: BTreeMap::new() }
    }
}

impl<C: Ord> Histories<C> {
    /// An operation begins. Objects are read and written whole.
    pub(super) fn begin(&mut self, asked: Asked<C>, now: u64, op: MemoryOp, pointer: Pointer, len: u64, body: &[u8]) {
        let op = match op {
            MemoryOp::Alloc => Op::Alloc(body.to_vec()),
            MemoryOp::Read => Op::Read(0, usize::try_from(len).unwrap_or(0)),
            MemoryOp::Write => Op::Write(0, body.to_vec()),
            MemoryOp::Free => return,
        };
        let of = (!matches!(op, Op::Alloc(_))).then_some(pointer);
        let client = asked.0 as u64 * LIVES + u64::from(asked.1);
        self.under_way.insert(asked, self.entries.len());
        self.entries.push((of, Entry { client, op, begin: now, end: None, latest: None }));
    }

    /// An operation has ended.
    pub(super) fn end(&mut self, asked: &Asked<C>, now: u64, result: &Result<Answered, CallError>) {
        let Some((of, entry)) = self.under_way.remove(asked).and_then(|at| self.entries.get_mut(at)) else { return };
        let may_be_done = matches!(result, Err(error) if error.may_have_run());
        match (memory_answer(result), &entry.op) {
            (Some(answer), op) if answer.status() == MemoryStatus::Ok => {
                match op {
                    Op::Alloc(_) => *of = Some(answer.allocated()),
                    Op::Read(..) => return entry.end = Some((now, Seen::Bytes(answer.body.clone()))),
                    _ => {}
                }
                entry.end = Some((now, Seen::Done));
            }
            // It was not done; or it was to read, and nobody has seen what.
            (Some(_), _) | (None, Op::Read(..)) => *of = None,
            (None, _) if !may_be_done => *of = None,
            (None, _) => {}
        }
    }

    /// The objects whose history no order explains, with why.
    pub(super) fn judge(&mut self) -> Vec<String> {
        let mut objects: BTreeMap<[u8; 16], Vec<Entry>> = BTreeMap::new();
        for (of, entry) in self.entries.drain(..) {
            let is_seen = entry.end.is_some() || entry.op.changes();
            if let Some(pointer) = of.filter(|_| is_seen) {
                objects.entry(pointer.to_bytes()).or_default().push(entry);
            }
        }
        let judged = objects.into_iter().filter_map(|(pointer, mut entries)| {
            entries.sort_by_key(|entry| entry.begin);
            let why = match History::new(entries).map(|history| check(&history)) {
                Ok(Verdict::Linearizable) => return None,
                Ok(Verdict::Violated(violation)) => violation.to_string(),
                Ok(Verdict::TooComplex { visited }) => format!("too complex: {visited} configurations"),
                Err(error) => error.to_string(),
            };
            Some(format!("{}: {why}", Pointer::from_bytes(pointer)))
        });
        judged.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bifrost_rpc::endpoint::MemoryAnswer;
    use bifrost_rpc::memory::PREFIX_DEFAULT;
    use bifrost_rpc::wire::MemoryFields;

    const OLD: [u8; 2] = [1, 1];
    const NEW: [u8; 2] = [2, 2];

    fn object() -> Pointer {
        Pointer::new(PREFIX_DEFAULT, 1, 1 << 32 | 1)
    }

    fn answered(status: MemoryStatus, body: &[u8]) -> Result<Answered, CallError> {
        let bits = u128::from_be_bytes(object().to_bytes());
        let (offset, len) = (u64::try_from(bits >> 64).unwrap(), object().object());
        let pointer = object().root();
        let fields = MemoryFields { pointer, offset, len, previous_write: 0, is_batch: false, status };
        Ok(Answered::Memory(MemoryAnswer { fields, body: body.to_vec() }))
    }

    /// An object of one node is written by it and then read by another, who sees this.
    fn judged(seen: [u8; 2], written: MemoryStatus) -> Vec<String> {
        let mut histories = Histories::default();
        let (maker, reader) = (0, 1);
        histories.begin((maker, 1, 1), 10, MemoryOp::Alloc, object().root(), 2, &OLD);
        histories.end(&(maker, 1, 1), 20, &answered(MemoryStatus::Ok, &[]));
        histories.begin((maker, 1, 2), 30, MemoryOp::Write, object(), 2, &NEW);
        histories.end(&(maker, 1, 2), 40, &answered(written, &[]));
        histories.begin((reader, 1, 1), 50, MemoryOp::Read, object(), 2, &[]);
        histories.end(&(reader, 1, 1), 60, &answered(MemoryStatus::Ok, &seen));
        histories.judge()
    }

    #[test]
    fn what_was_written_is_seen_by_whoever_reads_later() {
        assert_eq!(judged(NEW, MemoryStatus::Ok), Vec::<String>::new());
        assert_eq!(judged(OLD, MemoryStatus::Ok).len(), 1, "an old value");
        assert_eq!(judged([1, 2], MemoryStatus::Ok).len(), 1, "half of each");
    }

    #[test]
    fn what_was_refused_is_not_seen() {
        assert_eq!(judged(OLD, MemoryStatus::Denied), Vec::<String>::new());
        assert_eq!(judged(NEW, MemoryStatus::Denied).len(), 1);
    }
}
