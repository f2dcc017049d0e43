//! What the clients asked for and saw, object by object, for the linearizability checker.

use super::client::Known;
use crate::linear::{Entry, History, Op, Seen, Verdict, check};
use crate::sim::{Broken, Rule};
use bifrost_rpc::endpoint::{Answered, CallError, MemoryAnswer};
use bifrost_rpc::memory::{MemoryStatus, Pointer};
use bifrost_rpc::wire::parse_outcomes;
use std::collections::BTreeMap;

/// The lives of a process are clients of their own.
const LIVES: u64 = 1 << 20;
/// Whose the doings of the control plane are.
const CONTROL_PLANE: u64 = u64::MAX;

/// An object: its server, and its id there.
type Key = (usize, u64);

/// Who asks, and of which object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) process: usize,
    pub(super) life: u32,
    /// Its machine and that one's incarnation.
    pub(super) holder: (usize, u32),
    pub(super) known: Known,
}

#[derive(Debug)]
struct Operation {
    asked: Asked,
    /// Its steps in the list of all entries.
    first: usize,
    steps: usize,
    /// It may have been done, and no client knows; so it is until it ends.
    is_unknown: bool,
}

/// What came of an operation.
#[derive(Debug, Default)]
pub(super) struct Ended {
    pub(super) made: Vec<Known>,
    /// The object was freed, or is not there.
    pub(super) gone: Option<Known>,
    pub(super) is_done: bool,
}

/// The histories.
#[derive(Debug, Default)]
pub(super) struct Record {
    operations: Vec<Operation>,
    /// Steps with their objects: none where the object was never heard of, or the step was not done.
    entries: Vec<(Option<Key>, Entry)>,
    /// When an incarnation of a machine ended at a server.
    ended: BTreeMap<(usize, (usize, u32)), u64>,
    pub(super) done: usize,
}

impl Record {
    pub(super) fn issued(&self) -> usize {
        self.operations.len()
    }

    pub(super) fn issue(&mut self, asked: Asked, ops: Vec<Op>, now: u64) -> usize {
        let (first, steps) = (self.entries.len(), ops.len());
        let client = asked.process as u64 * LIVES + u64::from(asked.life);
        for op in ops {
            let key = (!matches!(op, Op::Alloc(_))).then(|| (asked.known.server, asked.known.pointer.object()));
            self.entries.push((key, Entry { client, op, begin: now, end: None, latest: None }));
        }
        self.operations.push(Operation { asked, first, steps, is_unknown: true });
        self.operations.len() - 1
    }

    /// Process and life that issued an operation.
    pub(super) fn whose(&self, operation: usize) -> (usize, u32) {
        let asked = self.operations[operation].asked;
        (asked.process, asked.life)
    }

    /// An operation has ended. The error says what is wrong with its end.
    pub(super) fn end(
        &mut self,
        operation: usize,
        result: &Result<Answered, CallError>,
        now: u64,
    ) -> Result<Ended, String> {
        let Operation { asked, first, steps, .. } = self.operations[operation];
        let answer = match result {
            Ok(Answered::Memory(answer)) => answer,
            Ok(other) => return Err(format!("#{operation} is answered by {other:?}")),
            Err(error) if error.may_have_run() => return Ok(Ended::default()),
            Err(_) => {
                self.not_done(operation, 0..steps);
                return Ok(Ended::default());
            }
        };
        self.operations[operation].is_unknown = answer.status() == MemoryStatus::Failed;
        let mut ended = Ended { is_done: true, ..Ended::default() };
        for (step, (status, bytes, made)) in statuses(answer, steps).into_iter().enumerate() {
            let (key, entry) = &mut self.entries[first + step];
            if let (MemoryStatus::Ok, Op::Alloc(content)) = (status, &entry.op) {
                let pointer = made.unwrap_or_else(|| answer.allocated());
                *key = Some((asked.known.server, pointer.object()));
                ended.made.push(Known { pointer, len: content.len() as u64, ..asked.known });
            }
            let seen = seen(status, &entry.op, bytes);
            let is_gone = seen == Some(Seen::Gone) || (seen.is_some() && entry.op == Op::Free);
            ended.gone = ended.gone.or(is_gone.then_some(asked.known));
            if seen.is_some() {
                entry.end = seen.map(|seen| (now, seen));
            } else if status != MemoryStatus::Failed {
                ended.is_done &= status == MemoryStatus::NotDone;
                self.not_done(operation, step..step + 1);
            }
        }
        self.done += usize::from(ended.is_done);
        Ok(ended)
    }

