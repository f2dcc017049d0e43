//! How calls get on: what servers and tables answer, and what follows.

use super::super::checks::Check;
use super::super::input::Answered;
use super::super::output::{CallKey, Holder, MemoryMessage, Way};
use super::call::{Fate, of_server};
use super::cause::Cause;
use super::directory::Directory;
use super::made::Denial;
use super::objects::{ObjectKey, key_of};
use super::packet::Packet;
use super::{Calls, Stage, Step, Ticket};
use crate::rules::Decision;
use bifrost_rpc::endpoint::Time;
use bifrost_rpc::wire::Pointer;

/// A server's refusal that may pass: too many leases (`docs/memory.md`, section 9).
const TOO_MANY_LEASES: u16 = 27;
/// When a call comes again for which there was no room, in µs.
const AGAIN_US: u32 = 100_000;

/// What a server was told, and is to answer.
#[derive(Debug)]
pub(super) enum Told {
    Lease {
        call: CallKey,
        server: u8,
    },
    /// A call's leases end; what its answer returns goes from its callee to its caller.
    End {
        call: CallKey,
        server: u8,
        returned: Vec<Pointer>,
        ends: Option<(Holder, Holder)>,
    },
    Reclaim {
        call: CallKey,
        server: u8,
        objects: Vec<Pointer>,
        from: Holder,
    },
    Cleanup {
        server: u8,
        gone: Holder,
    },
}

impl Told {
    pub(super) fn server(&self) -> u8 {
        match self {
            Self::Lease { server, .. }
            | Self::End { server, .. }
            | Self::Reclaim { server, .. }
            | Self::Cleanup { server, .. } => *server,
        }
    }
}

/// What waits for the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waiter {
    /// A server's part of a call.
    Call(CallKey),
    /// The answer to an ALLOC or FREE.
    Memory(ObjectKey),
    /// A server's part of cleaning up after an incarnation.
    Cleanup(Holder, u8),
    Nobody,
}

impl Calls {
    /// Tells a server something.
    pub(super) fn tell(&mut self, server: u8, message: MemoryMessage, told: Told) {
        self.tickets += 1;
        self.told.push(self.tickets, told);
        self.steps.push_back(Step::Tell { server, ticket: self.tickets, message });
    }

    /// A call has one thing more to wait for.
    pub(super) fn wait(&mut self, key: CallKey) {
        self.calls.get_mut(&key).into_iter().for_each(|call| call.waits += 1);
    }

    /// Changes the tables, and has something wait for it. What needs no change waits for those that are on their way: one of them may
    /// be what it needs.
    pub(super) fn change(&mut self, now: Time, who: &dyn Directory, decisions: Vec<Decision>, waiter: Waiter) {
        if !decisions.is_empty() {
            self.tickets += 1;
            let waits = self.checks.makes(Check::TablesFirst);
            self.changes.push(self.tickets, waits.then_some(waiter).into_iter().collect());
            self.steps.push_back(Step::Change { ticket: self.tickets, decisions });
            if !waits {
                self.arrive(now, who, waiter, true);
            }
        } else if let Some(last) = self.changes.last_mut() {
            last.push(waiter);
        } else {
            self.arrive(now, who, waiter, true);
        }
    }

    /// The tables have changed.
    pub(super) fn changed(&mut self, now: Time, who: &dyn Directory, ticket: Ticket, is_done: bool) {
        for (number, waiter) in self.changes.take(ticket).unwrap_or_default().into_iter().enumerate() {
            // Those after the first wait for what was there already.
            self.arrive(now, who, waiter, is_done || number > 0);
        }
    }

    fn arrive(&mut self, now: Time, who: &dyn Directory, waiter: Waiter, is_done: bool) {
        match waiter {
            Waiter::Call(key) => {
                if let Some(call) = self.calls.get_mut(&key).filter(|call| call.stage == Stage::Held && !is_done) {
                    call.fate.get_or_insert(Fate::Again);
                    self.count(Cause::NotInForce);
                }
                self.part_done(now, who, key);
            }
            Waiter::Memory(key) => {
                if !is_done {
                    self.count(Cause::NotInForce);
                }
                self.waiting.remove(&key).into_iter().for_each(|frame| self.send_on(frame));
            }
            Waiter::Cleanup(gone, server) => self.part_cleaned(gone, server),
            Waiter::Nobody => {}
        }
    }

