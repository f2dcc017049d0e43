//! Who controls which object, and which calls lease it: as the memory servers have confirmed it.

use super::super::output::{CallKey, Holder};
use super::seen::Seen;
use crate::rules::{Decision, Operations};
use bifrost_rpc::wire::Pointer;
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;

/// Ranges of ids that are remembered of a server; the lowest gaps beyond are taken as seen.
const SEEN_RANGES_MAX: usize = 1 << 16;

/// A memory server and an object's id.
pub(super) type ObjectKey = (u8, u64);

/// The key of an object.
pub(super) fn key_of(pointer: Pointer) -> ObjectKey {
    (pointer.server(), pointer.object())
}

/// A call's right to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lease {
    pub(super) call: CallKey,
    pub(super) callee: Holder,
    /// The server has confirmed it; otherwise it has only been told.
    pub(super) is_in_force: bool,
}

/// An object.
#[derive(Debug, Default)]
pub(super) struct Object {
    pub(super) control: Option<Holder>,
    pub(super) is_freed: bool,
    pub(super) leases: Vec<Lease>,
}

impl Object {
    /// Whether a node may pass it to others.
    fn may_pass(&self, node: Holder) -> bool {
        let leases = self.leases.iter().any(|lease| lease.is_in_force && lease.callee == node);
        leases || (self.control == Some(node) && !self.is_freed)
    }

    /// The nodes that control or lease it.
    fn nodes(&self) -> impl Iterator<Item = Ipv6Addr> + '_ {
        self.control.iter().chain(self.leases.iter().map(|lease| &lease.callee)).map(|holder| holder.node)
    }

    /// Whether nobody can have a right to it any more.
    fn is_gone(&self) -> bool {
        self.is_freed && self.leases.is_empty()
    }
}

/// All objects that live.
#[derive(Debug, Default)]
pub(super) struct Objects {
    map: BTreeMap<ObjectKey, Object>,
    /// What a node controls or leases, in whatever incarnation: so that the end of one costs no more than it has.
    of_node: BTreeMap<Ipv6Addr, BTreeSet<ObjectKey>>,
    /// Ids that each server has given out.
    seen: BTreeMap<u8, Seen>,
    /// The highest ended incarnation of each node.
    ended: BTreeMap<Ipv6Addr, u32>,
    prefix: u8,
}

impl Objects {
    pub(super) fn set_prefix(&mut self, prefix: u8) {
        self.prefix = prefix;
    }

    pub(super) fn len(&self) -> usize {
        self.map.len()
    }

    pub(super) fn has_ended(&self, holder: Holder) -> bool {
        self.ended.get(&holder.node).is_some_and(|ended| holder.incarnation <= *ended)
    }

    pub(super) fn ended(&self) -> impl Iterator<Item = Holder> {
        self.ended.iter().map(|(node, incarnation)| Holder { node: *node, incarnation: *incarnation })
    }

    pub(super) fn has(&self, key: ObjectKey) -> bool {
        self.map.contains_key(&key)
    }

    pub(super) fn may_pass(&self, key: ObjectKey, node: Holder) -> bool {
        self.map.get(&key).is_some_and(|object| object.may_pass(node))
    }

    pub(super) fn has_seen(&self, key: ObjectKey) -> bool {
        self.seen.get(&key.0).is_some_and(|seen| seen.has(key.1))
    }

    /// All ids of a server up to one have been given out.
    pub(super) fn see_until(&mut self, server: u8, newest: u64) {
        self.seen.entry(server).or_default().add_until(newest);
    }

    /// A new object, or one that a server's table has.
    pub(super) fn insert(&mut self, key: ObjectKey, object: Object) -> Vec<Decision> {
        let seen = self.seen.entry(key.0).or_default();
        seen.add(key.1);
        if seen.ranges() > SEEN_RANGES_MAX {
            seen.close_lowest_gap();
        }
        if object.is_gone() {
            return Vec::new();
        }
        let after = self.rights_of(&object);
        let mut changes = Vec::new();
        self.difference(key, &Rights::default(), &after, &mut changes);
        object.nodes().for_each(|node| _ = self.of_node.entry(node).or_default().insert(key));
        self.map.insert(key, object);
        changes
    }

