//! The caller's side of a session: calls outstanding, their retransmission, their answers.

use super::config::Config;
use super::datagrams::Datagrams;
use super::error::{CallError, Lost};
use super::inbound::Inbound;
use super::link::{Exchange, Link};
use super::memory::Writes;
use super::outbound::Outbound;
use super::time::Time;
use super::{Answered, CallId, Request};
use crate::wire::{FinishedBody, Flags, Header, MemoryFields, MethodField, PacketType, RANGES_MAX, check_pointers};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Ended calls after which the client says so even though no packet is due.
const UNREPORTED_MAX: u32 = 64;
/// Probes unanswered after which HELD lapses.
const HELD_PROBES: u32 = 3;
/// Interval of probes while the control plane holds a call.
const HELD_PROBE: Duration = Duration::from_millis(200);
/// Probes within a lease, at least, while a call runs: the session must not end before it.
pub(super) const LEASE_PROBES: u32 = 4;
/// First wait after *busy*, on average; doubles up to the ceiling of the retransmission time-out.
const BUSY_WAIT: Duration = Duration::from_millis(1);

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CallPhase {
    /// Not all of it is known to have arrived.
    Sending,
    /// The callee has all of it.
    Arrived,
    /// The control plane holds it; so many probes may go unanswered.
    Held(u32),
    /// The callee was busy; it is sent again when the timer ends.
    Busy,
}

/// A call sent in a session.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: CallId,
    pub(super) method: MethodField,
    pub(super) oneway: bool,
    pub(super) idempotent: bool,
    pub(super) out: Outbound,
    pub(super) answer: Option<(PacketType, Inbound)>,
    /// Of a memory operation: what is asked.
    pub(super) memory: Option<MemoryFields>,
    /// Of a memory operation: what the fragments of its answer say.
    pub(super) answer_memory: Option<MemoryFields>,
    /// Memory that the caller lent for the answer.
    pub(super) place: Option<Vec<u8>>,
    /// It was sent in a session that was lost, so it may have run, whatever becomes of it in another one.
    pub(super) lost_before: bool,
    pub(super) deadline: Option<Time>,
    pub(super) started: Time,
    pub(super) phase: CallPhase,
    /// When the call is looked after next; nothing is due before it was sent.
    pub(super) timer: Option<Time>,
    /// Time-outs in a row.
    pub(super) backoff: u32,
    /// Whether it stands in the session's queue of messages to send.
    queued: bool,
    /// It takes references in its answer.
    references: bool,
    /// It only asks what the peer understands: it ends as soon as there is a session.
    pub(super) only_asks: bool,
}

/// How a session came to be, or comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// OPEN is being sent.
    Opening,
    /// The session was silent for long: PING is being sent.
    Confirming,
    /// Calls may be sent.
    Open,
}

/// A session as the caller keeps it.
#[derive(Debug)]
pub(super) struct CallerSession {
    pub(super) link: Link,
    /// Hash of the service's name.
    pub(super) service: u64,
    pub(super) phase: Phase,
    /// OPEN's nonce.
    pub(super) nonce: u64,
    /// Our random value in OPEN.
    pub(super) random: [u8; 32],
    /// The method that OPEN precedes.
    pub(super) first_method: MethodField,
    /// When OPEN or PING is sent again.
    pub(super) handshake_timer: Time,
    pub(super) handshake_attempts: u32,
    /// Refusals of OPEN or of the session, in a row, that were not believed.
    pub(super) doubts: u32,
    pub(super) doubted_since: Option<Time>,
    /// The token that the last OPEN carried.
    pub(super) token: Vec<u8>,
    pub(super) handshake_since: Time,
    /// The callee's lease was renewed no earlier than this.
    renewed: Time,
    /// When the last OPEN left, for a first round-trip sample.
    pub(super) handshake_sent: Time,
    pub(super) epoch: u64,
    pub(super) lease: Duration,
    pub(super) calls_max: usize,
    pub(super) peer_message_max: u32,
    /// The lost session that this one replaces.
    pub(super) previous: u64,
    pub(super) calls: BTreeMap<u64, Box<Call>>,
    pub(super) waiting: VecDeque<Box<Call>>,
    /// Of a memory session: the writes that others have to follow.
    pub(super) writes: Writes,
    outgoing: VecDeque<u64>,
    /// Calls that ended since a packet last told the callee.
    unreported: u32,
    pub(super) report_at: Option<Time>,
    /// Memory of arriving answers.
    pub(super) bytes: usize,
}

