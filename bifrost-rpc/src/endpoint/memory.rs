//! Memory operations: calls whose header says all that is asked, so that their bodies are nothing but data.
//!
//! They live in sessions as calls do, and inherit all that a session gives: fragments, retransmission, records, sealing.
//! What is theirs alone stands here: how they are asked for and answered, and in which order they are done.

use super::callee::{Answered, MemoryRun, Released, Served};
use super::callee_order::HELD_MAX;
use super::checks::Check;
use super::link::Exchange;
use super::outbound::Outbound;
use super::time::Time;
use super::{CallError, CallId, Endpoint, Event, Request, ServedCall, SessionRef};
use crate::buffer::Message;
use crate::wire::{
    Flags, Header, MemoryFields, MemoryOp, MemoryStatus, MethodField, PacketType, PassError, Pointer, Refusal,
};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

/// The service of memory sessions, among the hashes of services' names.
pub(super) const MEMORY_SERVICE_HASH: u64 = 0;
/// The service of memory sessions, among the numbers of services registered.
pub(super) const MEMORY_SERVICE: u32 = u32::MAX;
/// Objects whose last write a session remembers at most.
const WRITES_MAX: usize = 4096;
/// Sessions given up whose callees have not been told at most.
const ABANDONED_MAX: usize = 1024;
/// When an operation that finds no place to wait in is to be tried again, in µs.
const HELD_RETRY_US: u32 = 1000;
/// When a read that finds no room for its answer is to be tried again.
const READ_RETRY: Duration = Duration::from_millis(1);

/// A memory operation to be done.
#[derive(Debug)]
pub struct MemoryRequest {
    /// The object; for an ALLOC, any pointer of the server.
    pub pointer: Pointer,
    /// What to do; of a batch, its strongest operation.
    pub op: MemoryOp,
    /// The operation's argument, which only the server's handler reads.
    pub argument: u8,
    /// Whether the body is a [`Batch`](crate::wire::Batch).
    pub is_batch: bool,
    /// Where in the object, in bytes.
    pub offset: u64,
    /// How many bytes; of an ALLOC, the object's size.
    pub len: u64,
    /// The data to be written.
    pub body: Message,
    /// Memory for what is read: if it has the capacity it is used and given back in [`MemoryAnswer::body`].
    pub place: Option<Vec<u8>>,
    /// Time allowed, at most 71 minutes on the wire.
    pub deadline: Option<Duration>,
}

/// How a memory operation ended, as its caller sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryAnswer {
    /// What stands in the answer's header.
    pub fields: MemoryFields,
    /// The data that were read.
    pub body: Vec<u8>,
}

impl MemoryAnswer {
    /// How it ended.
    #[must_use]
    pub const fn status(&self) -> MemoryStatus {
        self.fields.status
    }

    /// A detail of the status: a limit, a length, what an ALLOC left free; 0 without one.
    #[must_use]
    pub const fn detail(&self) -> u64 {
        self.fields.previous_write
    }

    /// The object that an ALLOC made.
    #[must_use]
    pub fn allocated(&self) -> Pointer {
        let halves = (u128::from(self.fields.offset) << 64) | u128::from(self.fields.len);
        Pointer::from_bytes(halves.to_be_bytes())
    }
}

/// A memory operation, as its callee sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryOperation {
    /// The operation among all of this endpoint.
    pub call: ServedCall,
    /// Where it comes from.
    pub peer: SocketAddr,
    /// The calling process.
    pub client: u64,
    /// The operation's id, which rises within a client.
    pub rpc: u64,
    /// The session's lowest operation that its client still waits for.
    pub lowest: u64,
    /// The incarnation of the calling node.
    pub incarnation: u32,
    /// What is asked, and where.
    pub fields: MemoryFields,
    /// When the caller gives it up.
    pub deadline: Option<Time>,
}

impl MemoryOperation {
    /// What is asked; of a batch, its strongest operation.
    #[must_use]
    pub fn op(&self) -> MemoryOp {
        // An endpoint passes on only those it knows.
        self.fields.operation().unwrap_or(MemoryOp::Read)
    }
}

/// What a callee answers to a memory operation.
#[derive(Debug)]
pub struct MemoryReply {
    /// How it ended.
    pub status: MemoryStatus,
    /// A detail of the status; 0 without one.
    pub detail: u64,
    /// The object that an ALLOC made.
    pub allocated: Option<Pointer>,
    /// The data read. Large blocks are sent as they are, and kept until the caller says that it has them.
    pub body: Message,
    /// Memory that is not needed any more, to receive into: such as what a write replaced.
    pub spent: Option<Vec<u8>>,
}