    /// Tells that a server is about to lease an object, so that it is kept until that has ended.
    pub(super) fn promise(&mut self, key: ObjectKey, call: CallKey, callee: Holder) {
        if let Some(object) = self.map.get_mut(&key)
            && !object.leases.iter().any(|lease| lease.call == call)
        {
            object.leases.reserve_exact(1);
            object.leases.push(Lease { call, callee, is_in_force: false });
            self.of_node.entry(callee.node).or_default().insert(key);
        }
    }

    /// A server has leased an object.
    pub(super) fn lease(&mut self, key: ObjectKey, call: CallKey, changes: &mut Vec<Decision>) {
        self.change(key, changes, |object| {
            object.leases.iter_mut().filter(|lease| lease.call == call).for_each(|lease| lease.is_in_force = true);
        });
    }

    /// A call leases an object no more.
    pub(super) fn release(&mut self, key: ObjectKey, call: CallKey, changes: &mut Vec<Decision>) {
        self.change(key, changes, |object| {
            object.leases.retain(|lease| lease.call != call);
            object.leases.shrink_to_fit();
        });
    }

    /// `to` controls an object that `from` controlled; whether that was so.
    pub(super) fn transfer(
        &mut self,
        key: ObjectKey,
        (from, to): (Holder, Holder),
        changes: &mut Vec<Decision>,
    ) -> bool {
        let controls = self.map.get(&key).is_some_and(|object| object.control == Some(from));
        if !controls || from == to {
            return false;
        }
        self.change(key, changes, |object| object.control = Some(to));
        true
    }

    /// An object has been freed.
    pub(super) fn free(&mut self, key: ObjectKey, changes: &mut Vec<Decision>) {
        self.change(key, changes, |object| object.is_freed = true);
    }

    /// An object has been freed if `from` controlled it.
    pub(super) fn reclaim(&mut self, key: ObjectKey, from: Holder, changes: &mut Vec<Decision>) {
        self.change(key, changes, |object| object.is_freed |= object.control == Some(from));
    }

    /// An incarnation has ended, and all before it: rights of theirs are gone. Looks at what the node has.
    pub(super) fn end(&mut self, gone: Holder) -> Vec<Decision> {
        let keys: Vec<ObjectKey> = self.of_node.get(&gone.node).into_iter().flatten().copied().collect();
        let before: Vec<(ObjectKey, Rights)> =
            keys.iter().filter_map(|key| Some((*key, self.rights_of(self.map.get(key)?)))).collect();
        let ended = self.ended.entry(gone.node).or_default();
        *ended = gone.incarnation.max(*ended);
        let mut decisions = Vec::new();
        for (key, before) in before {
            if let Some(object) = self.map.get(&key) {
                self.difference(key, &before, &self.rights_of(object), &mut decisions);
            }
        }
        decisions
    }

    /// A server has cleaned up after an incarnation and all before it. Looks at what the node has there.
    pub(super) fn clean(&mut self, server: u8, gone: Holder) -> Vec<Decision> {
        let is_of = |holder: Holder| holder.node == gone.node && holder.incarnation <= gone.incarnation;
        let of_node = self.of_node.get(&gone.node).into_iter();
        let keys: Vec<ObjectKey> =
            of_node.flat_map(|keys| keys.range((server, 0)..=(server, u64::MAX))).copied().collect();
        let mut decisions = Vec::new();
        for key in keys {
            self.change(key, &mut decisions, |object| {
                object.leases.retain(|lease| !is_of(lease.callee));
                if object.control.is_some_and(is_of) {
                    (object.control, object.is_freed) = (None, true);
                }
            });
        }
        decisions
    }

    /// A server is gone, with all that it had.
    pub(super) fn forget_server(&mut self, server: u8) {
        let mut rest = self.map.split_off(&(server, 0));
        if let Some(next) = server.checked_add(1) {
            self.map.append(&mut rest.split_off(&(next, 0)));
        }
        self.of_node.values_mut().for_each(|keys| keys.retain(|key| key.0 != server));
        self.of_node.retain(|_, keys| !keys.is_empty());
    }

