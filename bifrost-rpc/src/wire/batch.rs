//! Several operations in one message.

use super::{Cursor, MemoryOp, MemoryStatus, Pointer, WireError};
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
    /// A READ, a WRITE, or, as the last on its object, a FREE; or an ALLOC among nothing but ALLOCs.
    pub op: MemoryOp,
    /// Its argument, as in a pointer.
    pub argument: u8,
    /// The object's id; 0 for the object of the packet, and for an ALLOC. Servers that protect nodes from each other take no
    /// other.
    pub object: u64,
    /// Where in the object.
    pub offset: u64,
    /// How many bytes; of an ALLOC, the object's, all of which follow.
    pub len: u64,
}

/// The operations of a batch. The data of its writes, or of the objects that it makes, follow in the message, in the same order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batch {
    ops: Vec<BatchOp>,
}

impl Batch {
    /// A batch of these operations.
    ///
    /// # Errors
    ///
    /// There are none or more than [`BATCH_MAX`]; an ALLOC is beside others, names an object or has an offset; one follows the
    /// FREE of its object; a range reaches past the end of all objects; a FREE has a range.
    pub fn new(ops: Vec<BatchOp>) -> Result<Self, WireError> {
        if ops.is_empty() || ops.len() > BATCH_MAX {
            return Err(WireError::Field("number of operations in a batch"));
        }
        let makes = ops.first().is_some_and(|op| op.op == MemoryOp::Alloc);
        for (at, op) in ops.iter().enumerate() {
            let is_freed = ops[..at].iter().any(|before| before.op == MemoryOp::Free && before.object == op.object);
            let fits = match op.op {
                _ if is_freed || (op.op == MemoryOp::Alloc) != makes => false,
                MemoryOp::Alloc => op.object == 0 && op.offset == 0,
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

    /// What the batch counts as: ALLOC, or FREE before WRITE before READ.
    #[must_use]
    pub fn strongest(&self) -> MemoryOp {
        self.ops.iter().map(|op| op.op).max().unwrap_or(MemoryOp::Read)
    }

    /// Whether it does no more than a packet that says this operation may ask for.
    #[must_use]
    pub fn may_go_as(&self, op: MemoryOp) -> bool {
        let strongest = self.strongest();
        (strongest == MemoryOp::Alloc) == (op == MemoryOp::Alloc) && strongest <= op
    }

    /// Head and entries on the wire; the data are to follow.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.put_into(&mut out);
        out
    }

    /// Appends what [`Batch::to_bytes`] gives.
    pub fn put_into(&self, out: &mut Vec<u8>) {
        put_head(self.ops.len(), out);
        for op in &self.ops {
            let mut entry = [0; ENTRY_BYTES];
            [entry[0], entry[1]] = [op.op as u8, op.argument];
            entry[8..16].copy_from_slice(&op.object.to_be_bytes());
            entry[16..24].copy_from_slice(&op.offset.to_be_bytes());
            entry[24..32].copy_from_slice(&op.len.to_be_bytes());
            out.extend_from_slice(&entry);
        }
    }

    /// Reads a batch, whose data [`Batch::with_data`] then finds.
    ///
    /// # Errors
    ///
    /// As [`Batch::new`], or the data are not those announced.
    pub fn parse(body: &[u8]) -> Result<Self, WireError> {
        let (mut from, count) = entries(body)?;
        let mut ops = Vec::with_capacity(count);
        for _ in 0..count {
            let op = MemoryOp::from_wire(from.u8()).ok_or(WireError::Field("operation in a batch"))?;
            let argument = from.u8();
            let _reserved = from.array::<6>();
            ops.push(BatchOp { op, argument, object: from.u64(), offset: from.u64(), len: from.u64() });
        }
        let batch = Self::new(ops)?;
        let mut at = outcomes_bytes(count);
        for op in &batch.ops {
            next_place(body, &mut at, op.data_len())?;
        }
        if at == body.len() { Ok(batch) } else { Err(WireError::Field("length of a batch")) }
    }

    /// The operations with their data in the body that they were read from; with most come none.
    pub fn with_data<'a>(&'a self, body: &'a [u8]) -> impl Iterator<Item = (&'a BatchOp, &'a [u8])> {
        let mut at = outcomes_bytes(self.ops.len());
        self.ops.iter().map(move |op| {
            let place = next_place(body, &mut at, op.data_len()).unwrap_or_default();
            (op, body.get(place).unwrap_or_default())
        })
    }
}

impl BatchOp {
    /// Bytes of its data.
    const fn data_len(&self) -> u64 {
        if matches!(self.op, MemoryOp::Write | MemoryOp::Alloc) { self.len } else { 0 }
    }
}

/// How one operation of a batch ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchOutcome {
    /// How it ended.
    pub status: MemoryStatus,
    /// A detail of the status; of an ALLOC that succeeded the bytes free at the server, 0 if it does not say.
    pub detail: u64,
    /// Bytes read.
    pub len: u64,
    /// The object that an ALLOC made.
    pub made: Option<Pointer>,
}

