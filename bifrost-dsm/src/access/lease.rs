//! Leases: a set keyed by object and call, so that a duplicate changes nothing.

use crate::checks::{Check, Checks};
use crate::identity::Holder;
use crate::table::shrink;
use bifrost_rpc::endpoint::QuickMap;
use bifrost_rpc::memory::ObjectId;
use std::collections::{BTreeMap, BTreeSet};

/// What names a call for as long as the rack runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallKey {
    /// The calling client's id.
    pub client: u64,
    /// The call's id.
    pub rpc: u64,
}

/// Objects that a caller passes in a call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lend<'a> {
    pub(crate) call: CallKey,
    pub(crate) caller: Holder,
    pub(crate) callee: Holder,
    pub(crate) objects: &'a [ObjectId],
}

/// Who leases what.
#[derive(Debug)]
pub(super) struct Leases {
    checks: Checks,
    objects: QuickMap<ObjectId, BTreeMap<CallKey, Holder>>,
    calls: BTreeMap<CallKey, BTreeSet<ObjectId>>,
    /// The calls that lease to each callee, with the number of their leases.
    callees: BTreeMap<(Holder, CallKey), usize>,
    len: usize,
    /// With [`Check::LeaseSet`] left out: leases that were added once more, which a set would not have.
    extra: BTreeMap<ObjectId, usize>,
}

impl Leases {
    pub(super) fn new(checks: Checks) -> Self {
        Self {
            checks,
            objects: QuickMap::default(),
            calls: BTreeMap::new(),
            callees: BTreeMap::new(),
            len: 0,
            extra: BTreeMap::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn has(&self, object: ObjectId) -> bool {
        self.objects.contains_key(&object) || self.extra.contains_key(&object)
    }

    /// Whether a call leases the object to this callee.
    pub(super) fn reads(&self, object: ObjectId, callee: Holder) -> bool {
        self.objects.get(&object).is_some_and(|calls| calls.values().any(|holder| *holder == callee))
    }

    pub(super) fn is_leased_to(&self, object: ObjectId, call: CallKey, callee: Holder) -> bool {
        self.objects.get(&object).is_some_and(|calls| calls.get(&call) == Some(&callee))
    }

    /// Adds a lease. Returns how many there are more: a call that leases the object already changes nothing.
    pub(super) fn add(&mut self, object: ObjectId, call: CallKey, callee: Holder) -> u64 {
        let calls = self.objects.entry(object).or_default();
        if calls.contains_key(&call) {
            if !self.checks.makes(Check::LeaseSet) {
                *self.extra.entry(object).or_default() += 1;
            }
            return 0;
        }
        calls.insert(call, callee);
        self.calls.entry(call).or_default().insert(object);
        *self.callees.entry((callee, call)).or_default() += 1;
        self.len += 1;
        1
    }

    /// Ends leases of a call, `max` at most. Returns their objects.
    pub(super) fn release(&mut self, call: CallKey, max: usize) -> Vec<ObjectId> {
        let objects: Vec<_> = self.calls.get(&call).into_iter().flatten().take(max).copied().collect();
        objects.iter().for_each(|object| self.remove(*object, call));
        objects
    }

    fn remove(&mut self, object: ObjectId, call: CallKey) {
        let Some(calls) = self.objects.get_mut(&object) else { return };
        let Some(callee) = calls.remove(&call) else { return };
        if calls.is_empty() {
            self.objects.remove(&object);
            shrink(&mut self.objects);
        }
        if let Some(objects) = self.calls.get_mut(&call) {
            objects.remove(&object);
            if objects.is_empty() {
                self.calls.remove(&call);
            }
        }
        if let Some(count) = self.callees.get_mut(&(callee, call)) {
            *count -= 1;
            if *count == 0 {
                self.callees.remove(&(callee, call));
            }
        }
        self.len -= 1;
    }

    /// Ends leases to a callee, `max` at most. Returns their objects.
    pub(super) fn release_callee(&mut self, callee: Holder, max: usize) -> Vec<ObjectId> {
        let leases = self.leases_to(callee, max);
        leases.iter().for_each(|(call, object)| self.remove(*object, *call));
        leases.into_iter().map(|(_, object)| object).collect()
    }

    /// Leases to `from`, `max` at most, become leases to `to`. Returns how many.
    pub(super) fn succeed(&mut self, from: Holder, to: Holder, max: usize) -> u64 {
        let mut moved = 0;
        for (call, object) in self.leases_to(from, max) {
            self.remove(object, call);
            moved += self.add(object, call, to);
        }
        moved
    }

    fn leases_to(&self, callee: Holder, max: usize) -> Vec<(CallKey, ObjectId)> {
        let (low, high) = (CallKey { client: 0, rpc: 0 }, CallKey { client: u64::MAX, rpc: u64::MAX });
        let calls = self.callees.range((callee, low)..=(callee, high)).map(|((_, call), _)| *call);
        let objects = |call: CallKey| self.calls.get(&call).into_iter().flatten().map(move |object| (call, *object));
        calls.flat_map(objects).filter(|(call, object)| self.is_leased_to(*object, *call, callee)).take(max).collect()
    }

    /// The callees between two holders that lease anything.
    pub(super) fn callees(&self, first: Holder, last: Holder) -> BTreeSet<Holder> {
        let (low, high) = (CallKey { client: 0, rpc: 0 }, CallKey { client: u64::MAX, rpc: u64::MAX });
        self.callees.range((first, low)..=(last, high)).map(|((callee, _), _)| *callee).collect()
    }

    /// The object is gone, and with it its leases.
    pub(super) fn forget(&mut self, object: ObjectId) {
        if !self.has(object) {
            return;
        }
        let calls: Vec<_> = self.objects.get(&object).into_iter().flatten().map(|(call, _)| *call).collect();
        calls.iter().for_each(|call| self.remove(object, *call));
        self.extra.remove(&object);
    }

    /// The leases of an object after that of a call, in the order of the calls, `max` at most.
    pub(super) fn of(&self, object: ObjectId, after: Option<CallKey>, max: usize) -> Vec<(CallKey, Holder)> {
        use std::ops::Bound::{Excluded, Unbounded};
        let leases =
            self.objects.get(&object).map(|leases| leases.range((after.map_or(Unbounded, Excluded), Unbounded)));
        leases.into_iter().flatten().take(max).map(|(call, callee)| (*call, *callee)).collect()
    }
}