impl MemoryReply {
    /// Done, without data.
    #[must_use]
    pub fn done() -> Self {
        Self::with(MemoryStatus::Ok, 0)
    }

    /// A status with its detail, without data.
    #[must_use]
    pub fn with(status: MemoryStatus, detail: u64) -> Self {
        Self { status, detail, allocated: None, body: Message::empty(), spent: None }
    }

    /// Done: an object was made.
    #[must_use]
    pub fn allocated(pointer: Pointer) -> Self {
        Self { allocated: Some(pointer), ..Self::done() }
    }

    /// Done: an object was made, and so many bytes are left; clients choose servers by it. 0 says nothing.
    #[must_use]
    pub fn allocated_leaving(pointer: Pointer, free_bytes: u64) -> Self {
        Self { allocated: Some(pointer), ..Self::with(MemoryStatus::Ok, free_bytes) }
    }

    /// Done: these data were read.
    #[must_use]
    pub fn data(body: Message) -> Self {
        Self { body, ..Self::done() }
    }
}

/// What a caller's session knows of its writes: which operation has to wait for which.
#[derive(Debug, Default)]
pub(super) struct Writes {
    /// The last write to each object that was not seen to be done.
    last: BTreeMap<u64, u64>,
}

impl Writes {
    /// Operation `rpc` is about to be sent: it follows the last write to its object.
    pub(super) fn order(&mut self, fields: &mut MemoryFields, rpc: u64, lowest: u64) {
        let object = fields.pointer.object();
        fields.previous_write = self.last.get(&object).copied().unwrap_or(0);
        let changes = matches!(fields.operation(), Some(MemoryOp::Write | MemoryOp::Free));
        if !changes {
            return;
        }
        if self.last.len() >= WRITES_MAX {
            // Packets say that all below has ended, so nothing has to wait for it.
            self.last.retain(|_, write| *write >= lowest);
        }
        if self.last.len() < WRITES_MAX {
            self.last.insert(object, rpc);
        }
    }

    /// Operation `rpc` is answered: nothing has to wait for it any more. One that was refused may have been so before its
    /// turn, so that what it followed has to be waited for; one that ended without an answer may still be done.
    pub(super) fn answered(&mut self, request: &MemoryFields, rpc: u64, status: MemoryStatus) {
        let object = request.pointer.object();
        if self.last.get(&object) != Some(&rpc) {
            return;
        }
        if status == MemoryStatus::Ok || request.previous_write == 0 {
            self.last.remove(&object);
        } else {
            self.last.insert(object, request.previous_write);
        }
    }
}

/// Whether an OPEN asks for a memory session, or a packet belongs to one.
pub(super) fn is_memory(header: &Header) -> bool {
    header.kind == PacketType::Memory || (header.method == MethodField::NONE && header.pointers == 1)
}

/// The memory that a caller lent, as a buffer of `len` bytes; `None` if it is too small.
pub(super) fn fit(place: Option<Vec<u8>>, len: usize) -> Option<Vec<u8>> {
    let mut place = place.filter(|place| place.capacity() >= len)?;
    place.resize(len, 0);
    Some(place)
}

impl Endpoint {
    /// Takes memory operations from now on.
    pub fn serve_memory(&mut self) {
        self.serves_memory = true;
    }

    /// Starts a memory operation. Where links route by pointers it goes to its pointer's address, and only the port of `peer`
    /// matters. It ends with [`Event::Answer`] and [`Answered::Memory`](super::Answered::Memory).
    ///
    /// Operations follow the earlier writes to their object that were started here; reads may be issued again where
    /// their outcome is unknown.
    ///
    /// # Errors
    ///
    /// [`CallError::TooLarge`]: the data are over the limit. [`CallError::Pointers`]: links do not route by this pointer.
    pub fn memory(&mut self, now: Time, peer: SocketAddr, request: MemoryRequest) -> Result<CallId, CallError> {
        let (len, limit) = (request.body.len(), self.config.memory_bytes_max as usize);
        if len > limit {
            return Err(CallError::TooLarge { len, limit });
        }
        let mut peer = peer;
        if self.config.native {
            if !request.pointer.is_routable() {
                return Err(PassError::NotRoutable(request.pointer).into());
            }
            peer = super::native::place(request.pointer.root(), peer.port());
        }
        let id = CallId(self.next_call);
        self.next_call += 1;
        let fields = MemoryFields {
            pointer: request.pointer.with_operation(request.op as u8, request.argument),
            offset: request.offset,
            len: request.len,
            previous_write: 0,
            is_batch: request.is_batch,
            status: MemoryStatus::Ok,
        };
        let root = Some(request.pointer.root());
        let index = self.session_for(now, peer, MEMORY_SERVICE_HASH, MethodField::NONE, root);
        let Some(session) = self.callers.get_mut(index) else {
            return Ok(id);
        };
        let deadline = request.deadline.map(|after| now.plus(after));
        let call = Request {
            method: MethodField::NONE,
            service: MEMORY_SERVICE_HASH,
            oneway: false,
            idempotent: !request.op.changes(),
            deadline: request.deadline,
            references: false,
            message: request.body,
        };
        session.wait(now, id, call, Some(fields), request.place);
        self.advance_caller(now, index);
        if let Some(deadline) = deadline {
            self.arm_at(deadline, SessionRef::Caller(index));
        }
        Ok(id)
    }

