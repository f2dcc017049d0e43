//! Who may read and write which object: the entries of `memory_access`.

use super::action::Action;
use super::change::EntryChange;
use super::entry::{Entries, Key, Match};
use bifrost_rpc::wire::MemoryOp;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;

/// Operations on an object.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Operations {
    /// To read it.
    pub read: bool,
    /// To write it.
    pub write: bool,
}

impl Operations {
    /// To read and to write.
    pub const ALL: Self = Self { read: true, write: true };
    /// To read.
    pub const READ: Self = Self { read: true, write: false };
    /// To write.
    pub const WRITE: Self = Self { read: false, write: true };

    fn and(self, other: Self) -> Self {
        Self { read: self.read && other.read, write: self.write && other.write }
    }

    fn or(self, other: Self) -> Self {
        Self { read: self.read || other.read, write: self.write || other.write }
    }

    fn without(self, other: Self) -> Self {
        Self { read: self.read && !other.read, write: self.write && !other.write }
    }

    fn each(self) -> impl Iterator<Item = MemoryOp> {
        [(self.read, MemoryOp::Read), (self.write, MemoryOp::Write)].into_iter().filter_map(|(is, of)| is.then_some(of))
    }
}

/// An object, and from where: server, object id, source address.
type Right = (u8, u64, u128);

/// All rights.
#[derive(Debug, Clone, Default)]
pub(super) struct Access {
    rights: BTreeMap<Right, Operations>,
    /// The objects of which a source may do anything: so that the end of one costs no more than it has.
    of_source: BTreeMap<u128, BTreeSet<(u8, u64)>>,
}

impl Access {
    /// What must be added for operations to be allowed.
    pub(super) fn missing(
        &self,
        server: u8,
        object: u64,
        source: Ipv6Addr,
        operations: Operations,
    ) -> impl Iterator<Item = EntryChange> + use<> {
        let right = (server, object, source.to_bits());
        let before = self.rights.get(&right).copied().unwrap_or_default();
        keys(right, operations.without(before)).map(|key| EntryChange::Add(key, Action::Allow))
    }

    /// Allows operations.
    pub(super) fn grant(&mut self, server: u8, object: u64, source: Ipv6Addr, operations: Operations) {
        let right = (server, object, source.to_bits());
        let before = self.rights.get(&right).copied().unwrap_or_default();
        self.set(right, before.or(operations));
    }

    /// Forbids operations; what was allowed is deleted.
    pub(super) fn revoke(
        &mut self,
        server: u8,
        object: u64,
        source: Ipv6Addr,
        operations: Operations,
    ) -> impl Iterator<Item = EntryChange> + use<> {
        self.take((server, object, source.to_bits()), operations)
    }

    /// Undoes a change of an entry.
    pub(super) fn take_back(&mut self, change: &EntryChange) {
        let (EntryChange::Add(key, _) | EntryChange::Delete(key)) = change else { return };
        let fields: Vec<Match> = key.fields().collect();
        let [Match::Exact(server), Match::Exact(object), Match::Exact(operation), Match::Exact(source)] = fields[..]
        else {
            return;
        };
        let (Ok(server), Ok(object)) = (u8::try_from(server), u64::try_from(object)) else { return };
        let is_read = operation == MemoryOp::Read as u128;
        let operations = if is_read { Operations::READ } else { Operations::WRITE };
        let right = (server, object, source);
        let now = self.rights.get(&right).copied().unwrap_or_default();
        let is_added = matches!(change, EntryChange::Add(..));
        self.set(right, if is_added { now.without(operations) } else { now.or(operations) });
    }

    /// Forbids everything to everybody about one object.
    pub(super) fn forget_object(&mut self, server: u8, object: u64) -> Vec<EntryChange> {
        self.take_all((server, object, 0)..=(server, object, u128::MAX))
    }

    /// Forbids everything about a server's objects.
    pub(super) fn forget_server(&mut self, server: u8) -> Vec<EntryChange> {
        self.take_all((server, 0, 0)..=(server, u64::MAX, u128::MAX))
    }

    /// Forbids everything to these sources.
    pub(super) fn forget_sources(&mut self, sources: &[Ipv6Addr]) -> Vec<EntryChange> {
        let rights = |source: &Ipv6Addr| {
            let (source, objects) = (source.to_bits(), self.of_source.get(&source.to_bits()));
            objects.into_iter().flatten().map(move |(server, object)| (*server, *object, source))
        };
        let gone: Vec<Right> = sources.iter().flat_map(rights).collect();
        gone.into_iter().flat_map(|right| self.take(right, Operations::ALL)).collect()
    }

    fn take_all(&mut self, range: std::ops::RangeInclusive<Right>) -> Vec<EntryChange> {
        let gone: Vec<Right> = self.rights.range(range).map(|(right, _)| *right).collect();
        gone.into_iter().flat_map(|right| self.take(right, Operations::ALL)).collect()
    }

    fn take(&mut self, right: Right, operations: Operations) -> impl Iterator<Item = EntryChange> + use<> {
        let before = self.rights.get(&right).copied().unwrap_or_default();
        self.set(right, before.without(operations));
        keys(right, before.and(operations)).map(EntryChange::Delete)
    }

    fn set(&mut self, right: Right, operations: Operations) {
        let (server, object, source) = right;
        if operations != Operations::default() {
            if self.rights.insert(right, operations).is_none() {
                self.of_source.entry(source).or_default().insert((server, object));
            }
        } else if self.rights.remove(&right).is_some()
            && let Some(objects) = self.of_source.get_mut(&source)
        {
            objects.remove(&(server, object));
            if objects.is_empty() {
                self.of_source.remove(&source);
            }
        }
    }

    /// Who has any right.
    pub(super) fn sources(&self) -> BTreeSet<Ipv6Addr> {
        self.of_source.keys().map(|source| Ipv6Addr::from_bits(*source)).collect()
    }

    /// The entries of all rights.
    pub(super) fn put(&self, entries: &mut Entries) {
        for (right, operations) in &self.rights {
            for key in keys(*right, *operations) {
                entries.put(key, Action::Allow, "a right", &[]);
            }
        }
    }
}

fn keys((server, object, source): Right, operations: Operations) -> impl Iterator<Item = Key> {
    operations.each().map(move |operation| Key::of_right(server, object, operation as u8, source))
}
