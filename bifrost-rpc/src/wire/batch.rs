//! Several operations in one message.

use super::{Cursor, MemoryOp, MemoryStatus, Pointer, WireError};
use std::ops::Range;

/// Operations of a batch at most.
pub const BATCH_MAX: usize = 64;
/// Bytes before the entries.
const HEAD_BYTES: usize = 8;
/// Bytes of an entry.
const ENTRY_BYTES: usize = 32;

const NUMBER: WireError = WireError::Field("number of operations in a batch");
const OPERATION: WireError = WireError::Field("operation in a batch");

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
        if ops.len() > BATCH_MAX {
            return Err(NUMBER);
        }
        strongest(ops.iter().copied())?;
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
}

/// A batch in the body that it came in, whose operations take no further memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchBody {
    body: Vec<u8>,
    strongest: MemoryOp,
}

impl BatchBody {
    /// Checks that a body is a batch.
    ///
    /// # Errors
    ///
    /// As [`Batch::new`], or the data are not those announced.
    pub fn new(body: Vec<u8>) -> Result<Self, WireError> {
        let strongest = Self::check(&body)?;
        Ok(Self { body, strongest })
    }

    /// The strongest operation of a body that is a batch.
    fn check(body: &[u8]) -> Result<MemoryOp, WireError> {
        let entries = entries(body)?;
        if entries.iter().any(|[kind, ..]| MemoryOp::from_wire(*kind).is_none()) {
            return Err(OPERATION);
        }
        let mut ops = entries.iter().filter_map(BatchOp::from_entry);
        let strongest = strongest(ops.clone())?;
        let mut at = outcomes_bytes(entries.len());
        ops.try_for_each(|op| next_place(body, &mut at, op.data_len()).map(|_| ()))?;
        if at == body.len() { Ok(strongest) } else { Err(WireError::Field("length of a batch")) }
    }

    /// How many operations there are.
    #[must_use]
    pub fn count(&self) -> usize {
        entries(&self.body).map_or(0, <[_]>::len)
    }

    /// What the batch counts as, as [`Batch::strongest`] says it.
    #[must_use]
    pub const fn strongest(&self) -> MemoryOp {
        self.strongest
    }

    /// Whether it does no more than a packet that says this operation may ask for.
    #[must_use]
    pub fn may_go_as(&self, op: MemoryOp) -> bool {
        (self.strongest == MemoryOp::Alloc) == (op == MemoryOp::Alloc) && self.strongest <= op
    }

    /// The operations with their data; with most come none.
    pub fn ops(&self) -> impl Iterator<Item = (BatchOp, &[u8])> {
        let entries = entries(&self.body).unwrap_or_default();
        let mut data = self.body.get(outcomes_bytes(entries.len())..).unwrap_or_default();
        entries.iter().filter_map(BatchOp::from_entry).map(move |op| {
            let len = usize::try_from(op.data_len()).unwrap_or(usize::MAX).min(data.len());
            let (own, behind) = data.split_at(len);
            data = behind;
            (op, own)
        })
    }

    /// How many of the operations read.
    #[must_use]
    pub fn reads(&self) -> usize {
        let reads = |entry: &&[u8; ENTRY_BYTES]| entry[0] == MemoryOp::Read as u8;
        entries(&self.body).unwrap_or_default().iter().filter(reads).count()
    }

    /// Bytes of all data.
    #[must_use]
    pub fn data_bytes(&self) -> usize {
        self.body.len().saturating_sub(outcomes_bytes(self.count()))
    }

    /// The body.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.body
    }
}

impl BatchOp {
    fn from_entry(entry: &[u8; ENTRY_BYTES]) -> Option<Self> {
        let mut from = Cursor(entry);
        let (op, argument) = (MemoryOp::from_wire(from.u8())?, from.u8());
        let _reserved = from.array::<6>();
        Some(Self { op, argument, object: from.u64(), offset: from.u64(), len: from.u64() })
    }

    /// Bytes of its data.
    const fn data_len(&self) -> u64 {
        if matches!(self.op, MemoryOp::Write | MemoryOp::Alloc) { self.len } else { 0 }
    }

    /// Whether it makes sense, in a batch that makes objects or in one that does not.
    const fn fits(&self, makes: bool) -> bool {
        match self.op {
            MemoryOp::Alloc => makes && self.object == 0 && self.offset == 0,
            _ if makes => false,
            MemoryOp::Free => self.offset == 0 && self.len == 0,
            MemoryOp::Read | MemoryOp::Write => self.offset.checked_add(self.len).is_some(),
        }
    }
}

/// What operations count as together, if they can be a batch.
fn strongest(ops: impl Iterator<Item = BatchOp> + Clone) -> Result<MemoryOp, WireError> {
    let mut strongest = None;
    for (at, op) in ops.clone().enumerate() {
        let before = strongest.unwrap_or(op.op);
        let frees = |earlier: BatchOp| earlier.op == MemoryOp::Free && earlier.object == op.object;
        let is_freed = before == MemoryOp::Free && ops.clone().take(at).any(frees);
        if is_freed || !op.fits(before == MemoryOp::Alloc) {
            return Err(OPERATION);
        }
        strongest = Some(before.max(op.op));
    }
    strongest.ok_or(NUMBER)
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

    fn to_entry(self) -> [u8; ENTRY_BYTES] {
        let made = self.made.unwrap_or_default();
        let mut entry = [0; ENTRY_BYTES];
        entry[..2].copy_from_slice(&self.status.to_wire().to_be_bytes());
        [entry[2], entry[3]] = [made.prefix(), made.server()];
        entry[8..16].copy_from_slice(&self.detail.to_be_bytes());
        entry[16..24].copy_from_slice(&self.len.to_be_bytes());
        entry[24..32].copy_from_slice(&made.object().to_be_bytes());
        entry
    }

    fn from_entry(entry: &[u8; ENTRY_BYTES]) -> Self {
        let mut from = Cursor(entry);
        let status = MemoryStatus::from_wire(from.u16());
        let [prefix, server, ..] = from.array::<6>();
        let (detail, len, object) = (from.u64(), from.u64(), from.u64());
        Self { status, detail, len, made: (object != 0).then(|| Pointer::new(prefix, server, object)) }
    }
}

