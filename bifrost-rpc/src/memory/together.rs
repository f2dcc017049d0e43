//! Short objects that one message reads, or makes, whole.

use super::client::Allocated;
use super::{MemoryAnswer, MemoryClient, MemoryError, MemoryOp, MemoryRequest, MemoryStatus, Pointer};
use crate::buffer::KEEP_BYTES_MIN;
use crate::client::Channel;
use crate::wire::{Batch, BatchOp, BatchOutcome, READ_TO_END, parse_outcomes};
use bytes::Bytes;
use std::ops::Range;

/// Objects of so many bytes are read and made together: their bytes are copied once more for that, which takes less time than
/// a message. Longer ones are received into their own memory.
pub(crate) const TOGETHER_BYTES_MAX: usize = 32 << 10;

/// What came of each of several.
pub(super) type Each<T> = Vec<Result<T, MemoryError>>;

impl MemoryClient {
    /// Whether a batch may make objects, or name these, now.
    pub(super) fn may_span_objects(&self, objects: &[Pointer]) -> bool {
        self.channel().may_span_objects(objects)
    }

    /// Reads objects of at most `bytes_max` bytes, whose lengths may not be known. Behind one that is refused nothing is read.
    pub(super) fn read_together(&self, objects: &[Pointer], bytes_max: usize) -> Result<Each<Vec<u8>>, MemoryError> {
        let Some(first) = objects.first() else { return Ok(Vec::new()) };
        let len = READ_TO_END | bytes_max.max(1) as u64;
        let read =
            |object: &Pointer| BatchOp { op: MemoryOp::Read, argument: 0, object: object.object(), offset: 0, len };
        let request = self.batch_request(*first, objects.iter().map(read).collect(), &[])?;
        self.run(request, objects.len() as u64, all_read)
    }

    /// Makes objects of these bytes. Behind one that is refused none is made.
    pub(super) fn allocate_together(&self, contents: &[Bytes]) -> Result<Each<Allocated>, MemoryError> {
        let alloc = |content: &Bytes| {
            let len = content.len() as u64;
            BatchOp { op: MemoryOp::Alloc, argument: 0, object: 0, offset: 0, len }
        };
        let request = self.batch_request(self.server(), contents.iter().map(alloc).collect(), contents)?;
        self.run(request, contents.len() as u64, all_made)
    }

    /// A message of several operations, with their data.
    pub(super) fn batch_request(
        &self,
        pointer: Pointer,
        ops: Vec<BatchOp>,
        data: &[Bytes],
    ) -> Result<MemoryRequest, MemoryError> {
        let batch = Batch::new(ops).map_err(MemoryError::BadBatch)?;
        let mut body = Channel::buffer();
        batch.put_into(body.tail_mut());
        for data in data {
            // To share a block takes an allocation, which few bytes are not worth.
            if data.len() < KEEP_BYTES_MIN { body.put_slice(data) } else { body.put_shared(data.clone()) }
        }
        let request = self.request(pointer, batch.strongest(), 0, 0);
        Ok(MemoryRequest { is_batch: true, body: body.finish(), ..request })
    }
}

/// How each operation ended, with the place of what it read; the answer has to be to so many.
pub(super) fn outcomes_of(
    answer: &MemoryAnswer,
    expected: u64,
) -> Result<impl ExactSizeIterator<Item = (BatchOutcome, Range<usize>)>, MemoryError> {
    let outcomes = parse_outcomes(&answer.body).map_err(|_error| MemoryError::BadAnswer("with a malformed batch"))?;
    match outcomes.len() as u64 == expected {
        true => Ok(outcomes),
        false => Err(MemoryError::BadAnswer("to another number of operations")),
    }
}

/// Makes what came of each operation, and gives the answer's memory back.
pub(super) fn each<T>(
    answer: MemoryAnswer,
    channel: &Channel,
    expected: u64,
    make: impl Fn(&BatchOutcome, &[u8]) -> Result<T, MemoryError>,
) -> Result<Each<T>, MemoryError> {
    let outcomes = outcomes_of(&answer, expected)?;
    let result = |(outcome, place): (BatchOutcome, Range<usize>)| match outcome.status {
        MemoryStatus::Ok => make(&outcome, answer.body.get(place).unwrap_or_default()),
        status => Err(MemoryError::Refused { status, detail: outcome.detail }),
    };
    let all = outcomes.map(result).collect();
    channel.recycle(answer.body);
    Ok(all)
}

fn all_read(answer: MemoryAnswer, channel: &Channel, expected: u64) -> Result<Each<Vec<u8>>, MemoryError> {
    each(answer, channel, expected, |_outcome, read| Ok(read.to_vec()))
}

fn all_made(answer: MemoryAnswer, channel: &Channel, expected: u64) -> Result<Each<Allocated>, MemoryError> {
    each(answer, channel, expected, |outcome, _nothing| {
        let object = outcome.made.ok_or(MemoryError::BadAnswer("without the object that it made"))?;
        Ok(Allocated { object, free: outcome.detail })
    })
}