impl CallerSession {
    pub(super) fn new(config: &Config, link: Link, service: u64, first_method: MethodField, now: Time) -> Self {
        Self {
            link,
            service,
            phase: Phase::Opening,
            nonce: 0,
            random: [0; 32],
            first_method,
            handshake_timer: now,
            handshake_attempts: 0,
            doubts: 0,
            doubted_since: None,
            token: Vec::new(),
            handshake_since: now,
            renewed: now,
            handshake_sent: now,
            epoch: 0,
            lease: config.lease,
            calls_max: 1,
            peer_message_max: config.message_bytes_max,
            previous: 0,
            calls: BTreeMap::new(),
            waiting: VecDeque::new(),
            writes: Writes::default(),
            outgoing: VecDeque::new(),
            unreported: 0,
            report_at: None,
            bytes: 0,
        }
    }

    /// A request becomes a call that waits for its turn.
    pub(super) fn wait(
        &mut self,
        now: Time,
        id: CallId,
        request: Request,
        memory: Option<MemoryFields>,
        place: Option<Vec<u8>>,
    ) {
        let out = Outbound::new(request.message, self.link.fragment_bytes());
        self.waiting.push_back(Box::new(Call {
            id,
            method: request.method,
            oneway: request.oneway,
            idempotent: request.idempotent,
            out,
            answer: None,
            memory,
            answer_memory: None,
            place,
            lost_before: false,
            deadline: request.deadline.map(|after| now.plus(after)),
            started: now,
            phase: CallPhase::Sending,
            timer: None,
            backoff: 0,
            queued: false,
            references: request.references,
            only_asks: false,
        }));
    }

    /// What becomes of a call in an open session without being sent: the callee would not take it, or it only asks.
    fn end_unsent(&self, call: &Call) -> Option<Result<Answered, CallError>> {
        if call.only_asks {
            return Some(Ok(Answered::Session { references: self.link.peer_references }));
        }
        let (len, limit) = (call.out.message_len(), self.peer_message_max);
        if len > limit {
            return Some(Err(CallError::TooLarge { len: len as usize, limit: limit as usize }));
        }
        let checked = check_pointers(call.out.message().pointers(), self.link.peer_references);
        checked.err().map(|error| Err(error.into()))
    }

    /// Moves waiting calls into the session, as many as the callee takes. Those that have ended instead are returned.
    pub(super) fn admit(&mut self, next_rpc: &mut u64) -> Vec<(Box<Call>, Result<Answered, CallError>)> {
        let mut ended = Vec::new();
        while self.phase == Phase::Open && self.calls.len() < self.calls_max {
            let Some(mut call) = self.waiting.pop_front() else {
                break;
            };
            if let Some(end) = self.end_unsent(&call) {
                ended.push((call, end));
                continue;
            }
            call.out.restart(self.link.fragment_bytes());
            let rpc = *next_rpc;
            *next_rpc += 1;
            if let Some(memory) = &mut call.memory {
                let lowest = self.calls.keys().next().copied().unwrap_or(rpc);
                self.writes.order(memory, rpc, lowest);
            }
            call.queued = true;
            self.outgoing.push_back(rpc);
            self.calls.insert(rpc, call);
        }
        ended
    }

    /// The peer was heard in a packet that is certainly its own.
    pub(super) fn believe(&mut self) {
        self.doubts = 0;
        self.doubted_since = None;
    }