/// Head and entries of the answer to a batch; the data read are to follow, in the same order.
#[must_use]
pub fn outcomes_to_bytes(outcomes: &[BatchOutcome]) -> Vec<u8> {
    let mut body = OutcomesBody::new(outcomes.len());
    outcomes.iter().for_each(|outcome| body.push(outcome));
    body.finish()
}

/// The answer to a batch while its operations are being done: how each ended, then what was read, in the same order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomesBody {
    /// Head and entries from the first outcome on.
    body: Vec<u8>,
    count: usize,
    done: usize,
}

impl OutcomesBody {
    /// The answer to so many operations, [`BATCH_MAX`] at most, of which none is done. It takes no memory yet.
    #[must_use]
    pub fn new(count: usize) -> Self {
        Self::recycle(count, Vec::new())
    }

    /// The same in the memory of `spent`, whose content is discarded.
    #[must_use]
    pub fn recycle(count: usize, mut spent: Vec<u8>) -> Self {
        spent.clear();
        Self { body: spent, count: count.min(BATCH_MAX), done: 0 }
    }

    /// Makes room for so many bytes of data, and no more.
    pub fn reserve(&mut self, data_bytes: usize) {
        if !self.body.is_empty() {
            return self.body.reserve_exact(data_bytes);
        }
        let head = outcomes_bytes(self.count);
        self.body.reserve_exact(head.saturating_add(data_bytes));
        put_head(self.count, &mut self.body);
        self.body.resize(head, 0);
    }

    /// Says how the next operation ended. Beyond the last nothing is said.
    pub fn push(&mut self, outcome: &BatchOutcome) {
        if self.body.is_empty() {
            self.reserve(0);
        }
        let left = if self.done < self.count { self.body.get_mut(outcomes_bytes(self.done)..) } else { None };
        if let Some(entry) = left.and_then(<[u8]>::first_chunk_mut) {
            *entry = outcome.to_entry();
            self.done += 1;
        }
    }

    /// Appends bytes that an operation has read, which its outcome counts.
    pub fn put_data(&mut self, data: &[u8]) {
        if self.body.is_empty() {
            self.reserve(data.len());
        }
        self.body.extend_from_slice(data);
    }

    /// Says of each object that was made how many bytes are free at the server.
    pub fn set_free(&mut self, free: u64) {
        let done = self.body.get_mut(HEAD_BYTES..outcomes_bytes(self.done)).unwrap_or_default();
        for entry in done.as_chunks_mut::<ENTRY_BYTES>().0 {
            if entry[24..] != [0; 8] {
                entry[8..16].copy_from_slice(&free.to_be_bytes());
            }
        }
    }

    /// The answer; operations of which nothing was said were not done.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        while self.done < self.count {
            self.push(&BatchOutcome::with(MemoryStatus::NotDone, 0));
        }
        self.body
    }
}

/// Bytes of head and entries of a batch, or the answer to one, of so many operations.
const fn outcomes_bytes(count: usize) -> usize {
    HEAD_BYTES + count * ENTRY_BYTES
}

/// Reads the answer to a batch: how each operation ended, and where in `body` the data are that it read.
///
/// # Errors
///
/// There are none or more than [`BATCH_MAX`], or the data are not those announced.
pub fn parse_outcomes(body: &[u8]) -> Result<impl ExactSizeIterator<Item = (BatchOutcome, Range<usize>)>, WireError> {
    let entries = entries(body)?;
    let first = outcomes_bytes(entries.len());
    let mut at = first;
    for entry in entries {
        next_place(body, &mut at, BatchOutcome::from_entry(entry).len)?;
    }
    if at != body.len() {
        return Err(WireError::Field("length of a batch"));
    }
    at = first;
    Ok(entries.iter().map(move |entry| {
        let outcome = BatchOutcome::from_entry(entry);
        (outcome, next_place(body, &mut at, outcome.len).unwrap_or_default())
    }))
}

fn put_head(count: usize, out: &mut Vec<u8>) {
    out.reserve(HEAD_BYTES + count * ENTRY_BYTES);
    // At most 64, where `Batch::new` made them.
    let [high, low] = u16::try_from(count).unwrap_or(u16::MAX).to_be_bytes();
    out.extend_from_slice(&[high, low, 0, 0, 0, 0, 0, 0]);
}

/// The entries, as many as the head says.
fn entries(body: &[u8]) -> Result<&[[u8; ENTRY_BYTES]], WireError> {
    let count = usize::from(Cursor::new(body, HEAD_BYTES)?.u16());
    if count == 0 || count > BATCH_MAX {
        return Err(NUMBER);
    }
    let (got, need) = (body.len(), outcomes_bytes(count));
    let entries = body.get(HEAD_BYTES..need).ok_or(WireError::Short { got, need })?;
    Ok(entries.as_chunks().0)
}

/// The place of `len` bytes from `at` on, which becomes its end.
fn next_place(body: &[u8], at: &mut usize, len: u64) -> Result<Range<usize>, WireError> {
    let end = usize::try_from(len).ok().and_then(|len| at.checked_add(len)).filter(|end| *end <= body.len());
    let start = std::mem::replace(at, end.ok_or(WireError::Field("length in a batch"))?);
    Ok(start..*at)
}

#[cfg(test)]
mod tests;
