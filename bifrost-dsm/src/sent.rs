//! Batches in the form in which they came, and their answers in the form in which they go.

use crate::ledger::trimmed;
use crate::operation::{Action, Answer, Data, Step};
use crate::refusal::Refusal;
use bifrost_rpc::memory::{BatchBody, BatchOp, BatchOutcome, MemoryOp, MemoryStatus, ObjectId, Pointer};
use bifrost_rpc::wire::OutcomesBody;

/// A batch as it came, of which each step is made when it is its turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentBatch {
    target: Pointer,
    body: BatchBody,
}

impl SentBatch {
    /// A batch that was sent to an object; steps without one of their own are on it.
    #[must_use]
    pub const fn new(target: Pointer, body: BatchBody) -> Self {
        Self { target, body }
    }

    /// Its steps.
    pub fn steps(&self) -> impl Iterator<Item = Step> {
        self.body.ops().map(|(op, data)| Step {
            target: self.target_of(&op),
            previous: 0,
            unit_log2: op.argument,
            action: match op.op {
                MemoryOp::Read => Action::Read { offset: op.offset, len: op.len },
                MemoryOp::Write => Action::Write { offset: op.offset, data: data.to_vec() },
                MemoryOp::Alloc => Action::AllocWrite { len: op.len, data: data.to_vec() },
                MemoryOp::Free => Action::Free,
            },
        })
    }

    /// How many steps there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.body.count()
    }

    /// How many of them read.
    pub(crate) fn reads(&self) -> usize {
        self.body.reads()
    }

    pub(crate) fn only_reads(&self) -> bool {
        self.body.strongest() == MemoryOp::Read
    }

    pub(crate) fn data_bytes(&self) -> usize {
        self.body.data_bytes()
    }

    pub(crate) fn is_on_one_object(&self) -> bool {
        let mut targets = self.body.ops().map(|(op, _)| self.target_of(&op));
        let first = targets.next();
        self.body.strongest() != MemoryOp::Alloc && targets.all(|target| Some(target) == first)
    }

    /// The message that it came in.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.body.into_bytes()
    }

    const fn target_of(&self, op: &BatchOp) -> Pointer {
        if op.object == 0 { self.target } else { self.target.with_object(ObjectId::from_bits(op.object)) }
    }
}

/// What a batch reads at once of no more bytes is copied into its answer, for which as much is set aside for each read to come.
const COPIED_BYTES_MAX: usize = 4096;

/// The memory of a batch of no more bytes is used again, for the answer to the next; so much may be more than that answer needs.
const SPARE_BYTES_MAX: usize = 8192;

/// What came of a batch as it came: outcomes and what was read, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentAnswer {
    /// With what was read and is short, as far as nothing long stands before it.
    outcomes: OutcomesBody,
    /// What was read behind that.
    data: Vec<Data>,
}

impl SentAnswer {
    /// The answer to a batch of so many steps, of which nothing is done, in the memory of `spent`.
    pub(crate) fn new(steps: usize, spent: Vec<u8>) -> Self {
        Self { outcomes: OutcomesBody::recycle(steps, spent), data: Vec::new() }
    }

    /// Whether an answer may be made in this memory.
    pub(crate) const fn may_recycle(spent: &Vec<u8>) -> bool {
        spent.capacity() <= SPARE_BYTES_MAX
    }

    /// The answer to a batch of so many steps that was done step by step.
    pub(crate) fn of(answers: Vec<Answer>, refusal: Option<Refusal>, steps: usize) -> Self {
        let mut sent = Self::new(steps, Vec::new());
        for answer in answers {
            match answer {
                Answer::Data(data) => sent.share(data),
                Answer::Allocated(made) => sent.done(Some(made)),
                _ => sent.done(None),
            }
        }
        if let Some(refusal) = refusal {
            sent.refused(refusal);
        }
        sent
    }

    /// A step was done that reads nothing.
    pub(crate) fn done(&mut self, made: Option<Pointer>) {
        self.outcomes.push(&BatchOutcome { made, ..BatchOutcome::with(MemoryStatus::Ok, 0) });
    }

    /// A step was refused; those behind it are not done.
    pub(crate) fn refused(&mut self, refusal: Refusal) {
        self.outcomes.push(&BatchOutcome::with(refusal.status(), refusal.detail()));
    }

    /// Whether so many bytes that are read now can be copied behind the outcomes.
    pub(crate) const fn takes_copies(&self, bytes: usize) -> bool {
        bytes <= COPIED_BYTES_MAX && self.data.is_empty()
    }

    /// A step has read these bytes; so many reads, which are taken to be as long, are still to come.
    pub(crate) fn copy(&mut self, read: &[u8], still: usize) {
        self.outcomes.reserve(read.len() * (still + 1));
        self.read(read.len());
        self.outcomes.put_data(read);
    }

    /// A step has read this.
    pub(crate) fn share(&mut self, data: Data) {
        self.read(data.len());
        self.data.push(data);
    }

    fn read(&mut self, len: usize) {
        self.outcomes.push(&BatchOutcome { len: len as u64, ..BatchOutcome::with(MemoryStatus::Ok, 0) });
    }

    /// The first bytes of the answer as it is sent, and what was read behind them. So many bytes are free at the server.
    #[must_use]
    pub fn into_parts(mut self, free: u64) -> (Vec<u8>, Vec<Data>) {
        self.outcomes.set_free(free);
        let head = self.outcomes.finish();
        (if Self::may_recycle(&head) { head } else { trimmed(head) }, self.data)
    }
}
