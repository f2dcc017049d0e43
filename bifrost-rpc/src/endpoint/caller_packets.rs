//! Packets that arrive at a caller, and what a caller does when time passes.

use super::call::CallPhase;
use super::caller::{LEASE_PROBES, Phase};
use super::checks::Check;
use super::error::CallError;
use super::inbound::{Inbound, Inserted};
use super::memory::{exchange_of, fit};
use super::memory_api::MemoryAnswer;
use super::time::Time;
use super::{AnswerKind, Answered, Endpoint, Event, SessionRef};
use crate::wire::{AckBody, AckStatus, Flags, Header, MemoryFields, PacketType, Pointer};
use std::net::SocketAddr;

/// An answer that is whole: the header of its last packet, the message, its pointers.
type Came<'a> = (&'a Header, Vec<u8>, Vec<Pointer>);

impl Endpoint {
    pub(super) fn on_packet_to_caller(
        &mut self,
        now: Time,
        from: SocketAddr,
        header: &Header,
        raw: &[u8],
        body: &mut [u8],
    ) {
        if header.kind == PacketType::Refused && !header.flags.has(Flags::SEALED) {
            return self.on_loose_refusal(now, from, header, body);
        }
        let Some(index) = self.caller_by_session.get(&header.session).copied() else {
            self.stats.strays += 1;
            self.report_unwanted(header);
            return;
        };
        let must_be_sealed = self.config.makes(Check::Authentication);
        let owner_matters = self.config.makes(Check::SessionOwner);
        let Some(session) = self.callers.get_mut(index) else {
            return;
        };
        if owner_matters && (!session.link.is_from(from, header) || header.client != self.client) {
            self.stats.strays += 1;
            return;
        }
        let Some(body) = session.link.open(header, raw, body, must_be_sealed) else {
            self.stats.unauthentic += 1;
            return;
        };
        session.link.heard(now, header);
        session.believe();
        match header.kind {
            PacketType::Reply | PacketType::Exception | PacketType::Memory => {
                self.on_answer(now, index, header, raw, body)
            }
            PacketType::Ack => self.on_ack_to_caller(now, index, header, body),
            PacketType::Held => session.on_held(now, header.rpc),
            PacketType::Pong => self.on_pong(now, index, body),
            PacketType::Refused => self.on_refused(now, index, header, body),
            _ => self.stats.strays += 1,
        }
        self.touch(now, SessionRef::Caller(index));
    }

    fn on_pong(&mut self, now: Time, index: usize, body: &[u8]) {
        let Some(session) = self.callers.get_mut(index) else {
            return;
        };
        session.server_answers(body);
        if session.phase == Phase::Confirming && body == session.handshake_since.as_nanos().to_be_bytes() {
            session.phase = Phase::Open;
            session.renew(session.handshake_since);
            self.advance_caller(now, index);
        }
    }

    fn on_answer(&mut self, now: Time, index: usize, header: &Header, head: &[u8], body: &[u8]) {
        let is_first = header.flags.has(Flags::FIRST);
        let Ok(pointers) = header.pointers_of(head) else {
            self.stats.malformed += 1;
            return;
        };
        if is_first != (header.offset == 0) && self.config.makes(Check::FirstFragment) {
            self.stats.malformed += 1;
            return;
        }
        let Some(session) = self.callers.get_mut(index) else {
            return;
        };
        let Some(call) = session.calls.get_mut(header.rpc).filter(|call| !call.oneway) else {
            // The call has ended here: the callee may forget its answer.
            self.stats.duplicates += 1;
            session.report_at = Some(now);
            self.report_unwanted(header);
            return;
        };
        let is_memory = header.kind == PacketType::Memory;
        let asked = call.memory.map(|memory| memory.pointer.to_bytes());
        if asked != is_memory.then_some(header.pointer) {
            self.stats.malformed += 1;
            return;
        }
        let len = header.message_len as usize;
        let limit = self.config.arriving_bytes_max(is_memory) as usize;
        if len > limit {
            return self.end_call(now, index, header.rpc, Err(CallError::AnswerTooLarge { len, limit }));
        }
        call.unheard.end();
        let answered = call.out.acked_all();
        session.link.window.acked(answered);
        if is_first && body.len() == len && call.answer.is_none() {
            let message = match fit(call.place.take(), len) {
                Some(mut place) => {
                    place.copy_from_slice(body);
                    place
                }
                None => self.pool.copy(body),
            };
            return self.end_call(now, index, header.rpc, Ok((header, message, pointers)));
        }
        self.on_answer_fragment(now, index, header, pointers, body);
    }

