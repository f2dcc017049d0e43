//! Several operations in one message.

use super::{Cursor, MemoryOp, MemoryStatus, WireError};
use std::ops::Range;

/// Operations of a batch at most.
pub const BATCH_MAX: usize = 64;
/// Bytes before the entries.
const HEAD_BYTES: usize = 8;
/// Bytes of an entry.
const ENTRY_BYTES: usize = 32;

/// One operation of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchOp {
    /// A READ, a WRITE, or, as the last on its object, a FREE.
    pub op: MemoryOp,
    /// Its argument, as in a pointer.
    pub argument: u8,
    /// The object's id; 0 for the object of the packet. Servers that protect nodes from each other take no other.
    pub object: u64,
    /// Where in the object.
    pub offset: u64,
    /// How many bytes.
    pub len: u64,
}

/// The operations of a batch. The data of its writes follow in the message, in the same order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batch {
    ops: Vec<BatchOp>,
}

impl Batch {
    /// A batch of these operations.
    ///
    /// # Errors
    ///
    /// There are none or more than [`BATCH_MAX`]; one is an ALLOC; one follows the FREE of its object; a range reaches past
    /// the end of all objects; a FREE has a range.
    pub fn new(ops: Vec<BatchOp>) -> Result<Self, WireError> {
        if ops.is_empty() || ops.len() > BATCH_MAX {
            return Err(WireError::Field("number of operations in a batch"));
        }
        for (at, op) in ops.iter().enumerate() {
            let is_freed = ops[..at].iter().any(|before| before.op == MemoryOp::Free && before.object == op.object);
            let fits = match op.op {
                _ if is_freed => false,
                MemoryOp::Alloc => false,
                MemoryOp::Free => op.offset == 0 && op.len == 0,
                MemoryOp::Read | MemoryOp::Write => op.offset.checked_add(op.len).is_some(),
            };
            if !fits {
                return Err(WireError::Field("operation in a batch"));
            }
        }
        Ok(Self { ops })
    }

    /// The operations in order.
    #[must_use]
    pub fn ops(&self) -> &[BatchOp] {
        &self.ops
    }

    /// What the batch counts as: FREE before WRITE before READ.
    #[must_use]
    pub fn strongest(&self) -> MemoryOp {
        self.ops.iter().map(|op| op.op).max().unwrap_or(MemoryOp::Read)
    }

    /// Head and entries on the wire; the data of the writes are to follow.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = head(self.ops.len());
        for op in &self.ops {
            out.extend_from_slice(&[op.op as u8, op.argument, 0, 0, 0, 0, 0, 0]);
            out.extend_from_slice(&op.object.to_be_bytes());
            out.extend_from_slice(&op.offset.to_be_bytes());
            out.extend_from_slice(&op.len.to_be_bytes());
        }
        out
    }

    /// Reads a batch. With each write comes the place of its data in `body`; with others an empty one.
    ///
    /// # Errors
    ///
    /// As [`Batch::new`], or the data are not those that the writes announce.
    pub fn parse(body: &[u8]) -> Result<(Self, Vec<Range<usize>>), WireError> {
        let (mut from, count) = entries(body)?;
        let mut ops = Vec::with_capacity(count);
        for _ in 0..count {
            let op = MemoryOp::from_wire(from.u8()).ok_or(WireError::Field("operation in a batch"))?;
            let argument = from.u8();
            let _reserved = from.array::<6>();
            ops.push(BatchOp { op, argument, object: from.u64(), offset: from.u64(), len: from.u64() });
        }
        let batch = Self::new(ops)?;
        let data = |op: &BatchOp| if op.op == MemoryOp::Write { op.len } else { 0 };
        let places = places(body, count, batch.ops.iter().map(data))?;
        Ok((batch, places))
    }
}

/// How one operation of a batch ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchOutcome {
    /// How it ended.
    pub status: MemoryStatus,
    /// A detail of the status.
    pub detail: u64,
    /// Bytes read.
    pub len: u64,
}

