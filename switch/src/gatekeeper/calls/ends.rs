//! The ends of nodes, instances and memory servers.

use super::super::checks::Check;
use super::super::input::Answered;
use super::super::output::{CallKey, Holder, MemoryMessage};
use super::call::{Call, Fate};
use super::cause::Cause;
use super::directory::Directory;
use super::made::Denial;
use super::progress::{Told, Waiter};
use super::session::Session;
use super::{Calls, Stage, Step};
use bifrost_rpc::endpoint::Time;
use std::collections::BTreeSet;

impl Calls {
    /// What [`Calls::end_node`] does.
    pub(super) fn node_ended(&mut self, now: Time, who: &dyn Directory, gone: Holder) {
        let is_of = |holder: Holder| holder.node == gone.node && holder.incarnation <= gone.incarnation;
        let decisions = self.objects.end(gone);
        self.change(now, who, decisions, Waiter::Nobody);
        self.clean(now, who, gone);
        self.end_calls_to(now, who, |call| is_of(call.callee));
        for key in self.calls_where(|call| call.caller.is_some_and(is_of)) {
            let Some(call) = self.calls.get_mut(&key) else { continue };
            call.is_abandoned = true;
            match call.stage {
                Stage::Held if call.fate.is_none() => {
                    self.count(Cause::Abandoned);
                    self.doom(key, None);
                }
                Stage::Answered => call.kept = None,
                _ => self.give_up(now, key),
            }
        }
        for key in self.sessions.keys_where(|session: &Session| session.ends.caller.is_some_and(is_of)) {
            // Its calls that still run keep it.
            if self.sessions.at(key).is_some_and(|session| session.open.is_empty()) {
                self.sessions.forget(key);
            }
        }
        for key in self.sessions.keys_where(|session| is_of(session.ends.callee)) {
            self.sessions.set_gone(key);
        }
        for holder in self.loads.keys().copied().filter(|holder| is_of(*holder)).collect::<Vec<_>>() {
            let Some(load) = self.loads.get_mut(&holder) else { continue };
            load.allocs.clear();
            load.abandoned.clear();
            std::mem::take(&mut load.gifts).iter().for_each(|gift| _ = self.gifts.remove(gift));
            self.forget_idle(holder);
        }
    }

    /// What [`Calls::end_instance`] does.
    pub(super) fn instance_ended(&mut self, now: Time, who: &dyn Directory, instance: u32) {
        self.end_calls_to(now, who, |call| call.instance == instance);
        for key in self.sessions.keys_where(|session| session.ends.instance == instance) {
            self.sessions.set_gone(key);
        }
    }

    /// Ends calls whose callee is gone: held ones were never released, of others the outcome is unknown. That a session is lost is heard
    /// after what is known of its calls: a caller that hears it asks no more.
    fn end_calls_to(&mut self, now: Time, who: &dyn Directory, is_meant: impl Fn(&Call) -> bool) {
        let keys = self.calls_where(is_meant);
        self.deny_held(&keys, Cause::InstanceGone);
        for key in keys {
            let Some(call) = self.calls.get(&key) else { continue };
            let origin = call.origin.clone();
            match call.stage {
                Stage::Released => {
                    if let Some(origin) = origin.filter(|_| !call.is_cancelled) {
                        self.count(Cause::InstanceGone);
                        let is_unknown = self.checks.makes(Check::OutcomeUnknown);
                        let denial = if is_unknown { Denial::UnknownSession } else { Denial::NeverReleased };
                        self.deny(&origin, denial);
                    }
                    self.end_leases(now, who, key, Stage::Ending, &[]);
                }
                Stage::Held | Stage::Answered | Stage::Ending => {}
            }
        }
    }

    /// Those of these calls that are held were never released, and never will be.
    pub(super) fn deny_held(&mut self, keys: &[CallKey], cause: Cause) {
        let is_held = |call: &Call| call.stage == Stage::Held && call.fate.is_none();
        let mut held: Vec<CallKey> =
            keys.iter().copied().filter(|key| self.calls.get(key).is_some_and(is_held)).collect();
        // Of those that may have run before a restart the outcome is unknown, too.
        held.sort_by_key(|key| self.calls.get(key).is_some_and(|call| call.may_have_run));
        for key in held {
            self.count(cause);
            self.doom(key, Some(Denial::NeverReleased));
        }
    }

    /// Has all servers clean up after an incarnation.
    fn clean(&mut self, now: Time, who: &dyn Directory, gone: Holder) {
        // One that is about to be there has only heard of those that had ended before.
        let servers: BTreeSet<u8> = who.servers().into_iter().chain(self.begun.iter().copied()).collect();
        // Without servers there is a part left, which waits for the tables alone.
        self.cleaning.insert(gone, servers.iter().copied().chain(servers.is_empty().then_some(0)).collect());
        for server in &servers {
            self.tell(*server, MemoryMessage::Cleanup(gone), Told::Cleanup { server: *server, gone });
        }
        if servers.is_empty() {
            self.change(now, who, Vec::new(), Waiter::Cleanup(gone, 0));
        }
    }

    /// A server has cleaned up after an incarnation, and the tables say so.
    pub(super) fn part_cleaned(&mut self, gone: Holder, server: u8) {
        let Some(parts) = self.cleaning.get_mut(&gone) else { return };
        parts.remove(&server);
        if parts.is_empty() {
            self.cleaning.remove(&gone);
            self.steps.push_back(Step::Cleaned(gone));
        }
    }

    /// What [`Calls::end_server`] does: all that it was told is taken as done, since nothing of it is left.
    pub(super) fn server_ended(&mut self, now: Time, who: &dyn Directory, server: u8) {
        self.begun.remove(&server);
        self.objects.forget_server(server);
        self.waiting.retain(|key, _| key.0 != server);
        let told: Vec<_> = self.told.iter().filter(|(_, told)| told.server() == server).map(|(at, _)| at).collect();
        for ticket in told {
            let Some(told) = self.told.take(ticket) else { continue };
            let answered = match told {
                Told::Lease { .. } => Answered::Refused(0),
                _ => Answered::Applied(0),
            };
            self.answered(now, who, told, answered);
        }
        for call in self.calls.values_mut() {
            // What it passes is lost: it never runs.
            if call.stage == Stage::Held && call.pointers.iter().any(|pointer| pointer.server() == server) {
                call.fate.get_or_insert(Fate::Refused(Denial::NoRight));
            }
            call.given.retain(|pointer| pointer.server() != server);
        }
        for (_, given) in self.gifts.values_mut() {
            given.retain(|pointer| pointer.server() != server);
        }
        for load in self.loads.values_mut() {
            load.allocs.retain(|(_, of, _)| *of != server);
        }
    }

    pub(super) fn calls_where(&self, is_meant: impl Fn(&Call) -> bool) -> Vec<CallKey> {
        self.calls.iter().filter(|(_, call)| is_meant(call)).map(|(key, _)| *key).collect()
    }

    /// A new server is told of the incarnations that have ended.
    pub(super) fn server_began(&mut self, server: u8) {
        self.begun.insert(server);
        for gone in self.objects.ended().collect::<Vec<_>>() {
            self.tell(server, MemoryMessage::Cleanup(gone), Told::Cleanup { server, gone });
        }
    }
}