    /// A call has something to send.
    pub(super) fn enqueue(&mut self, rpc: u64) {
        if let Some(call) = self.calls.get_mut(&rpc)
            && !call.queued
        {
            call.queued = true;
            self.outgoing.push_back(rpc);
        }
    }

    /// The lowest call outstanding; `next_rpc` when there is none.
    pub(super) fn lowest(&self, next_rpc: u64) -> u64 {
        self.calls.keys().next().copied().unwrap_or(next_rpc)
    }

    /// Takes a call out: it has ended for this end.
    pub(super) fn end(&mut self, now: Time, rpc: u64, ack_delay: Duration) -> Option<Box<Call>> {
        let mut call = self.calls.remove(&rpc)?;
        let in_flight = call.out.drain_flight();
        self.link.window.acked(in_flight);
        if let Some((_, inbound)) = &call.answer {
            self.bytes = self.bytes.saturating_sub(inbound.len());
        }
        if self.calls.is_empty() {
            // Nothing is asked for any more: that nothing comes means nothing.
            self.link.owed_since = None;
        }
        self.unreported += 1;
        if self.unreported >= UNREPORTED_MAX {
            self.report_at = Some(now);
        } else {
            self.report_at.get_or_insert(now.plus(ack_delay));
        }
        Some(call)
    }

    /// Tells the callee which calls have ended, if it is time.
    pub(super) fn report(&mut self, next_rpc: u64) {
        let mut ranges = Vec::new();
        let mut keys = self.calls.keys().copied();
        if let Some(mut before) = keys.next() {
            for rpc in keys.chain([next_rpc]) {
                if before + 1 < rpc {
                    ranges.push((before + 1, rpc));
                }
                before = rpc;
            }
        }
        if ranges.is_empty() {
            self.link.note(PacketType::Ack, 0, Flags::default(), FinishedBody::default().to_bytes());
        }
        for ranges in ranges.chunks(RANGES_MAX) {
            let body = FinishedBody { ranges: ranges.to_vec() };
            self.link.note(PacketType::Ack, 0, Flags::default(), body.to_bytes());
        }
        self.reported();
    }

    fn reported(&mut self) {
        self.unreported = 0;
        self.report_at = None;
        if self.link.unacked > 0 {
            let arriving = self.calls.values().filter_map(|call| call.answer.as_ref());
            self.link.unacked = arriving.map(|(_, inbound)| inbound.unacked).sum();
        }
    }

    /// Acknowledges all that has come of large answers.
    pub(super) fn ack_all(&mut self, next_rpc: u64) {
        if self.unreported > 0 {
            self.report(next_rpc);
        }
        for (rpc, call) in &mut self.calls {
            if let Some((_, inbound)) = call.answer.as_mut().filter(|(_, inbound)| inbound.unacked > 0) {
                inbound.unacked = 0;
                let ranges = inbound.ranges(64);
                self.link.note_ack(call.exchange(*rpc), crate::wire::AckStatus::Partial, ranges);
            }
        }
        self.link.unacked = 0;
    }

    /// Whether something can be sent now.
    pub(super) fn can_send(&self) -> bool {
        self.link.has_notes() || (!self.outgoing.is_empty() && self.link.window.room() > 0)
    }

