//! The graph of running calls: nodes, and an edge for each call.

use super::super::output::CallKey;
use super::call::Call;
use super::objects::key_of;
use super::{Calls, ObjectView, RunningCall, Sizes};
use bifrost_rpc::wire::{PacketType, Pointer};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;
use std::ops::Bound::{Excluded, Unbounded};

impl Calls {
    /// How much is known of everything.
    #[must_use]
    pub fn sizes(&self) -> Sizes {
        Sizes {
            objects: self.objects.len(),
            calls: self.calls.len(),
            sessions: self.sessions.len(),
            gifts: self.gifts.len(),
            abandoned: self.loads.values().map(|load| load.abandoned.len()).sum(),
            nodes: self.loads.len(),
            told: self.told.len(),
            changes: self.changes.len(),
            waiting: self.waiting.len() + self.cleaning.len(),
            timers: self.timers.len(),
        }
    }

    /// The calls that run, after one, in the order of client and RPC id.
    pub fn running(&self, after: Option<CallKey>) -> impl Iterator<Item = RunningCall> {
        self.calls.range((after.map_or(Unbounded, Excluded), Unbounded)).map(|(key, call)| view(*key, call))
    }

    /// The objects after one, in the order of server and id.
    pub fn objects(&self, after: Option<Pointer>) -> impl Iterator<Item = ObjectView> {
        self.objects.after(after.map(key_of)).map(|(pointer, object)| ObjectView {
            pointer,
            control: object.control,
            is_freed: object.is_freed,
            leases: object.leases.iter().map(|lease| (lease.call, lease.callee, lease.is_in_force)).collect(),
        })
    }

    /// How many calls run.
    #[must_use]
    pub fn running_len(&self) -> usize {
        self.calls.len()
    }

    /// How many objects there are.
    #[must_use]
    pub fn objects_len(&self) -> usize {
        self.objects.len()
    }

    /// Sessions of callees that are there.
    pub(in super::super) fn sessions_len(&self) -> usize {
        self.sessions.keys_where(|session| !session.is_gone()).len()
    }

    /// The failure domain of a node: the nodes that share running calls with it, directly or through others, and itself.
    ///
    /// Looks at every running call.
    #[must_use]
    pub fn failure_domain(&self, node: Ipv6Addr) -> BTreeSet<Ipv6Addr> {
        let mut neighbours: BTreeMap<Ipv6Addr, BTreeSet<Ipv6Addr>> = BTreeMap::new();
        for call in self.calls.values() {
            if let Some(caller) = call.caller {
                neighbours.entry(caller.node).or_default().insert(call.callee.node);
                neighbours.entry(call.callee.node).or_default().insert(caller.node);
            }
        }
        let (mut domain, mut next) = (BTreeSet::from([node]), vec![node]);
        while let Some(node) = next.pop() {
            for other in neighbours.get(&node).into_iter().flatten() {
                if domain.insert(*other) {
                    next.push(*other);
                }
            }
        }
        domain
    }
}

fn view(key: CallKey, call: &Call) -> RunningCall {
    RunningCall {
        call: key,
        session: call.session,
        instance: call.instance,
        caller: call.caller,
        callee: call.callee,
        method: call.method,
        is_oneway: call.kind == PacketType::Oneway,
        pointers: call.pointers.clone(),
        stage: call.stage,
    }
}
