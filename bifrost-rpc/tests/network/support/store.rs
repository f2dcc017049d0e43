//! A memory server of the simplest kind.

use bifrost_rpc::buffer::{Message, MessageBuffer};
use bifrost_rpc::memory::{
    BatchBody, BatchOutcome, Later, MemoryHandler, MemoryOp, MemoryOperation, MemoryReply, MemoryStatus, Pointer,
    ServedCall, Unanswered,
};
use bifrost_rpc::wire::outcomes_to_bytes;
use bytes::{Bytes, BytesMut};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

struct State {
    /// The server's id.
    server: u8,
    /// Bytes of all objects at most.
    capacity: u64,
    objects: BTreeMap<u64, Bytes>,
    made: u64,
    /// Writes done.
    writes: u64,
    announced: BTreeMap<ServedCall, u32>,
    later: Vec<(Unanswered, MemoryReply)>,
}

impl Default for State {
    fn default() -> Self {
        let (objects, announced, later) = Default::default();
        Self { server: 1, capacity: u64::MAX, objects, made: 0, writes: 0, announced, later }
    }
}

/// Objects, each one block.
pub(crate) struct Store {
    state: Mutex<State>,
    /// The longest object.
    object_bytes_max: u64,
    /// Writes are answered when [`Store::answer`] is called.
    answers_later: bool,
    /// Writes are refused.
    is_read_only: bool,
    /// Batches may name several objects, and make some.
    is_open: bool,
}

impl Default for Store {
    fn default() -> Self {
        let (state, object_bytes_max) = (Mutex::default(), 1 << 30);
        Self { state, object_bytes_max, answers_later: false, is_read_only: false, is_open: false }
    }
}

impl Store {
    /// One whose objects have so many bytes at most.
    pub(crate) fn limited(object_bytes_max: u64) -> Self {
        Self { object_bytes_max, ..Self::default() }
    }

    /// One with an id, and room for so many bytes in all.
    pub(crate) fn of(server: u8, capacity: u64) -> Self {
        let state = State { server, capacity, ..State::default() };
        Self { state: Mutex::new(state), object_bytes_max: capacity, ..Self::default() }
    }

    /// The same, and its batches may name several objects.
    pub(crate) fn open(self) -> Self {
        Self { is_open: true, ..self }
    }

    pub(crate) fn objects(&self) -> usize {
        self.state().objects.len()
    }

    /// One that refuses writes.
    pub(crate) fn read_only() -> Self {
        Self { is_read_only: true, ..Self::default() }
    }