impl BatchOutcome {
    /// A status with its detail: nothing was read or made.
    #[must_use]
    pub const fn with(status: MemoryStatus, detail: u64) -> Self {
        Self { status, detail, len: 0, made: None }
    }
}

/// Head and entries of the answer to a batch; the data read are to follow, in the same order.
#[must_use]
pub fn outcomes_to_bytes(outcomes: &[BatchOutcome]) -> Vec<u8> {
    let mut out = Vec::new();
    put_outcomes(outcomes.iter().copied(), outcomes.len(), &mut out);
    out
}

/// Bytes of head and entries of the answer to so many operations.
#[must_use]
pub const fn outcomes_bytes(count: usize) -> usize {
    HEAD_BYTES + count * ENTRY_BYTES
}

/// Appends what [`outcomes_to_bytes`] gives, of so many.
pub fn put_outcomes(outcomes: impl Iterator<Item = BatchOutcome>, count: usize, out: &mut Vec<u8>) {
    put_head(count, out);
    for outcome in outcomes.take(count) {
        let made = outcome.made.unwrap_or_default();
        let mut entry = [0; ENTRY_BYTES];
        entry[..2].copy_from_slice(&outcome.status.to_wire().to_be_bytes());
        [entry[2], entry[3]] = [made.prefix(), made.server()];
        entry[8..16].copy_from_slice(&outcome.detail.to_be_bytes());
        entry[16..24].copy_from_slice(&outcome.len.to_be_bytes());
        entry[24..32].copy_from_slice(&made.object().to_be_bytes());
        out.extend_from_slice(&entry);
    }
}

/// Reads the answer to a batch: how each operation ended, and where in `body` the data are that it read.
///
/// # Errors
///
/// There are none or more than [`BATCH_MAX`], or the data are not those announced.
pub fn parse_outcomes(body: &[u8]) -> Result<Vec<(BatchOutcome, Range<usize>)>, WireError> {
    let (mut from, count) = entries(body)?;
    let mut outcomes = Vec::with_capacity(count);
    let mut at = outcomes_bytes(count);
    for _ in 0..count {
        let status = MemoryStatus::from_wire(from.u16());
        let [prefix, server, ..] = from.array::<6>();
        let (detail, len, object) = (from.u64(), from.u64(), from.u64());
        let made = (object != 0).then(|| Pointer::new(prefix, server, object));
        outcomes.push((BatchOutcome { status, detail, len, made }, next_place(body, &mut at, len)?));
    }
    if at == body.len() { Ok(outcomes) } else { Err(WireError::Field("length of a batch")) }
}