/// Head and entries of the answer to a batch; the data read are to follow, in the same order.
#[must_use]
pub fn outcomes_to_bytes(outcomes: &[BatchOutcome]) -> Vec<u8> {
    let mut out = head(outcomes.len());
    for outcome in outcomes {
        out.extend_from_slice(&outcome.status.to_wire().to_be_bytes());
        out.extend_from_slice(&[0; 6]);
        out.extend_from_slice(&outcome.detail.to_be_bytes());
        out.extend_from_slice(&outcome.len.to_be_bytes());
        out.extend_from_slice(&[0; 8]);
    }
    out
}

/// Reads the answer to a batch: how each operation ended, and where in `body` the data are that it read.
///
/// # Errors
///
/// There are none or more than [`BATCH_MAX`], or the data are not those announced.
pub fn parse_outcomes(body: &[u8]) -> Result<Vec<(BatchOutcome, Range<usize>)>, WireError> {
    let (mut from, count) = entries(body)?;
    let mut outcomes = Vec::with_capacity(count);
    for _ in 0..count {
        let status = MemoryStatus::from_wire(from.u16());
        let _reserved = from.array::<6>();
        outcomes.push(BatchOutcome { status, detail: from.u64(), len: from.u64() });
        let _reserved = from.u64();
    }
    let places = places(body, count, outcomes.iter().map(|outcome| outcome.len))?;
    Ok(outcomes.into_iter().zip(places).collect())
}

fn head(count: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEAD_BYTES + count * ENTRY_BYTES);
    // At most 64, where `Batch::new` made them.
    out.extend_from_slice(&u16::try_from(count).unwrap_or(u16::MAX).to_be_bytes());
    out.extend_from_slice(&[0; 6]);
    out
}

/// A cursor at the entries, of which so many are there.
fn entries(body: &[u8]) -> Result<(Cursor<'_>, usize), WireError> {
    let count = usize::from(Cursor::new(body, HEAD_BYTES)?.u16());
    if count == 0 || count > BATCH_MAX {
        return Err(WireError::Field("number of operations in a batch"));
    }
    let mut from = Cursor::new(body, HEAD_BYTES + count * ENTRY_BYTES)?;
    let _head = from.array::<HEAD_BYTES>();
    Ok((from, count))
}