    /// A memory session is given up: the next one with that peer ends it there, so that nothing of it is done later.
    pub(super) fn abandon_memory(&mut self, peer: SocketAddr, session: u64) {
        if session != 0 && (self.abandoned.len() < ABANDONED_MAX || self.abandoned.contains_key(&peer)) {
            self.abandoned.insert(peer, session);
        }
    }

    /// Tells of an operation whose data have begun to arrive, so that it can be refused before they take memory.
    pub(super) fn announce(&mut self, now: Time, index: usize, header: &Header) {
        if let Some(operation) = self.operation(now, index, header) {
            self.events.push_back(Event::MemoryAnnounced { operation, bytes: header.message_len });
        }
    }

    fn operation(&self, now: Time, index: usize, header: &Header) -> Option<MemoryOperation> {
        let session = self.callees.get(index)?;
        Some(MemoryOperation {
            call: ServedCall { session: session.link.session, rpc: header.rpc },
            peer: session.link.peer,
            client: session.link.client,
            rpc: header.rpc,
            lowest: session.lowest,
            incarnation: header.incarnation,
            fields: MemoryFields::of(header),
            deadline: (header.deadline_us > 0).then(|| now.plus(Duration::from_micros(u64::from(header.deadline_us)))),
        })
    }

    /// All of an operation is there: it is to be done, now or after the write before it.
    pub(super) fn start_memory(&mut self, now: Time, index: usize, header: &Header, body: Vec<u8>, unacked: u32) {
        let keeps_order = self.config.makes(Check::WriteOrder);
        let Some(operation) = self.operation(now, index, header) else {
            return;
        };
        let Some(session) = self.callees.get_mut(index) else {
            return;
        };
        let object = operation.fields.pointer.object();
        let mut run = MemoryRun { fields: operation.fields, unacked, held: None };
        let previous = operation.fields.previous_write;
        let waits = keeps_order && !session.is_settled(previous, object);
        if waits && session.held.len() >= HELD_MAX {
            self.events.push_back(Event::Cancelled { call: operation.call });
            let busy = Refusal::Busy { retry_us: HELD_RETRY_US };
            return self.refuse_call(index, exchange_of(header), header.packet, busy);
        }
        if waits {
            session.bytes += body.len();
            self.bytes += body.len();
            session.held.push((previous, header.rpc));
            run.held = Some(Box::new((operation, body)));
        } else {
            self.prompt.push(operation.call);
            self.events.push_back(Event::Memory { operation, body });
        }
        session.calls.insert(header.rpc, Served::Memory(Box::new(run)));
        if session.link.owes_ack() {
            session.ack_all();
        }
    }

    /// Lets those operations go that waited for writes which are done or have ended.
    pub(super) fn release_held(&mut self, index: usize) {
        let Some(session) = self.callees.get_mut(index).filter(|session| !session.held.is_empty()) else {
            return;
        };
        for (operation, body) in session.release_held() {
            session.bytes = session.bytes.saturating_sub(body.len());
            self.bytes = self.bytes.saturating_sub(body.len());
            self.events.push_back(Event::Memory { operation, body });
        }
    }