    /// Fills the batch with what is to be sent.
    pub(super) fn fill(&mut self, now: Time, next_rpc: u64, limits: (usize, usize), out: &mut Datagrams) {
        let lowest = self.lowest(next_rpc);
        while let Some((bytes, pointer)) = self.link.peek_note() {
            if !out.takes(bytes, self.link.route(pointer), limits) {
                return;
            }
            self.link.put_note(lowest, out);
        }
        while let Some(rpc) = self.outgoing.front().copied() {
            let Some(call) = self.calls.get_mut(&rpc) else {
                self.outgoing.pop_front();
                continue;
            };
            let Some(range) = call.out.peek() else {
                call.queued = false;
                self.outgoing.pop_front();
                let after = self.link.rtt.timeout(call.backoff);
                call.timer = Some(now.plus(after.min(self.lease / LEASE_PROBES)));
                continue;
            };
            if self.link.window.room() == 0 {
                call.timer.get_or_insert(now.plus(self.link.rtt.timeout(call.backoff)));
                return;
            }
            let route = self.link.route(call.memory.map(|memory| memory.pointer));
            if !out.takes(self.link.fragment_datagram(&call.out, &range), route, limits) {
                return;
            }
            let kind = if call.oneway { PacketType::Oneway } else { PacketType::Call };
            let mut header = Link::message_header(kind, call.method, rpc, lowest);
            header.flags = call.flags();
            header.deadline_us = call.deadline.map_or(0, |deadline| micros(deadline.since(now)));
            if let Some(memory) = &call.memory {
                memory.put(&mut header, false);
            }
            self.link.put_fragment(now, header, &mut call.out, range, out);
            self.link.owes(now);
            if self.unreported > 0 && self.calls.len() as u64 == next_rpc - lowest {
                self.reported();
            }
        }
    }

    /// The next time at which something is due.
    pub(super) fn next_deadline(&self, config: &Config) -> Option<Time> {
        let handshake = (self.phase != Phase::Open).then_some(self.handshake_timer);
        let calls = self.calls.values().filter_map(|call| earlier(call.timer, call.deadline)).min();
        let waiting = self.waiting.iter().filter_map(|call| call.deadline).min();
        let idle = self.is_idle().then(|| self.link.heard.plus(self.lease));
        [handshake, calls, waiting, self.report_at, self.link.silent_at(config.peer_timeout), idle]
            .into_iter()
            .flatten()
            .min()
    }

    /// An open session without calls, which ends with its lease.
    pub(super) fn is_idle(&self) -> bool {
        self.calls.is_empty() && self.waiting.is_empty() && self.phase == Phase::Open
    }

    /// Looks after one call whose timer ended.
    pub(super) fn call_timeout(&mut self, now: Time, rpc: u64, ceiling: Duration) {
        let Some(call) = self.calls.get_mut(&rpc) else {
            return;
        };
        call.backoff = call.backoff.saturating_add(1);
        let about = call.exchange(rpc);
        if call.memory.is_some_and(|memory| memory.previous_write != 0) {
            // It may wait for a write that was given up, and what said so was lost.
            self.report_at.get_or_insert(now);
        }
        let mut again = false;
        match call.phase {
            CallPhase::Busy => {
                let freed = call.out.restart(self.link.fragment_bytes());
                self.link.window.forget(freed);
                call.phase = CallPhase::Sending;
                again = true;
            }
            CallPhase::Sending if call.answer.is_none() && call.out.is_single() && !call.out.is_acked() => {
                self.link.on_timeout(&mut call.out, call.backoff);
                let freed = call.out.send_first_again();
                self.link.window.forget(freed);
                again = true;
            }
            CallPhase::Held(left) => {
                call.phase = if left == 0 { CallPhase::Sending } else { CallPhase::Held(left - 1) };
                self.link.note(PacketType::Ping, about, Flags::ACK_NOW, Vec::new());
            }
            CallPhase::Sending | CallPhase::Arrived => {
                if let Some((_, inbound)) = &call.answer {
                    let ranges = inbound.ranges(64);
                    self.link.note_ack(about, crate::wire::AckStatus::Partial, ranges);
                } else {
                    self.link.on_timeout(&mut call.out, call.backoff);
                    again = call.out.peek().is_some();
                }
                self.link.note(PacketType::Ping, about, Flags::ACK_NOW, Vec::new());
            }
        }
        let wait = match call.phase {
            CallPhase::Held(_) => HELD_PROBE,
            _ => self.link.rtt.timeout(call.backoff).min(ceiling).min(self.lease / LEASE_PROBES),
        };
        call.timer = Some(now.plus(wait));
        self.link.owes(now);
        if again {
            self.enqueue(rpc);
        }
    }