    /// One that answers writes when told to.
    pub(crate) fn slow() -> Self {
        Self { answers_later: true, ..Self::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn writes(&self) -> u64 {
        self.state().writes
    }

    pub(crate) fn announced(&self) -> usize {
        self.state().announced.len()
    }

    pub(crate) fn content(&self, object: Pointer) -> Vec<u8> {
        self.state().objects.get(&object.object()).map(|content| content.to_vec()).unwrap_or_default()
    }

    /// Answers what waits for it; says how much that was.
    pub(crate) fn answer(&self) -> usize {
        let later = std::mem::take(&mut self.state().later);
        let count = later.len();
        later.into_iter().for_each(|(unanswered, reply)| unanswered.answer(reply));
        count
    }
}

impl State {
    fn free(&self) -> u64 {
        self.capacity - self.objects.values().map(|content| content.len() as u64).sum::<u64>()
    }

    fn alloc(&mut self, len: u64, mut body: Vec<u8>) -> MemoryReply {
        if len > self.free() {
            return MemoryReply::with(MemoryStatus::OutOfMemory, self.free());
        }
        self.made += 1;
        body.resize(usize::try_from(len).unwrap(), 0);
        self.objects.insert(self.made, Bytes::from(body));
        MemoryReply::allocated_leaving(Pointer::new(0xFD, self.server, self.made), self.free())
    }

    fn range(&self, object: u64, offset: u64, len: u64) -> Result<std::ops::Range<usize>, (MemoryStatus, u64)> {
        let there = self.objects.get(&object).ok_or((MemoryStatus::NoObject, 0))?.len();
        let (start, end) = (usize::try_from(offset).unwrap(), usize::try_from(offset + len).unwrap_or(usize::MAX));
        if end > there { Err((MemoryStatus::OutOfRange, there as u64)) } else { Ok(start..end) }
    }

    fn read(&self, object: u64, offset: u64, len: u64) -> Result<Bytes, (MemoryStatus, u64)> {
        let range = self.range(object, offset, len)?;
        Ok(self.objects[&object].slice(range))
    }

    /// Returns what the write replaced, if nobody reads it.
    fn write(&mut self, object: u64, offset: u64, data: Vec<u8>) -> Result<Option<Vec<u8>>, (MemoryStatus, u64)> {
        let range = self.range(object, offset, data.len() as u64)?;
        self.writes += 1;
        let content = self.objects.get_mut(&object).unwrap();
        if range.len() == content.len() {
            let old = std::mem::replace(content, Bytes::from(data));
            return Ok(old.try_into_mut().ok().map(Vec::from));
        }
        let old = std::mem::take(content);
        let mut new = old.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
        new[range].copy_from_slice(&data);
        *content = new.freeze();
        Ok(Some(data))
    }

    fn batch(&mut self, object: u64, body: &[u8]) -> MemoryReply {
        let Ok(batch) = BatchBody::new(body.to_vec()) else { return MemoryReply::with(MemoryStatus::Incomplete, 0) };
        let (mut outcomes, mut read, mut failed) = (Vec::new(), Vec::new(), false);
        for (op, data) in batch.ops() {
            let object = if op.object == 0 { object } else { op.object };
            let mut made = None;
            let outcome = match op.op {
                _ if failed => Err((MemoryStatus::NotDone, 0)),
                MemoryOp::Alloc => {
                    let reply = self.alloc(op.len, data.to_vec());
                    made = reply.allocated;
                    made.map(|_| Bytes::new()).ok_or((reply.status, reply.detail))
                }
                MemoryOp::Read => self.read(object, op.offset, op.len),
                MemoryOp::Write => self.write(object, op.offset, data.to_vec()).map(|_| Bytes::new()),
                _ => self.objects.remove(&object).map(|_| Bytes::new()).ok_or((MemoryStatus::NoObject, 0)),
            };
            failed |= outcome.is_err();
            let (status, detail) = outcome.as_ref().err().copied().unwrap_or((MemoryStatus::Ok, 0));
            let data = outcome.unwrap_or_default();
            outcomes.push(BatchOutcome { len: data.len() as u64, made, ..BatchOutcome::with(status, detail) });
            read.push(data);
        }
        let mut message = MessageBuffer::new();
        message.put_slice(&outcomes_to_bytes(&outcomes));
        read.into_iter().for_each(|data| message.put_shared(data));
        MemoryReply::data(message.finish())
    }

    fn run(&mut self, operation: &MemoryOperation, body: Vec<u8>) -> Result<MemoryReply, (MemoryStatus, u64)> {
        let fields = operation.fields;
        let object = fields.pointer.object();
        if fields.is_batch {
            return Ok(self.batch(object, &body));
        }
        match operation.op() {
            MemoryOp::Alloc => Ok(self.alloc(fields.len, body)),
            MemoryOp::Read => Ok(MemoryReply::data(Message::from(self.read(object, fields.offset, fields.len)?))),
            MemoryOp::Write => {
                let spent = self.write(object, fields.offset, body)?;
                Ok(MemoryReply { spent, ..MemoryReply::done() })
            }
            MemoryOp::Free => {
                self.objects.remove(&object).map(|_| MemoryReply::done()).ok_or((MemoryStatus::NoObject, 0))
            }
        }
    }
}

impl MemoryHandler for Store {
    fn spans_objects(&self) -> bool {
        self.is_open
    }

    fn announced(&self, operation: &MemoryOperation, bytes: u32) -> Option<MemoryReply> {
        let end = operation.fields.offset + operation.fields.len;
        if end > self.object_bytes_max {
            return Some(MemoryReply::with(MemoryStatus::OutOfMemory, self.object_bytes_max));
        }
        self.state().announced.insert(operation.call, bytes);
        None
    }

    fn run(&self, operation: &MemoryOperation, body: Vec<u8>, later: &Later<'_>) -> Option<MemoryReply> {
        let mut state = self.state();
        state.announced.remove(&operation.call);
        let is_long = operation.fields.offset + operation.fields.len > self.object_bytes_max;
        let reply = if is_long && operation.op() != MemoryOp::Read {
            Err((MemoryStatus::OutOfMemory, self.object_bytes_max))
        } else if self.is_read_only && operation.op() == MemoryOp::Write {
            Err((MemoryStatus::Denied, 0))
        } else {
            state.run(operation, body)
        };
        let reply = reply.unwrap_or_else(|(status, detail)| MemoryReply::with(status, detail));
        if self.answers_later && operation.op() == MemoryOp::Write {
            state.later.push((later.keep(), reply));
            return None;
        }
        Some(reply)
    }

    fn cancelled(&self, call: ServedCall) {
        self.state().announced.remove(&call);
    }
}
