//! Batches, as a client makes them.

use super::together::{TOGETHER_BYTES_MAX, each, outcomes_of};
use super::{MemoryAnswer, MemoryClient, MemoryError, MemoryOp, MemoryRequest, Pointer};
use crate::client::Channel;
use crate::wire::{BATCH_MAX, BatchOp, BatchOutcome, MemoryStatus};
use bytes::Bytes;
use std::ops::Range;

/// Several operations, at most 64, done in order with nobody else's between them: on one object, on several
/// ([`MemoryBatch::on`]) only of a server that does not protect nodes from each other. After one that is refused the rest is not
/// done; what was done before it stands.
#[derive(Debug)]
#[must_use = "a batch does nothing before it is run"]
pub struct MemoryBatch<'a> {
    /// Or why there is none.
    client: Result<&'a MemoryClient, MemoryError>,
    object: Pointer,
    /// The object of the next operation; 0 for `object`.
    current: u64,
    ops: Vec<BatchOp>,
    data: Vec<Bytes>,
}

impl<'a> MemoryBatch<'a> {
    pub(super) fn new(client: Result<&'a MemoryClient, MemoryError>, object: Pointer) -> Self {
        Self { client, object, current: 0, ops: Vec::new(), data: Vec::new() }
    }

    fn with(mut self, op: MemoryOp, offset: u64, len: u64) -> Self {
        self.ops.push(BatchOp { op, argument: 0, object: self.current, offset, len });
        self
    }

    /// What follows is about another object of the same server. Servers that protect nodes from each other refuse such a
    /// batch.
    pub fn on(mut self, object: Pointer) -> Self {
        if object.root() != self.object.root() {
            self.client = Err(MemoryError::UnknownServer(object.server()));
        }
        self.current = if object == self.object { 0 } else { object.object() };
        self
    }

    /// Reads a range.
    pub fn read(self, offset: u64, len: u64) -> Self {
        self.with(MemoryOp::Read, offset, len)
    }

    /// Writes data.
    pub fn write(mut self, offset: u64, data: impl Into<Bytes>) -> Self {
        let data = data.into();
        let len = data.len() as u64;
        self.data.push(data);
        self.with(MemoryOp::Write, offset, len)
    }

    /// Ends the object; nothing about it can follow.
    pub fn free(self) -> Self {
        self.with(MemoryOp::Free, 0, 0)
    }

    /// Sends the batch. Returns the result of each operation: what a read has read, nothing for others.
    ///
    /// # Errors
    ///
    /// [`MemoryError`]; nothing was done then, except where the error says otherwise.
    pub fn run(self) -> Result<Vec<Result<Bytes, MemoryError>>, MemoryError> {
        let client = self.client?;
        let mut ops = self.ops;
        let count = ops.len();
        let along = frees_along(client, self.object, &mut ops);
        let ended = run(client, self.object, ops, &self.data);
        let is_done = |at: usize| ended.as_ref().is_ok_and(|ended| ended.get(count + at).is_some_and(was_done));
        for (_, object) in along.into_iter().enumerate().filter(|(at, _)| !is_done(*at)) {
            client.free_later(object);
        }
        ended.map(|mut outcomes| {
            outcomes.truncate(count);
            outcomes
        })
    }
}

/// Objects whose end was put off end by a batch that ends an object anyway, where it may name several.
fn frees_along(client: &MemoryClient, object: Pointer, ops: &mut Vec<BatchOp>) -> Vec<Pointer> {
    if ops.last().is_none_or(|op| op.op != MemoryOp::Free) {
        return Vec::new();
    }
    let freed = |put_off: &MemoryRequest| {
        let is_along = put_off.op == MemoryOp::Free && put_off.pointer.root() == object.root();
        is_along.then_some(put_off.pointer)
    };
    let objects = client.channel().take_put_off(BATCH_MAX.saturating_sub(ops.len()), freed);
    ops.extend(objects.iter().map(|object| free_of(*object)));
    objects
}

fn free_of(object: Pointer) -> BatchOp {
    BatchOp { op: MemoryOp::Free, argument: 0, object: object.object(), offset: 0, len: 0 }
}

/// Whether an operation was done or refused, rather than left out because of one before it.
fn was_done(outcome: &Result<Bytes, MemoryError>) -> bool {
    !matches!(outcome, Err(MemoryError::Refused { status: MemoryStatus::NotDone, .. }))
}

fn run(
    client: &MemoryClient,
    object: Pointer,
    ops: Vec<BatchOp>,
    data: &[Bytes],
) -> Result<Vec<Result<Bytes, MemoryError>>, MemoryError> {
    let count = ops.len() as u64;
    let request = client.batch_request(object, ops, data)?;
    client.run(request, count, outcomes)
}

fn outcomes(
    answer: MemoryAnswer,
    channel: &Channel,
    expected: u64,
) -> Result<Vec<Result<Bytes, MemoryError>>, MemoryError> {
    if answer.body.len() <= TOGETHER_BYTES_MAX {
        return each(answer, channel, expected, |_outcome, read| Ok(Bytes::copy_from_slice(read)));
    }
    let outcomes: Vec<_> = outcomes_of(&answer, expected)?.collect();
    let body = Bytes::from(answer.body);
    let result = |(outcome, place): (BatchOutcome, Range<usize>)| match outcome.status {
        MemoryStatus::Ok => Ok(body.slice(place)),
        status => Err(MemoryError::Refused { status, detail: outcome.detail }),
    };
    Ok(outcomes.into_iter().map(result).collect())
}
