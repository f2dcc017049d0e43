//! What becomes of a caller's session once it is open: confirmed after silence, dropped, lost.

use super::call::Call;
use super::caller::Phase;
use super::checks::Check;
use super::error::{CallError, Lost};
use super::time::Time;
use super::{Endpoint, Event, SessionRef};
use crate::wire::{Flags, MethodField, PacketType};

impl Endpoint {
    /// Lets waiting calls into an open session that was heard lately; asks after one that was not.
    pub(super) fn advance_caller(&mut self, now: Time, index: usize) {
        let Some(session) = self.callers.get_mut(index) else {
            return;
        };
        if session.phase == Phase::Open
            && session.calls.is_empty()
            && !session.waiting.is_empty()
            && session.is_stale(now)
            && self.config.makes(Check::LeaseConfirmed)
        {
            session.phase = Phase::Confirming;
            session.handshake_attempts = 0;
            session.handshake_since = now;
            self.send_confirmation(now, index);
            return;
        }
        while let Some((call, result)) = session.admit(&mut self.next_rpc) {
            let result = result.map_err(|error| call.end_error(error));
            self.events.push_back(Event::Answer { call: call.id, result });
        }
        self.touch(now, SessionRef::Caller(index));
    }

    fn send_confirmation(&mut self, now: Time, index: usize) {
        let Some(session) = self.callers.get_mut(index) else {
            return;
        };
        let echo = session.handshake_since.as_nanos().to_be_bytes();
        session.link.note(PacketType::Ping, 0, Flags::default(), echo.to_vec());
        session.link.owes(now);
        session.handshake_timer = now.plus(session.link.rtt.timeout(session.handshake_attempts));
        session.handshake_attempts += 1;
        self.touch(now, SessionRef::Caller(index));
    }

    /// OPEN or the confirming PING was not answered in time.
    pub(super) fn handshake_timeout(&mut self, now: Time, index: usize) {
        let Some(session) = self.callers.get(index) else {
            return;
        };
        match session.phase {
            Phase::Opening => {
                self.stats.timeouts += 1;
                self.send_open(now, index);
            }
            Phase::Confirming => {
                self.stats.timeouts += 1;
                self.send_confirmation(now, index);
            }
            Phase::Open => {}
        }
    }

    /// A call ends without an answer.
    pub(super) fn fail(&mut self, call: &Call, error: CallError) {
        self.events.push_back(Event::Answer { call: call.id, result: Err(call.end_error(error)) });
    }

    /// Forgets a session, and gives its calls to `each`.
    #[expect(clippy::vec_box, reason = "a call is large, and moves between tables")]
    pub(super) fn drop_caller(&mut self, index: usize) -> Vec<Box<Call>> {
        if !self.callers.contains(index) {
            return Vec::new();
        }
        let mut session = self.callers.remove(index);
        session.calls.iter().for_each(|(rpc, call)| self.report_abandoned(session.link.session, rpc, call));
        self.caller_by_nonce.remove(&session.nonce);
        if session.link.session != 0 {
            self.caller_by_session.remove(&session.link.session);
        }
        let target = (session.link.peer, session.service);
        if self.caller_by_target.get(&target) == Some(&index) {
            self.caller_by_target.remove(&target);
        }
        self.bytes = self.bytes.saturating_sub(session.bytes);
        if session.link.root.is_some() {
            // One that never came to be has not ended the one before it either.
            let last = if session.link.session == 0 { session.previous } else { session.link.session };
            self.abandon_memory(session.link.peer, last);
        }
        session.drain_calls()
    }

    /// The server does not know the session any more. Calls that were sent have an unknown outcome, except where they
    /// may be issued again; the others go to a new session.
    pub(super) fn lose_caller(&mut self, now: Time, index: usize) {
        let Some(session) = self.callers.get(index) else {
            return;
        };
        let (peer, service, method, lost) =
            (session.link.peer, session.service, session.first_method, session.link.session);
        let root = session.link.root;
        let calls = self.drop_caller(index);
        let mut moved = Vec::new();
        for call in calls {
            if !call.out.transmitted || call.idempotent || !self.config.makes(Check::OutcomeUnknown) {
                let mut call = call.reset();
                call.lost_before = call.out.transmitted;
                moved.push(call);
            } else {
                self.fail(&call, CallError::OutcomeUnknown(Lost::Session));
            }
        }
        if let Some(first) = moved.first() {
            let method = if method == MethodField::NONE { first.method } else { method };
            let index = self.session_for(now, peer, service, method, root);
            if let Some(session) = self.callers.get_mut(index) {
                session.previous = lost;
                session.waiting.extend(moved);
            }
            self.advance_caller(now, index);
        }
    }
}
