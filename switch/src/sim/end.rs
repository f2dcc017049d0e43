//! What must hold when all has come to rest, and when all have left.

use super::Rule;
use super::store::right_in;
use super::world::World;
use crate::gatekeeper::Gatekeeper;
use bifrost_dsm::Holder;
use bifrost_rpc::memory::{PREFIX_DEFAULT, Pointer};
use bifrost_rpc::node::MembershipState;
use std::collections::BTreeSet;

const ROWS: usize = 1 << 16;

impl World {
    /// Nothing more is asked.
    pub(super) fn quiet(&mut self) {
        self.note(|| "quiet".to_owned());
        self.is_quiet = true;
    }

    /// All has come to rest: everything has ended, and everybody says the same.
    pub(super) fn rest(&mut self) {
        self.note(|| "rest".to_owned());
        self.check_members();
        self.check_work();
        self.check_control();
        self.check_tables();
        self.check_stores();
        for text in self.histories.judge() {
            self.broke(Rule::Linearizable, text);
        }
        let now = self.time();
        self.is_leaving = true;
        for node in 0..self.plan.nodes {
            if let Some(endpoint) = &mut self.machines[node].endpoint {
                endpoint.close(now);
            }
            if let Some(membership) = &mut self.machines[node].membership {
                membership.leave(now);
            }
            self.drive(node);
        }
    }

    fn check_members(&mut self) {
        for index in 0..self.machines.len() {
            let machine = &self.machines[index];
            let state = machine.membership.as_ref().map(bifrost_rpc::node::Membership::state);
            if state != Some(MembershipState::Joined) {
                let name = machine.name();
                self.broke(Rule::Ends, format!("{name} is no member: {state:?}"));
            }
        }
    }

    fn check_work(&mut self) {
        let waits: Vec<String> = self.waits.iter().take(3).map(|wait| format!("{wait:?}")).collect();
        if !waits.is_empty() {
            self.broke(Rule::Ends, format!("still waited for: {}", waits.join(", ")));
        }
        let task = self.tasks.iter().position(|task| !task.is_over);
        let handler = self.handlers.iter().position(|handler| !handler.is_over);
        if task.is_some() || handler.is_some() {
            self.broke(Rule::Ends, format!("task {task:?}, handler {handler:?} has not ended"));
        }
    }

    /// Calls have ended and nothing is under way.
    fn check_control(&mut self) {
        let Some(machine) = &self.control.machine else { return };
        let status = machine.status(self.time());
        let running: Vec<_> = machine.running_calls(None).take(2).collect();
        let leases: Vec<_> = machine.objects(None).filter(|object| !object.leases.is_empty()).take(2).collect();
        let sessions = machine.sessions_len();
        if !status.is_ready || status.under_way > 0 || status.unserved > 0 {
            let (is_ready, under_way, unserved) = (status.is_ready, status.under_way, status.unserved);
            self.broke(Rule::Left, format!("ready: {is_ready}, under way: {under_way}, unserved: {unserved}"));
        }
        // Those that somebody hostile has made up go with its node.
        let has_sessions = sessions > 0 && self.plan.hostile.is_none();
        if !running.is_empty() || !leases.is_empty() || has_sessions {
            self.broke(Rule::Left, format!("{sessions} sessions, calls {running:?}, leases {leases:?}"));
        }
    }

    /// The switch says what the rules do, and rights are those that memory servers know.
    fn check_tables(&mut self) {
        let (tables, wanted) = (self.tables(), self.control.machine.as_ref().map(|machine| machine.rules().entries()));
        let Some(wanted) = wanted else { return };
        let rows = |entries: &crate::rules::Entries| -> BTreeSet<String> {
            entries.rows.iter().map(|(key, row)| format!("{key:?} {:?}", row.action)).collect()
        };
        let (has, wants) = (rows(&tables), rows(&wanted));
        let differ: Vec<&String> = has.symmetric_difference(&wants).take(3).collect();
        if !differ.is_empty() {
            self.broke(Rule::Left, format!("tables and rules differ: {differ:?}"));
        }
        for key in tables.rows.keys() {
            let Some((pointer, op, source)) = right_in(key) else { continue };
            if self.server_allows(pointer, op, source) != Some(true) {
                self.broke(Rule::Left, format!("the switch lets {source} {op:?} {pointer}, its server does not"));
            }
        }
    }

