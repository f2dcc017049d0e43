//! What clients saw, object by object, for the linearizability checker.

use super::{Broken, Rule};
use crate::linear::{Entry, History, Op, Seen, Verdict, check};
use crate::operation::{Action, Answer, Outcome, Request};
use crate::refusal::Refusal;
use bifrost_rpc::memory::ObjectId;
use std::collections::BTreeMap;

/// The histories.
#[derive(Debug, Default)]
pub(super) struct Record {
    entries: Vec<(Option<ObjectId>, Entry)>,
}

impl Record {
    /// A client issues an operation. Returns where its steps are kept.
    pub(super) fn issue(&mut self, client: u64, request: &Request, now: u64) -> usize {
        let at = self.entries.len();
        for step in request.work.steps() {
            let usize = |n: u64| usize::try_from(n).unwrap_or(0);
            let (object, op) = match &step.action {
                Action::Alloc { len } => (None, Op::Alloc(vec![0; usize(*len)])),
                Action::AllocWrite { data, .. } => (None, Op::Alloc(data.clone())),
                Action::Read { offset, len } => (Some(step.target.object_id()), Op::Read(usize(*offset), usize(*len))),
                Action::Write { offset, data } => {
                    (Some(step.target.object_id()), Op::Write(usize(*offset), data.clone()))
                }
                Action::Free => (Some(step.target.object_id()), Op::Free),
            };
            self.entries.push((object, Entry { client, op, begin: now, end: None, latest: None }));
        }
        at
    }

    /// The answer has come; `read` is what came of a read that was not in a batch.
    pub(super) fn answer(&mut self, at: usize, steps: usize, outcome: &Outcome, read: Option<&[u8]>, now: u64) {
        let answers: Vec<Outcome> = match outcome {
            Ok(Answer::Batch(answers, refusal)) => answers.iter().cloned().map(Ok).chain(refusal.map(Err)).collect(),
            other => vec![other.clone()],
        };
        if outcome.as_ref().is_err_and(Refusal::may_have_run) {
            return;
        }
        for place in 0..steps {
            let (object, entry) = &mut self.entries[at + place];
            let seen = match answers.get(place) {
                Some(Ok(Answer::Allocated(pointer))) => {
                    *object = Some(pointer.object_id());
                    Seen::Done
                }
                Some(Ok(Answer::Data(data))) => Seen::Bytes(read.map_or_else(|| data.to_vec(), <[u8]>::to_vec)),
                Some(Ok(_)) => Seen::Done,
                Some(Err(Refusal::NoSuchObject)) => Seen::Gone,
                // It had no effect.
                Some(Err(_)) | None => {
                    *object = None;
                    continue;
                }
            };
            entry.end = Some((now, seen));
        }
    }

    /// The server made an object whose client may never hear of it.
    pub(super) fn made(&mut self, at: usize, object: ObjectId) {
        self.entries[at].0 = Some(object);
    }

    /// The control plane freed an object.
    pub(super) fn freed(&mut self, object: ObjectId, now: u64) {
        let end = Some((now, Seen::Done));
        self.entries.push((Some(object), Entry { client: u64::MAX, op: Op::Free, begin: now, end, latest: None }));
    }

    /// The control plane restored an object.
    pub(super) fn restored(&mut self, object: ObjectId, bytes: Vec<u8>, now: u64) {
        let end = Some((now, Seen::Done));
        self.entries
            .push((Some(object), Entry { client: u64::MAX, op: Op::Restore(bytes), begin: now, end, latest: None }));
    }

    /// Judges all histories. Where frees may be deferred, when they take effect is not for this judge to say.
    pub(super) fn judge(self, open: bool) -> Vec<Broken> {
        let mut objects: BTreeMap<ObjectId, Vec<Entry>> = BTreeMap::new();
        for (object, entry) in self.entries {
            let vanishes = matches!(entry.op, Op::Free) || matches!(entry.end, Some((_, Seen::Gone)));
            if let Some(object) = object.filter(|_| open || !vanishes) {
                objects.entry(object).or_default().push(entry);
            }
        }
        let judged = objects.into_iter().filter_map(|(object, entries)| {
            let text = match History::new(entries) {
                Err(error) => error.to_string(),
                Ok(history) => match check(&history) {
                    Verdict::Linearizable => return None,
                    Verdict::Violated(violation) => violation.to_string(),
                    Verdict::TooComplex { visited } => format!("too complex: {visited} configurations"),
                },
            };
            Some(Broken { rule: Rule::Linearizable, text: format!("object {object}: {text}") })
        });
        judged.collect()
    }
}
