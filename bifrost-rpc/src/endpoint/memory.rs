//! Memory operations: calls whose header says all that is asked, so that their bodies are nothing but data.
//!
//! They live in sessions as calls do, and inherit all that a session gives: fragments, retransmission, records, sealing.
//! What is theirs alone stands here: how they are asked for and answered, and in which order they are done.

use super::callee::CalleeSession;
use super::callee_order::{HELD_MAX, HELD_RETRY_US};
use super::checks::Check;
use super::link::Exchange;
use super::memory_api::{MemoryOperation, MemoryReply, MemoryRequest};
use super::outbound::Outbound;
use super::record::{Answered, MemoryRun, Released, Served};
use super::time::Time;
use super::{CallError, CallId, Endpoint, Event, Request, ServedCall, SessionRef};
use crate::wire::{
    Flags, Header, MemoryFields, MemoryOp, MemoryStatus, MethodField, PacketType, PassError, Pointer, Refusal,
};
use std::net::SocketAddr;
use std::time::Duration;

/// The service of memory sessions, among the hashes of services' names.
pub(super) const MEMORY_SERVICE_HASH: u64 = 0;
/// The service of memory sessions, among the numbers of services registered.
pub(super) const MEMORY_SERVICE: u32 = u32::MAX;
/// Sessions given up whose callees have not been told at most.
const ABANDONED_MAX: usize = 1024;
/// When a read that finds no room for its answer is to be tried again.
const READ_RETRY: Duration = Duration::from_millis(1);

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

    /// Of the memory served: batches may name several objects. Clients are told so.
    pub fn spans_objects(&mut self) {
        self.spans_objects = true;
    }

    /// Whether a batch to a memory server may make objects, or name these, now: the server has said so, and there is no write to
    /// one of them that it might have to follow, since a batch can name the write before it of one object only.
    #[must_use]
    pub fn may_span_objects(&self, peer: SocketAddr, objects: &[Pointer]) -> bool {
        let index = self.caller_by_target.get(&(peer, MEMORY_SERVICE_HASH));
        let session = index.and_then(|index| self.callers.get(*index));
        session.is_some_and(|session| session.link.peer_spans && session.has_no_writes(objects))
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
    pub(super) fn announce(&mut self, now: Time, index: usize, header: &Header, fields: MemoryFields) {
        if let Some(session) = self.callees.get(index) {
            let operation = operation(now, session, header, fields);
            self.events.push_back(Event::MemoryAnnounced { operation, bytes: header.message_len });
        }
    }

    /// All of an operation is there, of which `unacked` bytes came and were not acknowledged: it is to be done, now or after
    /// the write before it.
    pub(super) fn start_memory(
        &mut self,
        now: Time,
        index: usize,
        header: &Header,
        fields: MemoryFields,
        (body, unacked): (Vec<u8>, u32),
    ) {
        let keeps_order = self.config.makes(Check::WriteOrder);
        let Some(session) = self.callees.get_mut(index) else {
            return;
        };
        let operation = operation(now, session, header, fields);
        let object = fields.pointer.object();
        let mut run = MemoryRun { fields, unacked, held: None };
        let previous = fields.previous_write;
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
        session.calls.insert(header.rpc, Served::Memory(run));
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
        if let Some(spent) = reply.spent {
            self.pool.put_object(spent);
        }
        reply.more_spent.into_iter().for_each(|spent| self.pool.put_object(spent));
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
        let memory = reply.body.memory();
        let room = self.config.session_bytes_max.saturating_sub(session.bytes);
        let room = room.min(self.config.total_bytes_max.saturating_sub(self.bytes));
        if memory > room && !request.operation().is_some_and(MemoryOp::changes) && self.config.makes(Check::MemoryBound)
        {
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
        if !self.events.is_empty() {
            self.events.retain(|event| !matches!(event, Event::Memory { operation, .. } if operation.call == call));
        }
        let out = Outbound::new(reply.body, session.link.fragment_bytes());
        let mut answered = Answered::new(PacketType::Memory, MethodField::NONE, out, is_prompt);
        answered.memory = Some(fields);
        let mut released = Released::default();
        let kept = session.answer(call.rpc, answered, &mut released);
        let has_held = !session.held.is_empty();
        self.bytes = (self.bytes + kept.unwrap_or(0)).saturating_sub(released.bytes);
        released.give_spent(&mut self.pool);
        if has_held {
            self.release_held(index);
        }
        self.touch(now, SessionRef::Callee(index));
    }
}

fn operation(now: Time, session: &CalleeSession, header: &Header, fields: MemoryFields) -> MemoryOperation {
    MemoryOperation {
        call: ServedCall { session: session.link.session, rpc: header.rpc },
        peer: session.link.peer,
        client: session.link.client,
        rpc: header.rpc,
        lowest: session.lowest,
        incarnation: header.incarnation,
        fields,
        deadline: (header.deadline_us > 0).then(|| now.plus(Duration::from_micros(u64::from(header.deadline_us)))),
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
    use crate::endpoint::MemoryAnswer;
    use proptest::prelude::*;

    fn fields(op: MemoryOp, object: u64) -> MemoryFields {
        let pointer = Pointer::new(1, 1, object).with_operation(op as u8, 0);
        MemoryFields { pointer, offset: 0, len: 1, previous_write: 0, is_batch: false, status: MemoryStatus::Ok }
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
