//! The caller's side of a session: calls outstanding and waiting, and what is known of the callee.

use super::call::{Call, CallPhase};
use super::caller_order::Writes;
use super::calls::{Calls, boxed};
use super::config::Config;
use super::error::CallError;
use super::link::Link;
use super::outbound::Outbound;
use super::time::Time;
use super::unheard::Unheard;
use super::{Answered, CallId, Request};
use crate::wire::{Flags, Header, MemoryFields, MethodField, Pointer, check_pointers};
use std::collections::VecDeque;
use std::time::Duration;

/// Ended calls after which the client says so even though no packet is due.
const UNREPORTED_MAX: u32 = 64;
/// Probes within a lease, at least, while a call runs: the session must not end before it.
pub(super) const LEASE_PROBES: u32 = 4;

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
    pub(super) renewed: Time,
    /// When the last OPEN left, for a first round-trip sample.
    pub(super) handshake_sent: Time,
    pub(super) epoch: u64,
    pub(super) lease: Duration,
    pub(super) calls_max: usize,
    pub(super) peer_message_max: u32,
    /// The lost session that this one replaces.
    pub(super) previous: u64,
    pub(super) calls: Calls<Box<Call>>,
    pub(super) waiting: VecDeque<Box<Call>>,
    /// The memory of a call that has ended, for the next.
    spare: Option<Box<Call>>,
    /// Of a memory session: when the server was last asked whether it is there.
    pub(super) server_asked: Time,
    /// And which of these askings, or an earlier one, it has answered.
    pub(super) server_answered: Time,
    /// Of a memory session: the writes that others have to follow.
    pub(super) writes: Writes,
    pub(super) outgoing: VecDeque<u64>,
    /// Calls that ended since a packet last told the callee.
    pub(super) unreported: u32,
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
            calls: Calls::default(),
            waiting: VecDeque::new(),
            spare: None,
            server_asked: Time::ZERO,
            server_answered: Time::ZERO,
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
        let call = Call {
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
            unheard: Unheard::default(),
            queued: false,
            references: request.references,
            only_asks: false,
        };
        self.waiting.push_back(boxed(&mut self.spare, call));
    }

    /// Keeps the memory of a call that has ended and whose message was taken.
    pub(super) fn keep(&mut self, mut call: Box<Call>) {
        // One that was in flight may have kept long lists of what was.
        if !call.out.is_counted() {
            (call.answer, call.place) = (None, None);
            self.spare = Some(call);
        }
    }

    /// Of a memory session: whether there is no write, sent or waiting, that operations on these objects may have to follow.
    pub(super) fn has_no_writes(&self, objects: &[Pointer]) -> bool {
        objects.is_empty() || (self.waiting.is_empty() && objects.iter().all(|object| self.writes.has_none(*object)))
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

    /// Moves waiting calls into the session, as many as the callee takes. The first that has ended instead is returned; others
    /// are waiting then.
    pub(super) fn admit(&mut self, next_rpc: &mut u64) -> Option<(Box<Call>, Result<Answered, CallError>)> {
        while self.phase == Phase::Open && self.calls.len() < self.calls_max {
            let mut call = self.waiting.pop_front()?;
            if let Some(end) = self.end_unsent(&call) {
                return Some((call, end));
            }
            call.out.restart(self.link.fragment_bytes());
            let rpc = *next_rpc;
            *next_rpc += 1;
            if let Some(memory) = &mut call.memory {
                let lowest = self.calls.first().unwrap_or(rpc);
                self.writes.order(memory, rpc, lowest);
            }
            call.queued = true;
            self.outgoing.push_back(rpc);
            self.calls.insert(rpc, call);
        }
        None
    }

    /// The peer was heard in a packet that is certainly its own.
    pub(super) fn believe(&mut self) {
        self.doubts = 0;
        self.doubted_since = None;
    }

    /// A call has something to send.
    pub(super) fn enqueue(&mut self, rpc: u64) {
        if let Some(call) = self.calls.get_mut(rpc)
            && !call.queued
        {
            call.queued = true;
            self.outgoing.push_back(rpc);
        }
    }

    /// The lowest call outstanding; `next_rpc` when there is none.
    pub(super) fn lowest(&self, next_rpc: u64) -> u64 {
        self.calls.first().unwrap_or(next_rpc)
    }

    /// Takes a call out: it has ended for this end.
    pub(super) fn end(&mut self, now: Time, rpc: u64, ack_delay: Duration) -> Option<Box<Call>> {
        let mut call = self.calls.remove(rpc)?;
        self.calls.tidy();
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