    /// Memory servers and the control plane know the same objects; nobody who is gone has any.
    fn check_stores(&mut self) {
        let known: Vec<(Pointer, Option<Holder>)> = self.known_objects();
        let mut found = Vec::new();
        for index in self.plan.nodes..self.machines.len() {
            let (Some(store), Some(server)) = (&self.machines[index].store, self.machines[index].server) else {
                continue;
            };
            let rows = store.with(|memory| memory.export(None, ROWS).objects);
            found.extend(rows.into_iter().map(|row| (Pointer::new(PREFIX_DEFAULT, server, row.object.to_bits()), row)));
        }
        let present: Vec<Holder> = (0..self.plan.nodes).map(|node| self.holder(node)).collect();
        for (pointer, row) in found {
            if row.freed || !row.leases.is_empty() {
                self.broke(Rule::Left, format!("{pointer} is left: {row:?}"));
            }
            if !row.control.is_some_and(|holder| present.contains(&holder)) {
                self.broke(Rule::Left, format!("{pointer} is controlled by {:?}, who is gone", row.control));
            }
            if row.control.is_some_and(|holder| self.rights.is_untaken_gift(pointer, holder)) {
                self.broke(Rule::Left, format!("{pointer} was given to {:?}, who does not know it", row.control));
            }
            // The answer to an ALLOC may never have come by.
            let of = known.iter().find(|(of, _)| *of == pointer);
            if of.is_some_and(|(_, control)| *control != row.control) {
                self.broke(Rule::Left, format!("{pointer} is controlled by {:?}, known is {of:?}", row.control));
            }
        }
        for (pointer, control) in known {
            let op = bifrost_rpc::memory::MemoryOp::Read;
            let allows = control.and_then(|holder| self.server_allows(pointer, op, holder.node.0));
            if allows != Some(true) {
                self.broke(Rule::Left, format!("{pointer} of {control:?} is known, its server says {allows:?}"));
            }
        }
    }

    fn known_objects(&self) -> Vec<(Pointer, Option<Holder>)> {
        let objects = self.control.machine.iter().flat_map(|machine: &Gatekeeper| machine.objects(None));
        objects.map(|object| (object.pointer, object.control.map(super::lane::holder_of))).collect()
    }

    /// All nodes have left: nothing of theirs is anywhere.
    pub(super) fn finish(&mut self) {
        for node in 0..self.plan.nodes {
            let state = self.machines[node].membership.as_ref().map(bifrost_rpc::node::Membership::state);
            if !matches!(state, Some(MembershipState::Left | MembershipState::Fenced)) {
                self.broke(Rule::Ends, format!("n{node} has not left: {state:?}"));
            }
        }
        for index in self.plan.nodes..self.machines.len() {
            let objects = self.machines[index].store.as_ref().map_or(0, |store| store.metrics().objects);
            if objects > 0 {
                let name = self.machines[index].name();
                self.broke(Rule::Left, format!("{name} has {objects} objects in the end"));
            }
        }
        let sessions = self.control.machine.as_ref().map_or(0, Gatekeeper::sessions_len);
        if sessions > 0 {
            self.broke(Rule::Left, format!("{sessions} sessions in the end"));
        }
        let known = self.known_objects();
        let rights = self.tables().rows.keys().filter(|key| right_in(key).is_some()).count();
        if !known.is_empty() || rights > 0 {
            self.broke(Rule::Left, format!("in the end {rights} rights are in the tables, known are {known:?}"));
        }
    }
}