    /// Answers a memory operation, also one that is only announced: it is then not to be done. Nothing happens
    /// if its session or its caller is gone. A read whose answer finds no room is given back, to be asked for again.
    pub fn answer_memory(&mut self, now: Time, call: ServedCall, reply: MemoryReply) {
        self.pool.put(reply.spent.unwrap_or_default());
        let Some(index) = self.callee_by_session.get(&call.session).copied() else {
            return;
        };
        let is_prompt = self.prompt.contains(&call);
        let Some(session) = self.callees.get_mut(index) else {
            return;
        };
        let Some(request) = session.answerable(call.rpc) else {
            return;
        };
        let len = reply.body.len();
        let room = self.config.session_bytes_max.saturating_sub(session.bytes);
        let room = room.min(self.config.total_bytes_max.saturating_sub(self.bytes));
        if len > room && !request.operation().is_some_and(MemoryOp::changes) && self.config.makes(Check::MemoryBound) {
            self.stats.over_budget += 1;
            self.refuse_busy(now, call, READ_RETRY);
            return;
        }
        let mut fields = MemoryFields { status: reply.status, previous_write: reply.detail, ..request };
        if let Some(pointer) = reply.allocated {
            let [high, low] = halves(pointer);
            (fields.offset, fields.len) = (high, low);
        }
        // One that was only announced when it was refused may be whole by now: it is not to be done any more.
        self.events.retain(|event| !matches!(event, Event::Memory { operation, .. } if operation.call == call));
        let out = Outbound::new(reply.body, session.link.fragment_bytes());
        let mut answered = Answered::new(PacketType::Memory, MethodField::NONE, out, is_prompt);
        answered.memory = Some(fields);
        let mut released = Released::default();
        let kept = session.answer(call.rpc, answered, &mut released);
        self.bytes = (self.bytes + kept.unwrap_or(0)).saturating_sub(released.bytes);
        released.spent().for_each(|spent| self.pool.put(spent));
        self.release_held(index);
        self.touch(now, SessionRef::Callee(index));
    }
}

/// The halves of a pointer, as an ALLOC's answer has them.
fn halves(pointer: Pointer) -> [u64; 2] {
    let all = u128::from_be_bytes(pointer.to_bytes());
    #[expect(clippy::cast_possible_truncation, reason = "the lower half is what is wanted")]
    [(all >> 64) as u64, all as u64]
}

/// The packets that a header's exchange consists of.
pub(super) fn exchange_of(header: &Header) -> Exchange {
    let pointer = is_memory(header).then(|| Pointer::from_bytes(header.pointer));
    Exchange { rpc: header.rpc, pointer, leased: header.flags.has(Flags::LEASED) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fields(op: MemoryOp, object: u64) -> MemoryFields {
        let pointer = Pointer::new(1, 1, object).with_operation(op as u8, 0);
        MemoryFields { pointer, offset: 0, len: 1, previous_write: 0, is_batch: false, status: MemoryStatus::Ok }
    }

    #[test]
    fn operations_follow_the_last_write_that_was_not_seen_done() {
        let mut writes = Writes::default();
        let previous = |writes: &mut Writes, op, object, rpc| {
            let mut fields = fields(op, object);
            writes.order(&mut fields, rpc, 1);
            fields.previous_write
        };
        assert_eq!(previous(&mut writes, MemoryOp::Write, 7, 1), 0);
        assert_eq!(previous(&mut writes, MemoryOp::Write, 8, 2), 0);
        assert_eq!(previous(&mut writes, MemoryOp::Read, 7, 3), 1);
        assert_eq!(previous(&mut writes, MemoryOp::Write, 7, 4), 1);
        let ok = MemoryStatus::Ok;
        writes.answered(&fields(MemoryOp::Write, 7), 1, ok);
        assert_eq!(previous(&mut writes, MemoryOp::Free, 7, 5), 4);
        // Refused, perhaps while the write before it waits.
        let free = MemoryFields { previous_write: 4, ..fields(MemoryOp::Free, 7) };
        writes.answered(&free, 5, MemoryStatus::Denied);
        assert_eq!(previous(&mut writes, MemoryOp::Read, 7, 6), 4);
        writes.answered(&fields(MemoryOp::Write, 7), 4, ok);
        assert_eq!(previous(&mut writes, MemoryOp::Read, 7, 6), 0);
        assert_eq!(writes.last.len(), 1);
    }

    #[test]
    fn the_writes_remembered_are_bounded() {
        let mut writes = Writes::default();
        for rpc in 1..=3 * WRITES_MAX as u64 {
            writes.order(&mut fields(MemoryOp::Write, rpc), rpc, rpc.saturating_sub(10));
            assert!(writes.last.len() <= WRITES_MAX);
        }
        let mut next = fields(MemoryOp::Write, 3 * WRITES_MAX as u64);
        writes.order(&mut next, 3 * WRITES_MAX as u64 + 1, 1);
        assert_eq!(next.previous_write, 3 * WRITES_MAX as u64);
    }

    proptest! {
        #[test]
        fn an_allocated_pointer_comes_out_of_the_answers_fields(pointer: [u8; 16]) {
            let pointer = Pointer::from_bytes(pointer);
            let [offset, len] = halves(pointer);
            let answer = MemoryAnswer { fields: MemoryFields { offset, len, ..fields(MemoryOp::Alloc, 0) }, body: Vec::new() };
            prop_assert_eq!(answer.allocated(), pointer);
        }
    }
}
