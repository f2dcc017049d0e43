//! What a caller does when time passes, and how calls are given up.

use super::caller::Phase;
use super::error::{CallError, Lost};
use super::time::Time;
use super::{CallId, Endpoint, SessionRef};
use crate::wire::{Flags, PacketType};

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
