//! What a caller does when time passes, and how calls are given up.

use super::call::{Call, CallPhase};
use super::caller::{CallerSession, LEASE_PROBES, Phase};
use super::config::Config;
use super::error::{CallError, Lost};
use super::time::Time;
use super::{CallId, Endpoint, Loose, SessionRef};
use crate::wire::{Flags, PacketType};
use std::time::Duration;

/// Probes unanswered after which HELD lapses.
const HELD_PROBES: u32 = 3;
/// Interval of probes while the control plane holds a call.
const HELD_PROBE: Duration = Duration::from_millis(200);
/// First wait after *busy*, on average; doubles up to the ceiling of the retransmission time-out.
const BUSY_WAIT: Duration = Duration::from_millis(1);

impl Endpoint {
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
        let due: Vec<u64> = session.calls.iter().filter(|(_, call)| past(call.timer)).map(|(rpc, _)| rpc).collect();
        let mut unanswered = Vec::new();
        for rpc in due {
            self.stats.timeouts += 1;
            if session.is_unheard(now, rpc, &self.config) {
                unanswered.extend(session.calls.get(rpc).map(|call| call.id));
            }
            session.call_timeout(now, rpc, self.config.rto_max);
        }
        if past(session.report_at) {
            session.report(self.next_rpc);
        }
        for call in unanswered {
            self.abandon(now, call, |call| CallError::Unanswered { waited: now.since(call.started) });
        }
        let Some(session) = self.callers.get_mut(index) else {
            return;
        };
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

    fn abandon(&mut self, now: Time, id: CallId, error: impl FnOnce(&Call) -> CallError) {
        let ack_delay = self.config.ack_delay;
        let found = self.callers.iter().find_map(|(index, session)| {
            let sent = session.calls.iter().find(|(_, call)| call.id == id).map(|(rpc, _)| Some(rpc));
            let waiting = || session.waiting.iter().any(|call| call.id == id).then_some(None);
            sent.or_else(waiting).map(|rpc| (index, rpc))
        });
        let Some((index, rpc)) = found else { return };
        let Some(session) = self.callers.get_mut(index) else {
            return;
        };
        let of = session.link.session;
        let call = match rpc {
            Some(rpc) => {
                let call = session.end(now, rpc, ack_delay);
                if let Some(call) = call.as_ref().filter(|call| call.out.transmitted) {
                    session.link.note(PacketType::Cancel, call.exchange(rpc), Flags::default(), Vec::new());
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
        if let Some(rpc) = rpc {
            self.report_abandoned(of, rpc, &call);
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
                self.loose.push_back(Loose { to: session.link.peer, from: None, datagram: farewell.to_vec() });
            }
            for call in self.drop_caller(index) {
                let may_have_run = call.out.transmitted;
                self.fail(&call, CallError::Closed { may_have_run });
            }
        }
        let _ = now;
    }
}

impl CallerSession {
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
        let Some(call) = self.calls.get_mut(rpc) else {
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
                call.unheard.probe(now);
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
                call.unheard.probe(now);
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
        let Some(call) = self.calls.get_mut(rpc) else {
            return;
        };
        if call.phase == CallPhase::Busy || call.answer.is_some() {
            return;
        }
        let freed = call.out.acked_all();
        self.link.window.forget(freed);
        call.phase = CallPhase::Busy;
        call.unheard.end();
        // Perhaps it is full of calls that have ended, and what said so was lost.
        self.report_at.get_or_insert(now);
        let wait = retry.max(BUSY_WAIT).saturating_mul(1 << call.backoff.min(10)).min(ceiling);
        call.timer = Some(now.plus(wait / 2 + wait * spread(self.link.client, rpc, call.backoff) / 256));
    }

    /// The control plane holds the call.
    pub(super) fn on_held(&mut self, now: Time, rpc: u64) {
        // One whose answer arrives was released long ago.
        if let Some(call) = self.calls.get_mut(rpc).filter(|call| call.answer.is_none()) {
            call.phase = CallPhase::Held(HELD_PROBES);
            call.unheard.end();
            call.timer = Some(now.plus(HELD_PROBE));
            // Whoever holds it knows what becomes of it: that its callee is silent means nothing.
            self.link.is_heard(now);
        }
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