/// Where data of these lengths stand behind the entries; they have to fill the body.
fn places(body: &[u8], count: usize, lens: impl Iterator<Item = u64>) -> Result<Vec<Range<usize>>, WireError> {
    let mut at = HEAD_BYTES + count * ENTRY_BYTES;
    let mut places = Vec::with_capacity(count);
    for len in lens {
        let end = usize::try_from(len).ok().and_then(|len| at.checked_add(len)).filter(|end| *end <= body.len());
        let end = end.ok_or(WireError::Field("length in a batch"))?;
        places.push(at..end);
        at = end;
    }
    if at != body.len() {
        return Err(WireError::Field("length of a batch"));
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn op(op: MemoryOp, offset: u64, len: u64) -> BatchOp {
        BatchOp { op, argument: 0, object: 0, offset, len }
    }

    #[test]
    fn a_batch_counts_as_its_strongest_operation() {
        use MemoryOp::{Free, Read, Write};
        let strongest = |ops: &[BatchOp]| Batch::new(ops.to_vec()).unwrap().strongest();
        assert_eq!(strongest(&[op(Read, 0, 1), op(Read, 1, 1)]), Read);
        assert_eq!(strongest(&[op(Write, 0, 1), op(Read, 1, 1)]), Write);
        assert_eq!(strongest(&[op(Read, 0, 1), op(Write, 0, 1), op(Free, 0, 0)]), Free);
    }

    #[test]
    fn batches_that_make_no_sense_are_refused() {
        use MemoryOp::{Alloc, Free, Read, Write};
        assert!(Batch::new(Vec::new()).is_err(), "empty");
        assert!(Batch::new(vec![op(Read, 0, 1); BATCH_MAX + 1]).is_err(), "too many");
        assert!(Batch::new(vec![op(Alloc, 0, 1)]).is_err(), "an allocation");
        assert!(Batch::new(vec![op(Free, 0, 0), op(Read, 0, 1)]).is_err(), "a read after the end");
        assert!(Batch::new(vec![op(Free, 0, 0), op(Free, 0, 0)]).is_err(), "ended twice");
        let other = BatchOp { object: 7, ..op(Free, 0, 0) };
        assert!(Batch::new(vec![other, op(Read, 0, 1), op(Free, 0, 0)]).is_ok(), "the end of another object");
        assert!(Batch::new(vec![op(Free, 0, 1)]).is_err(), "a range to be freed");
        assert!(Batch::new(vec![op(Write, u64::MAX, 1)]).is_err(), "past the end of all objects");
        let mut short = Batch::new(vec![op(Write, 0, 8)]).unwrap().to_bytes();
        assert!(Batch::parse(&short).is_err(), "data missing");
        short.extend_from_slice(&[7; 9]);
        assert!(Batch::parse(&short).is_err(), "too much data");
        short[32..40].copy_from_slice(&[0xFF; 8]);
        assert!(Batch::parse(&short).is_err(), "more than there can be");
    }

    proptest! {
        #[test]
        fn batches_round_trip(ops in prop::collection::vec((2u8..=3, any::<u32>(), 0u64..300), 1..=BATCH_MAX), frees: bool) {
            let mut ops: Vec<BatchOp> = ops.into_iter()
                .map(|(number, offset, len)| op(MemoryOp::from_wire(number).unwrap(), u64::from(offset), len)).collect();
            if frees && ops.len() < BATCH_MAX {
                ops.push(op(MemoryOp::Free, 0, 0));
            }
            let batch = Batch::new(ops).unwrap();
            let mut body = batch.to_bytes();
            for (number, op) in (0u8..).zip(batch.ops()) {
                if op.op == MemoryOp::Write {
                    body.extend(std::iter::repeat_n(number, usize::try_from(op.len).unwrap()));
                }
            }
            let (read, places) = Batch::parse(&body).unwrap();
            prop_assert_eq!(&read, &batch);
            for (number, (op, place)) in (0u8..).zip(batch.ops().iter().zip(places)) {
                let len = if op.op == MemoryOp::Write { op.len } else { 0 };
                prop_assert_eq!(place.len() as u64, len);
                prop_assert!(body[place].iter().all(|byte| *byte == number));
            }
        }

        #[test]
        fn outcomes_round_trip(outcomes in prop::collection::vec((any::<u16>(), any::<u64>(), 0u64..300), 1..=BATCH_MAX)) {
            let outcomes: Vec<BatchOutcome> = outcomes.into_iter()
                .map(|(code, detail, len)| BatchOutcome { status: MemoryStatus::from_wire(code), detail, len }).collect();
            let mut body = outcomes_to_bytes(&outcomes);
            let data: u64 = outcomes.iter().map(|outcome| outcome.len).sum();
            body.resize(body.len() + usize::try_from(data).unwrap(), 9);
            let read = parse_outcomes(&body).unwrap();
            prop_assert_eq!(read.iter().map(|(outcome, _)| *outcome).collect::<Vec<_>>(), outcomes);
            prop_assert!(read.iter().all(|(outcome, place)| place.len() as u64 == outcome.len));
            body.push(0);
            prop_assert!(parse_outcomes(&body).is_err());
        }

        #[test]
        fn any_bytes_are_parsed_or_refused(mut bytes in prop::collection::vec(any::<u8>(), 0..400), count in 0u8..=80) {
            if let Some(head) = bytes.first_chunk_mut::<2>() {
                *head = [0, count];
            }
            let _ = Batch::parse(&bytes);
            let _ = parse_outcomes(&bytes);
        }
    }
}
