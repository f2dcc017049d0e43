//! What a callee's handlers make of calls: answers, calls given back; and the end of its sessions.

use super::link::Exchange;
use super::outbound::Outbound;
use super::record::{Answered, Released, Served};
use super::time::Time;
use super::{AnswerKind, Endpoint, Event, ServedCall, SessionRef};
use crate::buffer::Message;
use crate::wire::{Flags, PacketType, PassError, Refusal, RefusedBody, check_pointers};
use std::time::Duration;

impl Endpoint {
    /// Answers a call, with the message's pointers. Says whether it is kept for the caller: nothing happens if its session or
    /// its caller is gone.
    ///
    /// # Errors
    ///
    /// The pointers cannot be sent, or the call did not say that its caller understands them: the call is not answered yet.
    pub fn reply(
        &mut self,
        now: Time,
        call: ServedCall,
        kind: AnswerKind,
        method: crate::wire::MethodField,
        message: Message,
    ) -> Result<bool, PassError> {
        let Some(index) = self.callee_by_session.get(&call.session).copied() else {
            self.report_handler(call);
            return Ok(false);
        };
        let Some(session) = self.callees.get_mut(index) else {
            return Ok(false);
        };
        check_pointers(message.pointers(), session.takes_references(call.rpc))?;
        let kind = match kind {
            AnswerKind::Reply => PacketType::Reply,
            AnswerKind::Exception => PacketType::Exception,
        };
        let is_prompt = self.prompt.contains(&call);
        let out = Outbound::new(message, session.link.fragment_bytes());
        let answered = Answered::new(kind, method, out, is_prompt);
        let kept = session.answer(call.rpc, answered, &mut Released::default());
        self.bytes += kept.unwrap_or_default();
        if kept.is_none() {
            self.report_handler(call);
        }
        self.touch(now, SessionRef::Callee(index));
        Ok(kept.is_some())
    }

    /// A oneway call's handler has ended; or that of a call which was [cancelled](Event::Cancelled) has ended without an answer, or
    /// will not begin.
    pub fn done(&mut self, call: ServedCall) {
        let session = self.callee_by_session.get(&call.session).and_then(|index| self.callees.get_mut(*index));
        let client = session.as_ref().map_or(0, |session| session.link.client);
        match session.and_then(|session| session.calls.get_mut(call.rpc)) {
            Some(served @ Served::RunningOneway(_)) => {
                let leased = served.is_leased();
                *served = Served::Done { leased };
                if leased {
                    self.report_settled(call.session, client, call.rpc);
                }
            }
            Some(_) => {}
            None => self.report_handler(call),
        }
    }

    /// Gives a call back unrun: its caller is told to try again later. Says whether it could be given back: a oneway
    /// call that has been reported delivered could not, and has to be run.
    pub fn refuse_busy(&mut self, now: Time, call: ServedCall, retry: Duration) -> bool {
        let Some(index) = self.callee_by_session.get(&call.session).copied() else {
            self.report_handler(call);
            return true;
        };
        let Some(session) = self.callees.get_mut(index) else {
            return true;
        };
        match session.calls.get_mut(call.rpc) {
            Some(Served::Running(_)) => {}
            Some(Served::Memory(run)) if run.held.is_none() => {}
            Some(Served::RunningOneway(run)) => {
                run.acks = run.acks.saturating_sub(session.link.withdraw_acks(call.rpc));
                if run.acks > 0 {
                    session.acknowledge(call.rpc);
                    return false;
                }
            }
            Some(_) => return true,
            None => {
                self.report_handler(call);
                return true;
            }
        }
        let about = session.exchange(call.rpc);
        session.calls.remove(call.rpc);
        let retry_us = u32::try_from(retry.as_micros()).unwrap_or(u32::MAX);
        self.refuse_call(index, about, 0, Refusal::Busy { retry_us });
        self.touch(now, SessionRef::Callee(index));
        true
    }

    /// Refuses a call in its session.
    pub(super) fn refuse_call(&mut self, index: usize, about: Exchange, packet: u64, refusal: Refusal) {
        self.stats.refusals += 1;
        let Some(session) = self.callees.get_mut(index) else {
            return;
        };
        let body = RefusedBody { refusal, packet };
        // A control plane that cannot read why ends the leases of what is refused; this may still run.
        let leased = about.leased && !matches!(refusal, Refusal::Busy { .. });
        let about = Exchange { leased, ..about };
        session.link.note(PacketType::Refused, about, Flags::default(), body.to_bytes());
    }

    /// Tells all callers that this end is going, so that their next calls open sessions with whoever comes after it
    /// instead of risking to be lost in these. It is said once, and nothing rests on it.
    pub fn farewell(&mut self, now: Time) {
        let sessions: Vec<usize> = self.callees.iter().map(|(index, _)| index).collect();
        for index in sessions {
            self.refuse_call(index, Exchange::from(0), 0, Refusal::Draining);
            self.touch(now, SessionRef::Callee(index));
        }
    }

    /// Forgets all sessions as callee: what their callers ask of them from now on is refused. Calls that have not been answered are
    /// [cancelled](Event::Cancelled).
    pub fn end_sessions(&mut self) {
        let sessions: Vec<usize> = self.callees.iter().map(|(index, _)| index).collect();
        sessions.into_iter().for_each(|index| self.drop_callee(index));
    }

    /// What is due for a callee's session.
    pub(super) fn callee_timeout(&mut self, now: Time, index: usize) {
        let Some(session) = self.callees.get_mut(index) else {
            return;
        };
        if now.since(session.link.heard) >= self.config.lease {
            return self.drop_callee(index);
        }
        let released = session.calls_timeout(now, &self.config);
        self.released(index, released);
        self.touch(now, SessionRef::Callee(index));
    }

    /// Forgets a session: from now on its packets are refused.
    pub(super) fn drop_callee(&mut self, index: usize) {
        if !self.callees.contains(index) {
            return;
        }
        let mut session = self.callees.remove(index);
        self.callee_by_session.remove(&session.link.session);
        self.callee_by_nonce.remove(&(session.link.client, session.nonce));
        let released = session.raise_lowest(u64::MAX, true);
        self.bytes = self.bytes.saturating_sub(released.bytes);
        let client = session.link.client;
        self.report_released(session.link.session, client, released.leased());
        for rpc in released.unanswered() {
            let call = ServedCall { session: session.link.session, rpc: *rpc };
            self.events.push_back(Event::Cancelled { call });
        }
        if session.link.root.is_none() {
            // Also one in which no lease came: the control plane may have refused those that were to come, or seen answers with pointers.
            self.report_session(session.link.session, client);
        } else {
            self.events.push_back(Event::MemorySessionEnded { session: session.link.session });
        }
    }

    /// Accounts for what a session let go of, and tells of calls that need not run any more.
    pub(super) fn released(&mut self, index: usize, released: Released) {
        self.bytes = self.bytes.saturating_sub(released.bytes);
        if let Some(of) = self.callees.get(index).filter(|_| released.has_calls()) {
            let (session, client) = (of.link.session, of.link.client);
            self.report_released(session, client, released.leased());
            for rpc in released.unanswered() {
                self.events.push_back(Event::Cancelled { call: ServedCall { session, rpc: *rpc } });
            }
        }
        released.give_spent(&mut self.pool);
    }
}