    fn not_done(&mut self, operation: usize, steps: std::ops::Range<usize>) {
        self.operations[operation].is_unknown = false;
        let first = self.operations[operation].first;
        steps.for_each(|step| self.entries[first + step].0 = None);
    }

    /// An object is gone with its server, or because the control plane says so.
    pub(super) fn freed(&mut self, server: usize, object: u64, now: u64) {
        let end = Some((now, Seen::Done));
        let entry = Entry { client: CONTROL_PLANE, op: Op::Free, begin: now, end, latest: None };
        self.entries.push((Some((server, object)), entry));
    }

    /// A server refuses an incarnation from now on.
    pub(super) fn ended(&mut self, server: usize, holder: (usize, u32), now: u64) {
        self.ended.entry((server, holder)).or_insert(now);
    }

    /// Objects of a server at most that were made and of which nobody has heard.
    pub(super) fn unknown_objects(&self, server: usize) -> u64 {
        let of_server = self.operations.iter().filter(|operation| operation.asked.known.server == server);
        let unknown = of_server
            .filter(|operation| operation.is_unknown && matches!(self.entries[operation.first].1.op, Op::Alloc(_)));
        unknown.map(|operation| operation.steps as u64).sum()
    }

    /// Judges all histories.
    pub(super) fn judge(&mut self) -> Vec<Broken> {
        self.apply_ends();
        let mut objects: BTreeMap<Key, Vec<Entry>> = BTreeMap::new();
        for (key, entry) in self.entries.drain(..) {
            if let Some(key) = key {
                objects.entry(key).or_default().push(entry);
            }
        }
        // Objects that no client heard of have no history.
        objects.retain(|_, entries| entries.iter().any(|entry| entry.client != CONTROL_PLANE));
        let judged = objects.into_iter().filter_map(|((server, object), mut entries)| {
            entries.sort_by_key(|entry| entry.begin);
            let text = match History::new(entries) {
                Err(error) => error.to_string(),
                Ok(history) => match check(&history) {
                    Verdict::Linearizable => return None,
                    Verdict::Violated(violation) => violation.to_string(),
                    Verdict::TooComplex { visited } => format!("too complex: {visited} configurations"),
                },
            };
            Some(Broken { rule: Rule::Linearizable, text: format!("object {object:x} of server {server}: {text}") })
        });
        judged.collect()
    }

    /// What an incarnation did at a server takes effect before the incarnation ends there, or never.
    fn apply_ends(&mut self) {
        for operation in &self.operations {
            let Asked { holder, known, .. } = operation.asked;
            let Some(over) = self.ended.get(&(known.server, holder)).copied() else { continue };
            for (key, entry) in &mut self.entries[operation.first..operation.first + operation.steps] {
                if entry.begin > over && entry.op.changes() && !matches!(entry.end, Some((_, Seen::Gone))) {
                    *key = None;
                    continue;
                }
                entry.latest = Some(over).filter(|_| entry.end.is_none());
                if let Some((end, _)) = entry.end.as_mut().filter(|(end, _)| *end > over && entry.begin <= over) {
                    *end = over;
                }
            }
        }
    }
}

/// What the client sees of a step; none where it was refused, or may have been done.
fn seen(status: MemoryStatus, op: &Op, bytes: Vec<u8>) -> Option<Seen> {
    match (status, op) {
        (MemoryStatus::Ok, Op::Read(..)) => Some(Seen::Bytes(bytes)),
        (MemoryStatus::Ok, _) => Some(Seen::Done),
        (MemoryStatus::NoObject | MemoryStatus::ObjectLost, _) => Some(Seen::Gone),
        _ => None,
    }
}

/// The status of each step, with what was read, and what a batch has made.
fn statuses(answer: &MemoryAnswer, steps: usize) -> Vec<(MemoryStatus, Vec<u8>, Option<Pointer>)> {
    if !answer.fields.is_batch || answer.status() != MemoryStatus::Ok {
        return vec![(answer.status(), answer.body.clone(), None); steps];
    }
    let outcomes = parse_outcomes(&answer.body).into_iter().flatten();
    outcomes.map(|(outcome, place)| (outcome.status, answer.body[place].to_vec(), outcome.made)).collect()
}
