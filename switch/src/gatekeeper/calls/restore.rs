//! After a restart: what memory servers and nodes know is taken over.

use super::super::input::ServerObject;
use super::super::output::Holder;
use super::call::Call;
use super::directory::{Directory, Place};
use super::objects::{Lease, Object, key_of};
use super::session::{Ends, session_of};
use super::{Calls, Stage};
use bifrost_rpc::endpoint::Time;
use bifrost_rpc::wire::control::OutstandingCall;

fn holder((node, incarnation): (std::net::Ipv6Addr, u32)) -> Holder {
    Holder { node, incarnation }
}

impl Calls {
    /// What [`Calls::restore_object`] does.
    pub(super) fn take_object(&mut self, object: &ServerObject) {
        self.objects.set_prefix(object.pointer.prefix());
        let lease = |(call, callee): &_| Lease { call: *call, callee: holder(*callee), is_in_force: true };
        let leases: Vec<Lease> = object.leases.iter().map(lease).collect();
        for lease in &leases {
            let call = self.calls.entry(lease.call).or_insert_with(|| {
                let ends = Ends { caller: None, callee: lease.callee, instance: 0 };
                Call { is_unsure: true, is_known: false, ..Call::known(ends, 0) }
            });
            call.pointers.push(object.pointer);
        }
        let gives_to = object.control.map(holder).filter(|to| !object.freed && !self.objects.has_ended(*to));
        if let (Some(call), Some(to)) = (object.given_by, gives_to) {
            self.restore_gift(call, to, object.pointer);
        }
        let object_now = Object { control: object.control.map(holder), is_freed: object.freed, leases };
        self.objects.insert(key_of(object.pointer), object_now);
    }

    /// What [`Calls::restore_call`] does.
    pub(super) fn take_call(&mut self, now: Time, who: &dyn Directory, teller: Holder, line: &OutstandingCall) {
        let key = (line.client, line.rpc);
        let session = session_of(key, line.session);
        let callee = match who.place(line.instance) {
            Place::Live(callee) => callee,
            Place::Gone => return self.take_lost_call(session, teller, line),
            // What a node serves may not have come to the log: it says so again when all have told.
            Place::Unknown if line.is_callee => teller,
            Place::Unknown => match self.calls.get(&key).map(|call| call.callee) {
                Some(callee) if !self.objects.has_ended(callee) => callee,
                _ => return,
            },
        };
        let caller = (!line.is_callee).then_some(teller);
        let ends = Ends { caller, callee, instance: line.instance };
        if line.is_callee && callee != teller {
            return;
        }
        let Ok(of) = self.sessions.open(session, ends, &self.limits) else { return };
        of.open.insert(line.rpc);
        let call = self
            .calls
            .entry(key)
            .or_insert_with(|| Call { is_unsure: true, ..Call::known(Ends { caller: None, ..ends }, line.session) });
        if call.callee != callee {
            return;
        }
        (call.session, call.instance, call.is_known) = (line.session, line.instance, true);
        if line.is_callee {
            (call.is_unsure, call.is_done) = (false, line.is_answered);
        } else if call.caller.is_none() || call.caller == Some(teller) {
            if call.caller.replace(teller).is_none() {
                self.begin_load(teller);
            }
            if line.is_answered {
                self.give_up(now, key);
            }
        }
    }

    /// A call whose callee is gone: whether it ran is unknown.
    fn take_lost_call(&mut self, key: super::session::SessionKey, teller: Holder, line: &OutstandingCall) {
        if line.is_callee {
            return;
        }
        // No memory server may know who it was, and of one call it may where of another it does not: it is the same for all of a session.
        let known = self.sessions.at(key).map(|session| session.ends.callee);
        let callee = known.or_else(|| self.calls.get(&(line.client, line.rpc)).map(|call| call.callee));
        let callee = callee.unwrap_or(teller);
        let ends = Ends { caller: Some(teller), callee, instance: line.instance };
        let ranges_max = self.limits.ended_ranges_max;
        if let Ok(session) = self.sessions.open(key, ends, &self.limits) {
            session.end(line.rpc, ranges_max);
            self.sessions.set_gone(key);
        }
    }

    /// What [`Calls::restored`] does.
    pub(super) fn end_unknown(&mut self, now: Time, who: &dyn Directory) {
        for key in self.calls_where(|call| !call.is_known) {
            self.end_leases(now, who, key, Stage::Ending, &[]);
        }
        // Who called had told of what it waits for when its call had gone on long before: it gave this one up, and what it said of that is lost.
        for key in self.calls_where(|call| call.caller.is_none() && !call.pointers.is_empty()) {
            self.calls.get_mut(&key).into_iter().for_each(|call| call.is_abandoned = true);
        }
        // Of these no server knows, and no callee. Those of a callee that has told come again; one that is gone may have run its own.
        for key in self.calls_where(|call| call.is_known && call.is_unsure && call.pointers.is_empty()) {
            let instance = self.calls.get(&key).map_or(0, |call| call.instance);
            let may_have_run = !matches!(who.place(instance), Place::Live(_));
            self.finish(key, may_have_run);
        }
    }
}