    /// The callee was busy: the call waits, longer each time, and is then sent again.
    pub(super) fn on_busy(&mut self, now: Time, rpc: u64, retry: Duration, ceiling: Duration) {
        let Some(call) = self.calls.get_mut(&rpc) else {
            return;
        };
        if call.phase == CallPhase::Busy || call.answer.is_some() {
            return;
        }
        let freed = call.out.acked_all();
        self.link.window.forget(freed);
        call.phase = CallPhase::Busy;
        // Perhaps it is full of calls that have ended, and what said so was lost.
        self.report_at.get_or_insert(now);
        let wait = retry.max(BUSY_WAIT).saturating_mul(1 << call.backoff.min(10)).min(ceiling);
        call.timer = Some(now.plus(wait / 2 + wait * spread(self.link.client, rpc, call.backoff) / 256));
    }

    /// The control plane holds the call.
    pub(super) fn on_held(&mut self, now: Time, rpc: u64) {
        if let Some(call) = self.calls.get_mut(&rpc) {
            call.phase = CallPhase::Held(HELD_PROBES);
            call.timer = Some(now.plus(HELD_PROBE));
        }
    }

    /// Whether the callee may have been without a packet of the session for half its lease, so that a call should not
    /// be risked in it. When the callee was last *heard* says nothing here: what it sent may have been under way for
    /// long.
    pub(super) fn is_stale(&self, now: Time) -> bool {
        now.since(self.renewed) >= self.lease / 2
    }

    /// The callee has had something that was not sent before `since`: its lease runs from then at the earliest.
    pub(super) fn renew(&mut self, since: Time) {
        self.renewed = self.renewed.max(since);
    }

    /// What the flags of an answer to the first transmission tell about the path.
    pub(super) fn sample(&mut self, now: Time, header: &Header, call: &Call) {
        if header.flags.has(Flags::PROMPT) && call.out.packets == 1 {
            self.link.rtt.sample(now.since(call.out.sent_at));
        }
    }

    /// All calls, those sent first.
    #[expect(clippy::vec_box, reason = "a call is large, and moves between tables")]
    pub(super) fn drain_calls(&mut self) -> Vec<Box<Call>> {
        self.outgoing.clear();
        let sent = std::mem::take(&mut self.calls).into_values();
        sent.chain(std::mem::take(&mut self.waiting)).collect()
    }
}

impl Call {
    /// As if never sent, for another session.
    pub(super) fn reset(mut self: Box<Self>) -> Box<Self> {
        self.out.restart(usize::MAX);
        self.out.packets = 0;
        self.answer = None;
        self.answer_memory = None;
        self.phase = CallPhase::Sending;
        self.timer = None;
        self.backoff = 0;
        self.queued = false;
        self
    }
}

impl Call {
    /// What packets without a message say of it.
    pub(super) fn exchange(&self, rpc: u64) -> Exchange {
        Exchange { rpc, pointer: self.memory.map(|memory| memory.pointer), leased: self.is_leased() }
    }

    fn is_leased(&self) -> bool {
        !self.out.message().pointers().is_empty()
    }

    /// What all its fragments say of references.
    fn flags(&self) -> Flags {
        Flags(0).and(self.is_leased(), Flags::LEASED).and(self.references, Flags::REFERENCES)
    }

    /// The error that the call ends with, if the last that happened to it was `error`.
    pub(super) fn end_error(&self, error: CallError) -> CallError {
        if self.lost_before && !error.may_have_run() { CallError::OutcomeUnknown(Lost::Session) } else { error }
    }
}

/// A number below 256 that differs from call to call and from one attempt to the next: calls that were refused together
/// must not come back together.
fn spread(client: u64, rpc: u64, attempt: u32) -> u32 {
    let mixed = (client ^ rpc).wrapping_add(u64::from(attempt)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    u32::from(mixed.to_be_bytes()[0])
}

pub(super) fn earlier(a: Option<Time>, b: Option<Time>) -> Option<Time> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// Microseconds for the deadline field: at least 1, at most what fits.
fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX).max(1)
}