    /// Notes who has an object, and who has it no more.
    fn index(&mut self, key: ObjectKey, before: &[Ipv6Addr], after: &[Ipv6Addr]) {
        let is_in = |all: &[Ipv6Addr], node: &Ipv6Addr| all.contains(node);
        for node in before.iter().filter(|node| !is_in(after, node)) {
            let Some(keys) = self.of_node.get_mut(node) else { continue };
            keys.remove(&key);
            if keys.is_empty() {
                self.of_node.remove(node);
            }
        }
        for node in after.iter().filter(|node| !is_in(before, node)) {
            self.of_node.entry(*node).or_default().insert(key);
        }
    }

    /// Changes an object; what that changes of rights to it goes behind the other changes.
    fn change(&mut self, key: ObjectKey, changes: &mut Vec<Decision>, how: impl FnOnce(&mut Object)) {
        let Some(object) = self.map.get(&key) else { return };
        let before = self.rights_of(object);
        let nodes_before: SmallVec<[Ipv6Addr; 2]> = object.nodes().collect();
        let Some(object) = self.map.get_mut(&key) else { return };
        how(object);
        let Some(object) = self.map.get(&key) else { return };
        let after = self.rights_of(object);
        let is_gone = object.is_gone();
        let nodes: SmallVec<[Ipv6Addr; 2]> = object.nodes().filter(|_| !is_gone).collect();
        if is_gone {
            self.map.remove(&key);
        }
        self.index(key, &nodes_before, &nodes);
        self.difference(key, &before, &after, changes);
    }

    /// Who may do what to an object: the rule of `docs/gatekeeper.md`, section 4.
    fn rights_of(&self, object: &Object) -> Rights {
        let mut rights = Rights::default();
        let is_leased = object.leases.iter().any(|lease| lease.is_in_force);
        if let Some(control) = object.control.filter(|holder| !object.is_freed && !self.has_ended(*holder)) {
            rights.add(control.node, Operations { read: true, write: !is_leased });
        }
        for lease in object.leases.iter().filter(|lease| lease.is_in_force && !self.has_ended(lease.callee)) {
            rights.add(lease.callee.node, Operations::READ);
        }
        rights
    }

    fn difference(&self, key: ObjectKey, before: &Rights, after: &Rights, decisions: &mut Vec<Decision>) {
        let pointer = Pointer::new(self.prefix, key.0, key.1);
        for (source, had) in before.0.iter() {
            let operations = without(*had, after.of(*source));
            if operations != Operations::default() {
                decisions.push(Decision::Revoke { pointer, operations, source: *source });
            }
        }
        for (source, has) in after.0.iter() {
            let operations = without(*has, before.of(*source));
            if operations != Operations::default() {
                decisions.push(Decision::Grant { pointer, operations, source: *source });
            }
        }
    }

    /// Every object after one.
    pub(super) fn after(&self, after: Option<ObjectKey>) -> impl Iterator<Item = (Pointer, &Object)> {
        use std::ops::Bound::{Excluded, Unbounded};
        let range = self.map.range((after.map_or(Unbounded, Excluded), Unbounded));
        range.map(|((server, object), of)| (Pointer::new(self.prefix, *server, *object), of))
    }

    /// Grants of all that is allowed.
    pub(super) fn rights(&self) -> impl Iterator<Item = Decision> {
        self.map.iter().flat_map(|(key, object)| {
            let mut grants = Vec::new();
            self.difference(*key, &Rights::default(), &self.rights_of(object), &mut grants);
            grants
        })
    }
}

/// What each address may do to an object.
#[derive(Debug, Default, PartialEq, Eq)]
struct Rights(SmallVec<[(Ipv6Addr, Operations); 2]>);

impl Rights {
    fn add(&mut self, source: Ipv6Addr, more: Operations) {
        if let Some((_, has)) = self.0.iter_mut().find(|(of, _)| *of == source) {
            *has = Operations { read: has.read || more.read, write: has.write || more.write };
            return;
        }
        self.0.push((source, more));
    }

    fn of(&self, source: Ipv6Addr) -> Operations {
        self.0.iter().find(|(of, _)| *of == source).map(|(_, has)| *has).unwrap_or_default()
    }
}

fn without(all: Operations, some: Operations) -> Operations {
    Operations { read: all.read && !some.read, write: all.write && !some.write }
}
