//! What the tables are to say now, and how each decision of the control plane changes it.

use super::access::Access;
use super::change::{EntryChange, diff, sort};
use super::decision::Decision;
use super::entry::Entries;
use super::problem::Problem;
use super::sizes::Sizes;
use super::table::Table;
use super::topology::{Machines, Topology};
use bifrost_rpc::wire::{MethodField, Pointer};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;

/// A rack's rules. `Clone` copies all rights, too.
#[derive(Debug, Clone)]
pub struct Intent {
    topology: Topology,
    sizes: Sizes,
    /// Entries that no decision changes.
    fixed: Entries,
    /// Entries of machines and instances, as of now.
    changing: Entries,
    access: Access,
    /// Entries of each table.
    counts: BTreeMap<Table, usize>,
}

impl Intent {
    /// The rules of a rack in which nobody has rights yet.
    ///
    /// # Errors
    ///
    /// The tables that are too small.
    pub fn new(topology: Topology, sizes: Sizes) -> Result<Self, Vec<Problem>> {
        let (fixed, changing) = (topology.fixed(), topology.changing());
        let mut counts = fixed.counts();
        for (table, count) in changing.counts() {
            *counts.entry(table).or_default() += count;
        }
        let problems = sizes.check(&counts);
        let intent = Self { topology, sizes, fixed, changing, access: Access::default(), counts };
        if problems.is_empty() { Ok(intent) } else { Err(problems) }
    }

    /// All entries.
    pub fn entries(&self) -> Entries {
        let mut all = self.fixed.clone();
        all.rows.extend(self.changing.rows.iter().map(|(key, row)| (*key, row.clone())));
        self.access.put(&mut all);
        all
    }

    /// The addresses that have any right.
    pub fn sources(&self) -> BTreeSet<Ipv6Addr> {
        self.access.sources()
    }

    /// The machines and services.
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// Takes a decision: the smallest batch of changes that makes the tables say so, in the order in which it is to be applied.
    ///
    /// Rights cost a search; what concerns machines and services costs as much as the rack has of them.
    ///
    /// # Errors
    ///
    /// Why it cannot be; the rules are as before.
    pub fn decide(&mut self, decision: Decision) -> Result<Vec<EntryChange>, Vec<Problem>> {
        match decision {
            Decision::Grant { .. } | Decision::Revoke { .. } | Decision::Freed(_) => {
                let mut batch = Vec::new();
                self.decide_right(&decision, &mut batch)?;
                Ok(batch)
            }
            Decision::ServiceDeclared { service, methods } => self.declare(&service, &methods),
            other => self.rearrange(other),
        }
    }

    /// Takes a decision about a right; what it changes goes behind what is in the batch.
    fn decide_right(&mut self, decision: &Decision, batch: &mut Vec<EntryChange>) -> Result<(), Vec<Problem>> {
        let (Decision::Grant { pointer, .. } | Decision::Revoke { pointer, .. } | Decision::Freed(pointer)) = *decision
        else {
            batch.extend(self.decide(decision.clone())?);
            return Ok(());
        };
        self.check_pointer(pointer).map_err(|problem| vec![problem])?;
        let (server, object, before) = (pointer.server(), pointer.object(), batch.len());
        match *decision {
            Decision::Grant { operations, source, .. } => {
                if !self.topology.is_source(source) {
                    return Err(vec![Problem::UnknownSource(source)]);
                }
                batch.extend(self.access.missing(server, object, source, operations));
                if let Err(problems) = self.add_rights(batch.len() - before) {
                    batch.truncate(before);
                    return Err(problems);
                }
                self.access.grant(server, object, source, operations);
            }
            Decision::Revoke { operations, source, .. } => {
                batch.extend(self.access.revoke(server, object, source, operations));
                self.remove_rights(batch.len() - before);
            }
            _ => {
                batch.extend(self.access.forget_object(server, object));
                self.remove_rights(batch.len() - before);
            }
        }
        Ok(())
    }

    /// Takes decisions about rights, all or none: the changes in the order given. Rights to objects of servers that are gone are gone, too.
    ///
    /// # Errors
    ///
    /// Why one of them cannot be; the rules are as before.
    pub fn decide_rights(
        &mut self,
        decisions: impl IntoIterator<Item = Decision>,
    ) -> Result<Vec<EntryChange>, Vec<Problem>> {
        let mut batch = Vec::new();
        for decision in decisions {
            if let Decision::Revoke { pointer, .. } | Decision::Freed(pointer) = &decision
                && self.topology.live_server(pointer.server()).is_err()
            {
                // Its rights went with the server.
                continue;
            }
            if let Err(problems) = self.decide_right(&decision, &mut batch) {
                self.take_back(&batch);
                return Err(problems);
            }
        }
        Ok(batch)
    }

    /// Undoes changes of rights.
    fn take_back(&mut self, batch: &[EntryChange]) {
        for change in batch.iter().rev() {
            self.access.take_back(change);
            match change {
                EntryChange::Add(..) => self.remove_rights(1),
                // It was there, so there is room for it.
                EntryChange::Delete(_) => *self.counts.entry(Table::MemoryAccess).or_default() += 1,
                EntryChange::Modify(..) | EntryChange::Flood(_) | EntryChange::Mirror(_) => {}
            }
        }
    }

    /// Counts new rights.
    fn add_rights(&mut self, new: usize) -> Result<(), Vec<Problem>> {
        let (table, count) = (Table::MemoryAccess, self.counts.entry(Table::MemoryAccess).or_default());
        let (need, room) = (*count + new, self.sizes.room(table));
        if new > 0 && need > room {
            return Err(vec![Problem::Full { table, need, room }]);
        }
        *count = need;
        Ok(())
    }