    /// A server has answered.
    pub(super) fn answered(&mut self, now: Time, who: &dyn Directory, told: Told, answered: Answered) {
        match told {
            Told::Lease { call, server } => match answered {
                Answered::Applied(_) if !self.checks.makes(Check::ServerFirst) => {}
                Answered::Refused(code) if self.checks.makes(Check::PassRight) => {
                    self.lease_refused(now, who, call, server, code);
                }
                Answered::Applied(_) | Answered::Refused(_) | Answered::OldTerm => self.leased(now, who, call, server),
            },
            Told::End { call, server, returned, ends } => {
                self.leases_ended(now, who, call, server, &returned, ends);
            }
            Told::Reclaim { call, objects, from, .. } => {
                self.reclaimed(call);
                let mut decisions = Vec::new();
                objects.iter().for_each(|object| self.objects.reclaim(key_of(*object), from, &mut decisions));
                self.change(now, who, decisions, Waiter::Nobody);
            }
            Told::Cleanup { server, gone } => {
                let decisions = self.objects.clean(server, gone);
                self.change(now, who, decisions, Waiter::Cleanup(gone, server));
            }
        }
    }

    pub(super) fn leased(&mut self, now: Time, who: &dyn Directory, key: CallKey, server: u8) {
        let objects = self.calls.get(&key).map(|call| call.at(server)).unwrap_or_default();
        let mut decisions = Vec::new();
        objects.iter().for_each(|object| self.objects.lease(key_of(*object), key, &mut decisions));
        self.change(now, who, decisions, Waiter::Call(key));
    }

    fn lease_refused(&mut self, now: Time, who: &dyn Directory, key: CallKey, server: u8, code: u16) {
        let Some(call) = self.calls.get_mut(&key) else { return };
        let objects = call.at(server);
        call.pointers.retain(|pointer| pointer.server() != server);
        let (fate, cause) = match code {
            TOO_MANY_LEASES => (Fate::Again, Cause::Full),
            _ => (Fate::Refused(Denial::NoRight), Cause::NoRight),
        };
        call.fate.get_or_insert(fate);
        self.count(cause);
        let mut decisions = Vec::new();
        objects.iter().for_each(|object| self.objects.release(key_of(*object), key, &mut decisions));
        self.change(now, who, decisions, Waiter::Call(key));
    }

    fn leases_ended(
        &mut self,
        now: Time,
        who: &dyn Directory,
        key: CallKey,
        server: u8,
        returned: &[Pointer],
        ends: Option<(Holder, Holder)>,
    ) {
        let mut decisions = Vec::new();
        for object in self.calls.get(&key).map(|call| call.at(server)).unwrap_or_default() {
            self.objects.release(key_of(object), key, &mut decisions);
        }
        let mut given = Vec::new();
        if let Some(ends) = ends {
            let mut is_given = |object: &Pointer| self.objects.transfer(key_of(*object), ends, &mut decisions);
            given.extend(returned.iter().copied().filter(|object| is_given(object)));
        }
        self.calls.get_mut(&key).into_iter().for_each(|call| call.given.append(&mut given));
        self.change(now, who, decisions, Waiter::Call(key));
    }

    /// One thing less for a call to wait for.
    fn part_done(&mut self, now: Time, who: &dyn Directory, key: CallKey) {
        let Some(call) = self.calls.get_mut(&key) else { return };
        call.waits = call.waits.saturating_sub(1);
        self.advance(now, who, key);
    }

    /// A call that waits for nothing more gets on.
    pub(super) fn advance(&mut self, now: Time, who: &dyn Directory, key: CallKey) {
        let Some(call) = self.calls.get_mut(&key).filter(|call| call.waits == 0) else { return };
        match (call.stage, call.fate) {
            (Stage::Held, None) => self.release(now, key),
            (Stage::Held, Some(_)) => {
                call.kept = None;
                self.end_leases(now, who, key, Stage::Ending, &[]);
            }
            (Stage::Released, _) => {}
            (Stage::Answered | Stage::Ending, fate) => self.conclude(key, fate),
        }
    }

    /// All rights of a held call are in force: it goes on.
    fn release(&mut self, now: Time, key: CallKey) {
        self.clear_timer(key);
        let Some(call) = self.calls.get_mut(&key) else { return };
        call.stage = Stage::Released;
        let frame = call.kept.take();
        self.counts.released += 1;
        frame.into_iter().for_each(|frame| self.send_on(frame));
        if self.calls.get(&key).is_some_and(|call| call.is_cancelled) {
            self.give_up(now, key);
        }
    }