    fn on_answer_fragment(&mut self, now: Time, index: usize, header: &Header, pointers: Vec<Pointer>, body: &[u8]) {
        let len = header.message_len as usize;
        let is_new = match self.callers.get(index).and_then(|session| session.calls.get(header.rpc)) {
            Some(call) => call.answer.is_none(),
            None => return,
        };
        let memory_matters = self.config.makes(Check::MemoryBound);
        let Some(session) = self.callers.get_mut(index) else {
            return;
        };
        if is_new && memory_matters {
            let fits =
                session.bytes + len <= self.config.session_bytes_max && self.bytes + len <= self.config.total_bytes_max;
            if !fits {
                self.stats.over_budget += 1;
                return;
            }
        }
        let timeout = session.link.rtt.timeout(1);
        let Some(call) = session.calls.get_mut(header.rpc) else {
            return;
        };
        if is_new {
            self.bytes += len;
            session.bytes += len;
        }
        let (pool, place) = (&mut self.pool, &mut call.place);
        let memory = (header.kind == PacketType::Memory).then(|| MemoryFields::of(header));
        if is_new {
            call.answer_memory = memory;
        }
        let said = call.answer_memory;
        let (kind, inbound) = call.answer.get_or_insert_with(|| {
            let buffer = fit(place.take(), len).unwrap_or_else(|| pool.take(len));
            (header.kind, Inbound::of(header, buffer))
        });
        let is_same = inbound.len() == len && *kind == header.kind && said == memory && inbound.carries_same(header);
        if !is_same && self.config.makes(Check::MessageLength) {
            self.stats.malformed += 1;
            return;
        }
        inbound.take_pointers(pointers);
        let inserted = inbound.insert(header.offset, body);
        session.link.unacked += body.len();
        call.backoff = 0;
        call.timer = Some(now.plus(timeout));
        self.after_answer_fragment(now, index, header, inserted);
    }

    /// Acknowledges arriving fragments of an answer, as often as needed; ends the call when all are there.
    pub(super) fn after_answer_fragment(&mut self, now: Time, index: usize, header: &Header, inserted: Inserted) {
        let Some(session) = self.callers.get_mut(index) else {
            return;
        };
        let Some((_, inbound)) = session.calls.get_mut(header.rpc).and_then(|call| call.answer.as_mut()) else {
            return;
        };
        if inserted == Inserted::Complete {
            let Some(call) = session.calls.get_mut(header.rpc) else {
                return;
            };
            let Some((_, inbound)) = call.answer.take() else {
                return;
            };
            session.bytes = session.bytes.saturating_sub(inbound.len());
            self.bytes = self.bytes.saturating_sub(inbound.len());
            let (message, pointers) = inbound.into_parts();
            return self.end_call(now, index, header.rpc, Ok((header, message, pointers)));
        }
        if let Some(ranges) = due_ack(inbound, inserted, header) {
            session.link.note_ack(exchange_of(header), AckStatus::Partial, ranges);
        }
        if session.link.owes_ack() {
            session.ack_all(self.next_rpc);
        }
        self.expect_next(SessionRef::Caller(index), header.rpc, inserted);
    }

