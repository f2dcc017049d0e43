//! Packets that arrive at a caller, and what a caller does when time passes.

use super::caller::{CallPhase, LEASE_PROBES, Phase};
use super::checks::Check;
use super::error::{CallError, Lost};
use super::inbound::{Inbound, Inserted};
use super::time::Time;
use super::{AnswerKind, Answered, CallId, Endpoint, Event, SessionRef};
use crate::wire::{AckBody, AckStatus, Flags, Header, PacketType, Refusal, RefusedBody};
use std::net::SocketAddr;
use std::time::Duration;

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
            return;
        };
        let must_be_sealed = self.config.makes(Check::Authentication);
        let owner_matters = self.config.makes(Check::SessionOwner);
        let Some(session) = self.callers.get_mut(index) else {
            return;
        };
        if owner_matters && (session.link.peer != from || header.client != self.client) {
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
            PacketType::Reply | PacketType::Exception => self.on_answer(now, index, header, body),
            PacketType::Ack => self.on_ack_to_caller(now, index, header, body),
            PacketType::Held => session.on_held(now, header.rpc),
            PacketType::Done => self.on_done(now, index, header.rpc),
            PacketType::Pong => self.on_pong(now, index, body),
            PacketType::Refused => self.on_refused(now, index, header, body),
            _ => self.stats.strays += 1,
        }
        self.touch(now, SessionRef::Caller(index));
    }

    fn on_pong(&mut self, now: Time, index: usize, body: &[u8]) {
        if let Some(session) = self.callers.get_mut(index)
            && session.phase == Phase::Confirming
            && body == session.handshake_since.as_nanos().to_be_bytes()
        {
            session.phase = Phase::Open;
            session.renew(session.handshake_since);
            self.advance_caller(now, index);
        }
    }

    fn on_answer(&mut self, now: Time, index: usize, header: &Header, body: &[u8]) {
        let is_first = header.flags.has(Flags::FIRST);
        if is_first != (header.offset == 0) && self.config.makes(Check::FirstFragment) {
            self.stats.malformed += 1;
            return;
        }
        let Some(session) = self.callers.get_mut(index) else {
            return;
        };
        let Some(call) = session.calls.get_mut(&header.rpc).filter(|call| !call.oneway) else {
            // The call has ended here: the callee may forget its answer.
            self.stats.duplicates += 1;
            session.report_at = Some(now);
            return;
        };
        let len = header.message_len as usize;
        let limit = self.config.arriving_bytes_max() as usize;
        if len > limit {
            return self.end_call(now, index, header.rpc, Err(CallError::AnswerTooLarge { len, limit }));
        }
        let answered = call.out.acked_all();
        session.link.window.acked(answered);
        if is_first && body.len() == len && call.answer.is_none() {
            let message = self.pool.copy(body);
            return self.end_call(now, index, header.rpc, Ok((header, message)));
        }
        self.on_answer_fragment(now, index, header, body);
    }

    fn on_answer_fragment(&mut self, now: Time, index: usize, header: &Header, body: &[u8]) {
        let len = header.message_len as usize;
        let is_new = match self.callers.get(index).and_then(|session| session.calls.get(&header.rpc)) {
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
        let Some(call) = session.calls.get_mut(&header.rpc) else {
            return;
        };
        if is_new {
            self.bytes += len;
            session.bytes += len;
        }
        let pool = &mut self.pool;
        let (kind, inbound) = call.answer.get_or_insert_with(|| (header.kind, Inbound::new(pool.take(len))));
        if (inbound.len() != len || *kind != header.kind) && self.config.makes(Check::MessageLength) {
            self.stats.malformed += 1;
            return;
        }
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
        let Some((_, inbound)) = session.calls.get_mut(&header.rpc).and_then(|call| call.answer.as_mut()) else {
            return;
        };
        if inserted == Inserted::Complete {
            let Some(call) = session.calls.get_mut(&header.rpc) else {
                return;
            };
            let Some((_, inbound)) = call.answer.take() else {
                return;
            };
            session.bytes = session.bytes.saturating_sub(inbound.len());
            self.bytes = self.bytes.saturating_sub(inbound.len());
            let message = inbound.into_buffer();
            return self.end_call(now, index, header.rpc, Ok((header, message)));
        }
        if let Some(ranges) = due_ack(inbound, inserted, header) {
            session.link.note_ack(header.rpc, AckStatus::Partial, ranges);
        }
        if session.link.owes_ack() {
            session.ack_all(self.next_rpc);
        }
        self.expect_next(SessionRef::Caller(index), header.rpc, inserted);
    }

    /// A call of ours ends, with an answer or an error.
    fn end_call(&mut self, now: Time, index: usize, rpc: u64, end: Result<(&Header, Vec<u8>), CallError>) {
        let ack_delay = self.config.ack_delay;
        let Some(session) = self.callers.get_mut(index) else {
            return;
        };
        let Some(call) = session.end(now, rpc, ack_delay) else {
            return;
        };
        if let Some((_, inbound)) = &call.answer {
            self.bytes = self.bytes.saturating_sub(inbound.len());
        }
        let result = match end {
            Ok((header, message)) => {
                session.renew(call.started);
                session.sample(now, header, &call);
                let is_reply = header.kind == PacketType::Reply;
                let kind = if is_reply { AnswerKind::Reply } else { AnswerKind::Exception };
                Ok(Answered::Message(kind, message))
            }
            Err(error) => Err(call.end_error(error)),
        };
        if !session.waiting.is_empty() {
            self.advance_caller(now, index);
        }
        self.pool.put(call.out.into_message().into_spent().unwrap_or_default());
        self.events.push_back(Event::Answer { call: call.id, result });
    }

    fn on_done(&mut self, now: Time, index: usize, rpc: u64) {
        let ack_delay = self.config.ack_delay;
        let Some(session) = self.callers.get_mut(index) else {
            return;
        };
        if session.calls.get(&rpc).is_some_and(|call| call.oneway)
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
        let Some(call) = session.calls.get_mut(&header.rpc) else {
            return;
        };
        if ack.status == AckStatus::Complete && call.oneway {
            return self.on_done(now, index, header.rpc);
        }
        if call.phase == CallPhase::Busy || (ack.status == AckStatus::Discarded && call.answer.is_some()) {
            return;
        }
        let forward = session.link.on_ack(now, &mut call.out, &ack);
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

    /// A refusal that is not sealed: from a server that knows no session, or before there is one.
    fn on_loose_refusal(&mut self, now: Time, from: SocketAddr, header: &Header, body: &[u8]) {
        let Ok(refused) = RefusedBody::parse(body) else {
            self.stats.malformed += 1;
            return;
        };
        if header.session == 0 {
            return self.on_open_refused(now, from, header, refused.refusal);
        }
        let Some(index) = self.caller_by_session.get(&header.session).copied() else {
            return;
        };
        let Some(session) = self.callers.get_mut(index).filter(|session| session.link.peer == from) else {
            return;
        };
        if session.link.seal.is_none() {
            session.link.heard(now, header);
            self.on_refused(now, index, header, body);
            self.touch(now, SessionRef::Caller(index));
        } else if refused.refusal == Refusal::UnknownSession {
            // With a key this is only a hint. A server that is asked again under the same session and stays silent
            // is given up in the ordinary way; until then a new session is not opened on a stranger's word, except
            // where nothing is lost by it.
            let nothing_sent = session.calls.values().all(|call| !call.out.transmitted);
            if nothing_sent || session.phase == Phase::Confirming {
                self.lose_caller(now, index);
            } else {
                session.link.owes(now);
                let since = *session.doubted_since.get_or_insert(now);
                session.doubts += 1;
                let patience = HINTS_PATIENCE_MAX.min(self.config.peer_timeout / 2);
                if session.doubts > HINTS_MAX && now.since(since) >= patience {
                    self.lose_caller(now, index);
                }
            }
        }
    }

    fn on_open_refused(&mut self, now: Time, from: SocketAddr, header: &Header, refusal: Refusal) {
        let Some(index) = self.caller_by_nonce.get(&header.rpc).copied() else {
            return;
        };
        let Some(session) = self.callers.get_mut(index).filter(|session| session.link.peer == from) else {
            return;
        };
        if refusal == Refusal::UnknownSession {
            // It answers another packet, or a changed one.
            return;
        }
        if matches!(refusal, Refusal::Draining | Refusal::Busy { .. })
            && now.since(session.handshake_since) < self.config.peer_timeout
        {
            // Another instance may come up at this address.
            session.link.owed_since = None;
            return;
        }
        self.believe_refusal(now, index, refusal);
    }

    /// OPEN is refused. A damaged OPEN looks like one with another key or of another version: that is believed when it
    /// is said again and again.
    fn believe_refusal(&mut self, now: Time, index: usize, refusal: Refusal) {
        let may_be_damage = matches!(refusal, Refusal::WrongKey | Refusal::WrongVersion { .. });
        let Some(session) = self.callers.get_mut(index) else { return };
        if may_be_damage && session.doubts < DOUBTS_MAX {
            session.doubts += 1;
            return self.send_open(now, index);
        }
        let (peer, service, method) = (session.link.peer, session.service, session.first_method);
        let mut others = Vec::new();
        for call in self.drop_caller(index) {
            if refusal == Refusal::UnknownMethod && call.method != method {
                others.push(call);
            } else {
                self.fail(&call, CallError::Refused(refusal));
            }
        }
        // Only the method that the session was to be opened with is missing.
        if let Some(first) = others.first() {
            let index = self.session_for(now, peer, service, first.method);
            if let Some(session) = self.callers.get_mut(index) {
                session.waiting.extend(others);
            }
            self.advance_caller(now, index);
        }
    }

    /// A packet of another protocol version came: if it answers an OPEN of ours, there is no talking to that peer.
    pub(super) fn on_foreign_version(&mut self, now: Time, from: SocketAddr, nonce: u64, version: u8) {
        let Some(index) = self.caller_by_nonce.get(&nonce).copied() else { return };
        let opening = |session: &super::CallerSession| session.link.peer == from && session.phase == Phase::Opening;
        if self.callers.get(index).is_some_and(opening) {
            self.believe_refusal(now, index, Refusal::WrongVersion { speaks: version });
        }
    }

    fn on_refused(&mut self, now: Time, index: usize, header: &Header, body: &[u8]) {
        let Ok(refused) = RefusedBody::parse(body) else {
            self.stats.malformed += 1;
            return;
        };
        let Some(session) = self.callers.get_mut(index) else {
            return;
        };
        match refused.refusal {
            Refusal::UnknownSession => self.lose_caller(now, index),
            Refusal::Busy { retry_us } => {
                let retry = Duration::from_micros(u64::from(retry_us));
                session.on_busy(now, header.rpc, retry, self.config.rto_max);
            }
            // The server's farewell: what is under way is answered or not, the next call goes elsewhere.
            Refusal::Draining if header.rpc == 0 => {
                if session.calls.is_empty() {
                    self.lose_caller(now, index);
                }
            }
            Refusal::Draining | Refusal::NeverReleased => self.issue_elsewhere(now, index, header.rpc),
            other => self.end_call(now, index, header.rpc, Err(CallError::Refused(other))),
        }
    }

    /// A call that certainly did not and will not run is issued again in a new session.
    fn issue_elsewhere(&mut self, now: Time, index: usize, rpc: u64) {
        let ack_delay = self.config.ack_delay;
        let Some(session) = self.callers.get_mut(index) else {
            return;
        };
        let (peer, service, old) = (session.link.peer, session.service, session.link.session);
        let Some(call) = session.end(now, rpc, ack_delay) else {
            return;
        };
        if let Some((_, inbound)) = &call.answer {
            self.bytes = self.bytes.saturating_sub(inbound.len());
        }
        if self.caller_by_target.get(&(peer, service)) == Some(&index) {
            self.caller_by_target.remove(&(peer, service));
        }
        let mut call = call.reset();
        call.out.transmitted = call.lost_before;
        // Those that wait behind it would only be refused as well, and nothing wakes them here any more.
        let behind = std::mem::take(&mut session.waiting);
        let index = self.session_for(now, peer, service, call.method);
        if let Some(session) = self.callers.get_mut(index) {
            session.previous = old;
            session.waiting.push_back(call);
            session.waiting.extend(behind);
        }
        self.advance_caller(now, index);
    }

    /// What is due for a caller's session.
    pub(super) fn caller_timeout(&mut self, now: Time, index: usize) {
        let Some(session) = self.callers.get_mut(index) else {
            return;
        };
        if session.link.is_silent(now, self.config.peer_timeout) {
            return self.on_silence(now, index);
        }
        let past = |deadline: Option<Time>| deadline.is_some_and(|deadline| deadline <= now);
        let late: Vec<CallId> = session
            .calls
            .values()
            .chain(&session.waiting)
            .filter(|call| past(call.deadline))
            .map(|call| call.id)
            .collect();
        for call in late {
            self.abandon(now, call, |call| CallError::Deadline {
                waited: now.since(call.started),
                may_have_run: call.out.transmitted,
            });
        }
        let Some(session) = self.callers.get_mut(index) else {
            return;
        };
        if session.phase != Phase::Open && session.handshake_timer <= now {
            if session.calls.is_empty() && session.waiting.is_empty() {
                self.drop_caller(index);
                return;
            }
            self.handshake_timeout(now, index);
        }
        let Some(session) = self.callers.get_mut(index) else {
            return;
        };
        let due: Vec<u64> = session.calls.iter().filter(|(_, call)| past(call.timer)).map(|(rpc, _)| *rpc).collect();
        for rpc in due {
            self.stats.timeouts += 1;
            session.call_timeout(now, rpc, self.config.rto_max);
        }
        if past(session.report_at) {
            session.report(self.next_rpc);
        }
        if session.is_idle() && now.since(session.link.heard) >= session.lease {
            self.drop_caller(index);
            return;
        }
        self.touch(now, SessionRef::Caller(index));
    }

    /// The server has been silent for too long.
    fn on_silence(&mut self, now: Time, index: usize) {
        let Some(session) = self.callers.get(index) else {
            return;
        };
        let peer = session.link.peer;
        for call in self.drop_caller(index) {
            let error = if call.out.transmitted {
                CallError::OutcomeUnknown(Lost::Silence)
            } else {
                CallError::Unreachable { peer, waited: now.since(call.started) }
            };
            self.fail(&call, error);
        }
    }

    /// Gives a call up. It ends with [`CallError::Cancelled`], unless it has ended already.
    pub fn cancel(&mut self, now: Time, call: CallId) {
        self.abandon(now, call, |call| CallError::Cancelled { may_have_run: call.out.transmitted });
    }

    fn abandon(&mut self, now: Time, id: CallId, error: impl FnOnce(&super::caller::Call) -> CallError) {
        let ack_delay = self.config.ack_delay;
        let found = self.callers.iter().find_map(|(index, session)| {
            let sent = session.calls.iter().find(|(_, call)| call.id == id).map(|(rpc, _)| Some(*rpc));
            let waiting = || session.waiting.iter().any(|call| call.id == id).then_some(None);
            sent.or_else(waiting).map(|rpc| (index, rpc))
        });
        let Some((index, rpc)) = found else { return };
        let Some(session) = self.callers.get_mut(index) else {
            return;
        };
        let call = match rpc {
            Some(rpc) => {
                let call = session.end(now, rpc, ack_delay);
                if call.as_ref().is_some_and(|call| call.out.transmitted) {
                    session.link.note(PacketType::Cancel, rpc, Flags::default(), Vec::new());
                }
                call
            }
            None => {
                let at = session.waiting.iter().position(|call| call.id == id);
                at.and_then(|at| session.waiting.remove(at))
            }
        };
        let Some(call) = call else { return };
        if let Some((_, inbound)) = &call.answer {
            self.bytes = self.bytes.saturating_sub(inbound.len());
        }
        let error = error(&call);
        self.fail(&call, error);
        self.advance_caller(now, index);
    }

    /// Ends all sessions of ours: servers are told, calls that have not ended fail with [`CallError::Closed`].
    pub fn close(&mut self, now: Time) {
        let open: Vec<usize> = self.callers.iter().map(|(index, _)| index).collect();
        for index in open {
            let Some(session) = self.callers.get_mut(index) else {
                continue;
            };
            let mut farewell = super::Datagrams::new();
            if session.phase != Phase::Opening {
                session.link.drop_notes();
                session.link.note(PacketType::Close, 0, Flags::default(), Vec::new());
                session.link.put_note(self.next_rpc, &mut farewell);
                self.loose.push_back((session.link.peer, farewell.to_vec()));
            }
            for call in self.drop_caller(index) {
                let may_have_run = call.out.transmitted;
                self.fail(&call, CallError::Closed { may_have_run });
            }
        }
        let _ = now;
    }
}

/// Unsealed hints that a session is unknown, after which a keyed caller believes them if it heard nothing better
/// meanwhile: packets that were damaged on their way, or forged, provoke them, too.
const HINTS_MAX: u32 = 3;
/// The time for which such hints must be all that is heard.
const HINTS_PATIENCE_MAX: Duration = Duration::from_secs(1);
/// Times that OPEN is sent again at once when it was refused for what damage to it may have caused.
const DOUBTS_MAX: u32 = 7;

/// The ranges to acknowledge, if it cannot wait: at a gap, when asked, when something came again.
pub(super) fn due_ack(inbound: &Inbound, inserted: Inserted, header: &Header) -> Option<Vec<(u32, u32)>> {
    let asked = header.flags.has(Flags::ACK_NOW);
    let gap = inserted == Inserted::Gap && (inbound.gap_fragments == 1 || inbound.gap_fragments.is_multiple_of(8));
    let repeated = inserted == Inserted::Duplicate;
    (asked || gap || repeated).then(|| inbound.ranges(64))
}