    fn remove_rights(&mut self, gone: usize) {
        let count = self.counts.entry(Table::MemoryAccess).or_default();
        *count = count.saturating_sub(gone);
    }

    /// Whether decisions about machines and services could be taken, one after the other. Nothing changes.
    ///
    /// # Errors
    ///
    /// Why not.
    pub fn check(&self, decisions: impl IntoIterator<Item = Decision>) -> Result<(), Vec<Problem>> {
        let mut next = self.topology.clone();
        decisions.into_iter().try_for_each(|decision| next.take(decision))?;
        self.reserve(&diff(&self.changing, &next.changing())).map(drop)
    }

    /// Takes all machines out: they may join again by decisions. What is left are services, hosts and routes, and no rights.
    pub fn take_machines(&mut self) -> Machines {
        let machines = self.topology.take_machines();
        self.access = Access::default();
        self.changing = self.topology.changing();
        self.counts = self.fixed.counts();
        for (table, count) in self.changing.counts() {
            *self.counts.entry(table).or_default() += count;
        }
        machines
    }

    fn declare(&mut self, service: &str, methods: &[(MethodField, u8)]) -> Result<Vec<EntryChange>, Vec<Problem>> {
        let mut next = self.topology.clone();
        next.declare(service, methods).map_err(|problem| vec![problem])?;
        let fixed = next.fixed();
        let batch = diff(&self.fixed, &fixed);
        self.counts = self.reserve(&batch)?;
        (self.topology, self.fixed) = (next, fixed);
        Ok(batch)
    }

    fn rearrange(&mut self, decision: Decision) -> Result<Vec<EntryChange>, Vec<Problem>> {
        let lost = self.lost_by(&decision);
        let mut next = self.topology.clone();
        next.take(decision)?;
        let changing = next.changing();
        let mut batch = diff(&self.changing, &changing);
        self.reserve(&batch)?;
        batch.extend(match lost {
            Lost::Nothing => Vec::new(),
            Lost::Sources(addresses) => self.access.forget_sources(&addresses),
            Lost::Server(id) => self.access.forget_server(id),
        });
        sort(&mut batch);
        self.counts = self.reserve(&batch)?;
        (self.topology, self.changing) = (next, changing);
        Ok(batch)
    }

    /// Whose rights end with a decision.
    fn lost_by(&self, decision: &Decision) -> Lost {
        match decision {
            Decision::NodeLeaves(node) | Decision::NodeDies(node) => {
                Lost::Sources(self.topology.addresses_of(node).to_vec())
            }
            Decision::MemoryLeaves(id) | Decision::MemoryDies(id) => Lost::Server(*id),
            _ => Lost::Nothing,
        }
    }

    fn check_pointer(&self, pointer: Pointer) -> Result<(), Problem> {
        let rests = Pointer::new(self.topology.fabric.memory_prefix, pointer.server(), pointer.object()) == pointer;
        if !rests || pointer.object() == 0 {
            return Err(Problem::Pointer);
        }
        self.topology.live_server(pointer.server())
    }

    /// The entries of each table after a batch.
    ///
    /// What is new is added before what is gone is deleted, so there must be room for both. Deletions alone never fail.
    fn reserve(&self, batch: &[EntryChange]) -> Result<BTreeMap<Table, usize>, Vec<Problem>> {
        let (mut most, mut after) = (BTreeMap::new(), self.counts.clone());
        for change in batch {
            match change {
                EntryChange::Add(key, _) => {
                    let count =
                        most.entry(key.table).or_insert_with(|| self.counts.get(&key.table).copied().unwrap_or(0));
                    *count += 1;
                    *after.entry(key.table).or_default() += 1;
                }
                EntryChange::Delete(key) => {
                    let count = after.entry(key.table).or_default();
                    *count = count.saturating_sub(1);
                }
                EntryChange::Modify(..) | EntryChange::Flood(_) | EntryChange::Mirror(_) => {}
            }
        }
        let problems = self.sizes.check(&most);
        if problems.is_empty() { Ok(after) } else { Err(problems) }
    }
}

/// Whose rights end.
enum Lost {
    Nothing,
    Sources(Vec<Ipv6Addr>),
    Server(u8),
}

impl Topology {
    /// Takes a decision about machines and services.
    fn take(&mut self, decision: Decision) -> Result<(), Vec<Problem>> {
        let outcome = match decision {
            Decision::NodeJoins(node) => return self.join(node, &[]),
            Decision::MemoryJoins(server) => return self.join_memory(server, &[]),
            Decision::NodeLeaves(node) => self.leave(&node),
            Decision::NodeDies(node) => self.die(&node),
            Decision::ServiceStarts { service, node, at } => self.serve(&service, &node, at, &[]),
            Decision::ServiceDrains { service, node } => self.drain(&service, &node),
            Decision::ServiceStops { service, node } => self.stop(&service, &node),
            Decision::InstanceStarts { instance, service, node, at } => self.start(instance, &service, &node, at),
            Decision::InstanceServesNot { instance, service } => self.serve_not(instance, &service),
            Decision::InstanceEnds(instance) => self.end(instance),
            Decision::InstanceHeld(instance) => self.hold(instance),
            Decision::InstanceRestored { instance, node, at } => self.restore(instance, &node, at),
            Decision::MemoryLeaves(id) => self.leave_memory(id),
            Decision::MemoryDies(id) => self.die_memory(id),
            Decision::ServiceDeclared { service, methods } => self.declare(&service, &methods),
            // Rights are not the topology's.
            Decision::Grant { .. } | Decision::Revoke { .. } | Decision::Freed(_) => Ok(()),
        };
        outcome.map_err(|problem| vec![problem])
    }
}

#[cfg(test)]
mod tests;