    /// A call of ours ends, with an answer or an error.
    pub(super) fn end_call(&mut self, now: Time, index: usize, rpc: u64, end: Result<Came<'_>, CallError>) {
        let ack_delay = self.config.ack_delay;
        let Some(session) = self.callers.get_mut(index) else {
            return;
        };
        let Some(mut call) = session.end(now, rpc, ack_delay) else {
            return;
        };
        if let Some((_, inbound)) = &call.answer {
            self.bytes = self.bytes.saturating_sub(inbound.len());
        }
        let of = session.link.session;
        let (is_given, is_abandoned) = match &end {
            Ok((_, _, pointers)) => (!pointers.is_empty(), false),
            // Of a call that was refused there is no answer.
            Err(error) => (false, !matches!(error, CallError::Refused(_))),
        };
        let result = match end {
            Ok((header, message, pointers)) => {
                session.renew(call.started);
                session.sample(now, header, &call);
                Ok(match header.kind {
                    PacketType::Memory => {
                        let fields = MemoryFields::of(header);
                        let request = call.memory.as_ref().unwrap_or(&fields);
                        session.writes.answered(request, rpc, fields.status);
                        Answered::Memory(MemoryAnswer { fields, body: message })
                    }
                    PacketType::Reply => Answered::Message(AnswerKind::Reply, message, pointers),
                    _ => Answered::Message(AnswerKind::Exception, message, pointers),
                })
            }
            Err(error) => Err(call.end_error(error)),
        };
        if !session.waiting.is_empty() {
            self.advance_caller(now, index);
        }
        if is_given {
            self.report_accepted(of, rpc);
        } else if is_abandoned {
            self.report_abandoned(of, rpc, &call);
        }
        self.pool.put_sent(call.out.take_message().into_spent().unwrap_or_default());
        self.events.push_back(Event::Answer { call: call.id, result });
        if let Some(session) = self.callers.get_mut(index) {
            session.keep(call);
        }
    }

    /// The callee has accepted a oneway call.
    fn on_delivered(&mut self, now: Time, index: usize, rpc: u64) {
        let ack_delay = self.config.ack_delay;
        let Some(session) = self.callers.get_mut(index) else {
            return;
        };
        if session.calls.get(rpc).is_some_and(|call| call.oneway)
            && let Some(call) = session.end(now, rpc, ack_delay)
        {
            session.renew(call.started);
            self.events.push_back(Event::Answer { call: call.id, result: Ok(Answered::Delivered) });
            self.advance_caller(now, index);
        }
    }

    fn on_ack_to_caller(&mut self, now: Time, index: usize, header: &Header, body: &[u8]) {
        let Ok(ack) = AckBody::parse(body) else {
            self.stats.malformed += 1;
            return;
        };
        let Some(session) = self.callers.get_mut(index) else {
            return;
        };
        let Some(call) = session.calls.get_mut(header.rpc) else {
            return;
        };
        if ack.status == AckStatus::Complete && call.oneway {
            return self.on_delivered(now, index, header.rpc);
        }
        if call.phase == CallPhase::Busy || (ack.status == AckStatus::Discarded && call.answer.is_some()) {
            return;
        }
        call.unheard.end();
        // The probe of a held call comes late: it says nothing about the path.
        let is_held = matches!(call.phase, CallPhase::Held(_));
        let forward = session.link.on_ack(now, &mut call.out, &ack, is_held);
        call.phase = match ack.status {
            AckStatus::Complete => CallPhase::Arrived,
            AckStatus::Partial | AckStatus::Discarded => CallPhase::Sending,
        };
        // An answer to a probe is no progress: the path may carry small datagrams only.
        if forward && ack.status != AckStatus::Complete {
            call.backoff = 0;
        }
        let wait = session.link.rtt.timeout(call.backoff.saturating_add(1)).min(session.lease / LEASE_PROBES);
        call.timer = Some(now.plus(wait));
        if call.out.peek().is_some() {
            session.enqueue(header.rpc);
        }
    }
}

/// The ranges to acknowledge, if it cannot wait: at a gap, when asked, when something came again.
pub(super) fn due_ack(inbound: &Inbound, inserted: Inserted, header: &Header) -> Option<Vec<(u32, u32)>> {
    let asked = header.flags.has(Flags::ACK_NOW);
    let gap = inserted == Inserted::Gap && (inbound.gap_fragments == 1 || inbound.gap_fragments.is_multiple_of(8));
    let repeated = inserted == Inserted::Duplicate;
    (asked || gap || repeated).then(|| inbound.ranges(64))
}
