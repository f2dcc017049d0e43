//! Batches, as a client makes them.

use super::{MemoryAnswer, MemoryClient, MemoryError, MemoryOp, MemoryRequest, Pointer};
use crate::client::Channel;
use crate::wire::{Batch, BatchOp, MemoryStatus, parse_outcomes};
use bytes::Bytes;

/// Several operations on one object, at most 64, done in order with nobody else's between them. After one that is refused
/// the rest is not done; what was done before it stands.
#[derive(Debug)]
#[must_use = "a batch does nothing before it is run"]
pub struct MemoryBatch<'a> {
    /// Or why there is none.
    client: Result<&'a MemoryClient, MemoryError>,
    object: Pointer,
    ops: Vec<BatchOp>,
    data: Vec<Bytes>,
}

impl<'a> MemoryBatch<'a> {
    pub(super) fn new(client: Result<&'a MemoryClient, MemoryError>, object: Pointer) -> Self {
        Self { client, object, ops: Vec::new(), data: Vec::new() }
    }

    fn with(mut self, op: MemoryOp, offset: u64, len: u64) -> Self {
        self.ops.push(BatchOp { op, argument: 0, object: 0, offset, len });
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

    /// Ends the object; nothing can follow.
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
        let count = self.ops.len() as u64;
        let batch = Batch::new(self.ops).map_err(MemoryError::BadBatch)?;
        let mut body = Channel::buffer();
        body.put_slice(&batch.to_bytes());
        self.data.into_iter().for_each(|data| body.put_shared(data));
        let request = client.request(self.object, batch.strongest(), 0, 0);
        let request = MemoryRequest { is_batch: true, body: body.finish(), ..request };
        client.run(request, count, outcomes)
    }
}

fn outcomes(
    answer: MemoryAnswer,
    _channel: &Channel,
    expected: u64,
) -> Result<Vec<Result<Bytes, MemoryError>>, MemoryError> {
    let outcomes = parse_outcomes(&answer.body).map_err(|_error| MemoryError::BadAnswer("with a malformed batch"))?;
    if outcomes.len() as u64 != expected {
        return Err(MemoryError::BadAnswer("to another number of operations"));
    }
    let body = Bytes::from(answer.body);
    let result = |(outcome, place): (crate::wire::BatchOutcome, std::ops::Range<usize>)| match outcome.status {
        MemoryStatus::Ok => Ok(body.slice(place)),
        status => Err(MemoryError::Refused { status, detail: outcome.detail }),
    };
    Ok(outcomes.into_iter().map(result).collect())
}