    /// Ends a call's leases, and gives its caller what is returned.
    pub(super) fn end_leases(
        &mut self,
        now: Time,
        who: &dyn Directory,
        key: CallKey,
        stage: Stage,
        returned: &[Pointer],
    ) {
        self.clear_timer(key);
        let Some(call) = self.calls.get_mut(&key) else { return };
        call.stage = stage;
        let ends = call.caller.map(|caller| (call.callee, caller));
        let mut servers = call.servers();
        servers.extend(super::call::servers_of(returned));
        servers.sort_unstable();
        servers.dedup();
        for server in servers.into_iter().filter(|server| who.has_server(*server)) {
            let returned = of_server(returned, server);
            let message = match ends {
                Some((from, to)) if !returned.is_empty() => {
                    MemoryMessage::Reply { call: key, from, to, returned: returned.clone() }
                }
                _ => MemoryMessage::Release(key),
            };
            self.tell(server, message, Told::End { call: key, server, returned, ends });
            self.wait(key);
        }
        self.advance(now, who, key);
    }

    /// A call's leases have ended: what was held goes on, and the call is forgotten.
    fn conclude(&mut self, key: CallKey, fate: Option<Fate>) {
        let Some(call) = self.calls.get_mut(&key) else { return };
        let (session, origin) = (call.session_key(key), call.origin.clone());
        let fate = match fate {
            Some(Fate::Refused(denial)) => Some(Fate::Refused(call.told(denial))),
            // Should it come again it would be a new one.
            Some(Fate::Again) if call.may_have_run => Some(Fate::Refused(Denial::UnknownSession)),
            other => other,
        };
        call.kept.take().into_iter().for_each(|frame| self.send_on(frame));
        match (fate, origin) {
            (Some(Fate::Refused(denial)), Some(origin)) => {
                self.never(session, key.1, Some(denial));
                self.deny(&origin, denial);
            }
            (Some(Fate::Again), Some(origin)) => self.deny(&origin, Denial::Busy(AGAIN_US)),
            _ => {}
        }
        self.finish(key, fate != Some(Fate::Again));
    }

    /// Forgets a call.
    pub(super) fn finish(&mut self, key: CallKey, is_ended: bool) {
        self.clear_timer(key);
        let Some(call) = self.calls.remove(&key) else { return };
        self.counts.ended += 1;
        call.caller.into_iter().for_each(|caller| self.end_load(caller));
        let session = call.session_key(key);
        let ranges_max = self.limits.ended_ranges_max;
        let is_caller_gone = call.caller.is_some_and(|caller| self.objects.has_ended(caller));
        if let Some(of) = self.sessions.at_mut(session) {
            if is_ended {
                of.end(key.1, ranges_max);
                of.is_believed |= call.fate.is_none() && !call.is_strangers;
            }
            of.open.remove(&key.1);
            if of.open.is_empty() && is_caller_gone {
                self.sessions.forget(session);
            }
        }
        if let Some(caller) = call.caller.filter(|_| !is_caller_gone && !call.given.is_empty()) {
            match call.is_abandoned {
                true if !self.checks.makes(Check::Reclaim) => {}
                true => self.reclaim(key, caller, &call.given),
                false => self.give(key, caller, call.given),
            }
        }
    }

    pub(super) fn set_timer(&mut self, key: CallKey, at: Time) {
        self.clear_timer(key);
        if let Some(call) = self.calls.get_mut(&key) {
            call.timer = Some(at);
            self.timers.insert((at, key));
        }
    }

    pub(super) fn clear_timer(&mut self, key: CallKey) {
        if let Some(at) = self.calls.get_mut(&key).and_then(|call| call.timer.take()) {
            self.timers.remove(&(at, key));
        }
    }

    /// Sends a frame as the forwarding tables have it.
    pub(super) fn send_on(&mut self, frame: Vec<u8>) {
        self.steps.push_back(Step::Send { way: Way::Route, frame });
    }

    /// A packet goes on as it is.
    pub(super) fn pass(&mut self, packet: &Packet<'_>) {
        self.send_on(packet.frame.to_vec());
    }

    pub(super) fn count(&mut self, cause: Cause) {
        *self.counts.causes.entry(cause).or_default() += 1;
    }
}