fn put_head(count: usize, out: &mut Vec<u8>) {
    out.reserve(HEAD_BYTES + count * ENTRY_BYTES);
    // At most 64, where `Batch::new` made them.
    let [high, low] = u16::try_from(count).unwrap_or(u16::MAX).to_be_bytes();
    out.extend_from_slice(&[high, low, 0, 0, 0, 0, 0, 0]);
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

/// The place of `len` bytes from `at` on, which becomes its end.
fn next_place(body: &[u8], at: &mut usize, len: u64) -> Result<Range<usize>, WireError> {
    let end = usize::try_from(len).ok().and_then(|len| at.checked_add(len)).filter(|end| *end <= body.len());
    let start = std::mem::replace(at, end.ok_or(WireError::Field("length in a batch"))?);
    Ok(start..*at)
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
        assert_eq!(strongest(&[op(MemoryOp::Alloc, 0, 1), op(MemoryOp::Alloc, 0, 2)]), MemoryOp::Alloc);
    }

    #[test]
    fn a_batch_goes_as_what_it_is_or_as_something_stronger_but_makes_objects_only_as_alloc() {
        use MemoryOp::{Alloc, Free, Read, Write};
        let may = |own: MemoryOp| {
            [Alloc, Read, Write, Free].map(|sent_as| {
                let len = u64::from(own != Free);
                Batch::new(vec![op(own, 0, len)]).unwrap().may_go_as(sent_as)
            })
        };
        assert_eq!(may(Alloc), [true, false, false, false]);
        assert_eq!(may(Read), [false, true, true, true]);
        assert_eq!(may(Write), [false, false, true, true]);
        assert_eq!(may(Free), [false, false, false, true]);
    }

    #[test]
    fn batches_that_make_no_sense_are_refused() {
        use MemoryOp::{Alloc, Free, Read, Write};
        assert!(Batch::new(Vec::new()).is_err(), "empty");
        assert!(Batch::new(vec![op(Read, 0, 1); BATCH_MAX + 1]).is_err(), "too many");
        assert!(Batch::new(vec![op(Alloc, 0, 1), op(Alloc, 0, 1)]).is_ok(), "objects to be made");
        assert!(Batch::new(vec![op(Alloc, 1, 1)]).is_err(), "an object that begins elsewhere");
        assert!(Batch::new(vec![BatchOp { object: 7, ..op(Alloc, 0, 1) }]).is_err(), "an object that is there");
        assert!(Batch::new(vec![op(Alloc, 0, 1), op(Read, 0, 1)]).is_err(), "an allocation and a read");
        assert!(Batch::new(vec![op(Free, 0, 0), op(Alloc, 0, 1)]).is_err(), "an allocation at the end");
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
            let read = Batch::parse(&body).unwrap();
            prop_assert_eq!(&read, &batch);
            for (number, (op, data)) in (0u8..).zip(read.with_data(&body)) {
                let len = if op.op == MemoryOp::Write { op.len } else { 0 };
                prop_assert_eq!(data.len() as u64, len);
                prop_assert!(data.iter().all(|byte| *byte == number));
            }
        }

        #[test]
        fn batches_that_make_objects_round_trip(lens in prop::collection::vec(0u64..300, 1..=BATCH_MAX)) {
            let batch = Batch::new(lens.iter().map(|len| op(MemoryOp::Alloc, 0, *len)).collect()).unwrap();
            let mut body = batch.to_bytes();
            for (number, len) in (0u8..).zip(&lens) {
                body.extend(std::iter::repeat_n(number, usize::try_from(*len).unwrap()));
            }
            let read = Batch::parse(&body).unwrap();
            prop_assert_eq!(&read, &batch);
            for (number, (op, data)) in (0u8..).zip(read.with_data(&body)) {
                prop_assert!(data.len() as u64 == op.len && data.iter().all(|byte| *byte == number));
            }
            body.push(0);
            prop_assert!(Batch::parse(&body).is_err());
        }

        #[test]
        fn outcomes_round_trip(outcomes in prop::collection::vec((any::<u16>(), any::<u64>(), 0u64..300, any::<(u8, u8, u64)>()), 1..=BATCH_MAX)) {
            let made = |(prefix, server, object)| (object > 1 << 63).then(|| Pointer::new(prefix, server, object));
            let outcomes: Vec<BatchOutcome> = outcomes.into_iter()
                .map(|(code, detail, len, pointer)| BatchOutcome { status: MemoryStatus::from_wire(code), detail, len, made: made(pointer) })
                .collect();
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
