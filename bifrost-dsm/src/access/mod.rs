//! The access table: who controls which object, which calls lease it, which incarnations are ended. It is the fence: what
//! it does not allow is refused, whatever else has let it pass.

mod lease;

use crate::checks::{Check, Checks};
use crate::identity::{Holder, Node};
use crate::refusal::Refusal;
use crate::table::shrink;
use bifrost_rpc::endpoint::QuickMap;
use bifrost_rpc::memory::ObjectId;
pub use lease::CallKey;
use lease::Leases;
pub(crate) use lease::Lend;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

/// Holders who control nothing any more whose entries are kept, so that one object made and freed again and again does not
/// make and free its holder's entry, too.
const IDLE_HOLDINGS_MAX: usize = 64;

/// What somebody wants to do to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    Read,
    Write,
    Free,
}

/// Limits of the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) nodes_max: usize,
    pub(crate) leases_max: usize,
    pub(crate) holder_bytes_max: u64,
}

#[derive(Debug)]
struct Entry {
    control: Option<Holder>,
    bytes: u64,
    /// Its controller has freed it; it is there for its lessees only.
    freed: bool,
}

/// What a holder controls.
#[derive(Debug, Default)]
struct Holding {
    /// Bytes of all of them.
    bytes: u64,
    objects: BTreeSet<ObjectId>,
}

/// An object as the table has it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObjectRow {
    /// The object.
    pub object: ObjectId,
    /// Its bytes.
    pub bytes: u64,
    /// Who controls it.
    pub control: Option<Holder>,
    /// Whether its controller has freed it: it is kept for its leases or snapshots.
    pub freed: bool,
    /// The first calls that lease it, in the order of their ids, and who may read it for each.
    pub leases: Vec<(CallKey, Holder)>,
    /// Whether there are more.
    pub has_more_leases: bool,
    /// The call whose answer gave it to who controls it.
    pub given_by: Option<CallKey>,
}

/// The table. It knows objects by their id and length, not their bytes.
#[derive(Debug)]
pub(crate) struct Access {
    open: bool,
    limits: Limits,
    checks: Checks,
    /// By ids that the server itself counts up.
    objects: QuickMap<ObjectId, Entry>,
    /// The calls whose answers gave objects to who controls them: apart, for most objects are given by none.
    given: BTreeMap<ObjectId, CallKey>,
    /// Every object is in one of these: by who controls it, or among those that nobody does.
    holdings: BTreeMap<Holder, Holding>,
    unheld: BTreeSet<ObjectId>,
    leases: Leases,
    /// The highest incarnation of each node that is ended.
    ended: BTreeMap<Node, u32>,
}

impl Access {
    pub(crate) fn new(open: bool, limits: Limits, checks: Checks) -> Self {
        Self {
            open,
            limits,
            checks,
            objects: QuickMap::default(),
            given: BTreeMap::new(),
            holdings: BTreeMap::new(),
            unheld: BTreeSet::new(),
            leases: Leases::new(checks),
            ended: BTreeMap::new(),
        }
    }

    /// Refuses an incarnation that is ended.
    pub(crate) fn lives(&self, holder: Holder) -> Result<(), Refusal> {
        let ended = self.ended.get(&holder.node).is_some_and(|ended| holder.incarnation <= *ended);
        if ended && self.checks.makes(Check::Incarnation) { Err(Refusal::EndedIncarnation) } else { Ok(()) }
    }

    /// Refuses what the table does not allow.
    pub(crate) fn permits(&self, holder: Holder, object: ObjectId, right: Right) -> Result<(), Refusal> {
        let entry = self.objects.get(&object).ok_or(Refusal::NoSuchObject)?;
        if self.open && !entry.freed {
            return Ok(());
        }
        if right == Right::Read && self.leases.reads(object, holder) {
            return Ok(());
        }
        if entry.freed {
            return Err(Refusal::NoSuchObject);
        }
        if entry.control != Some(holder) && self.checks.makes(Check::Rights) {
            return Err(Refusal::NoRight);
        }
        let leased = right == Right::Write && self.leases.has(object);
        if leased && self.checks.makes(Check::LeasedReadOnly) { Err(Refusal::Leased) } else { Ok(()) }
    }

    pub(crate) fn controls(&self, holder: Holder, object: ObjectId) -> bool {
        self.objects.get(&object).is_some_and(|entry| entry.control == Some(holder))
    }

    /// Whether calls lease the object.
    pub(crate) fn is_leased(&self, object: ObjectId) -> bool {
        self.leases.has(object)
    }

    /// Whether the object is freed, and only there for its leases or snapshots; `None` if it is not there.
    pub(crate) fn is_freed(&self, object: ObjectId) -> Option<bool> {
        self.objects.get(&object).map(|entry| entry.freed)
    }

    /// Notes whether the object is freed. Says whether it is there.
    pub(crate) fn set_freed(&mut self, object: ObjectId, freed: bool) -> bool {
        let entry = self.objects.get_mut(&object);
        entry.map(|entry| entry.freed = freed).is_some()
    }

    /// Refuses a holder `bytes` more than its quota.
    pub(crate) fn quota(&self, holder: Holder, bytes: u64) -> Result<(), Refusal> {
        let limit = self.limits.holder_bytes_max;
        if limit == u64::MAX {
            return Ok(());
        }
        let has = self.holdings.get(&holder).map_or(0, |holding| holding.bytes);
        if has.saturating_add(bytes) > limit { Err(Refusal::Quota { limit }) } else { Ok(()) }
    }

    /// A new object, controlled by the node that made it.
    pub(crate) fn insert(&mut self, object: ObjectId, bytes: u64, control: Holder) {
        self.objects.insert(object, Entry { control: Some(control), bytes, freed: false });
        self.put(Some(control), object, bytes);
    }

    /// An object is gone, with all rights to it.
    pub(crate) fn remove(&mut self, object: ObjectId) {
        if let Some(entry) = self.objects.remove(&object) {
            shrink(&mut self.objects);
            self.take(entry.control, object, entry.bytes);
        }
        self.leases.forget(object);
    }

    fn set_control(&mut self, object: ObjectId, control: Option<Holder>) {
        let Some(entry) = self.objects.get_mut(&object) else { return };
        let before = std::mem::replace(&mut entry.control, control);
        let bytes = entry.bytes;
        self.take(before, object, bytes);
        self.put(control, object, bytes);
    }

    /// Puts an object to those that somebody controls.
    fn put(&mut self, control: Option<Holder>, object: ObjectId, bytes: u64) {
        if let Some(control) = control {
            let holding = self.holdings.entry(control).or_default();
            holding.bytes += bytes;
            holding.objects.insert(object);
        } else {
            self.unheld.insert(object);
        }
    }

    /// Takes an object out of those that somebody controls.
    fn take(&mut self, control: Option<Holder>, object: ObjectId, bytes: u64) {
        if !self.given.is_empty() {
            self.given.remove(&object);
        }
        let Some(control) = control else {
            self.unheld.remove(&object);
            return;
        };
        let Some(holding) = self.holdings.get_mut(&control) else { return };
        holding.bytes = holding.bytes.saturating_sub(bytes);
        holding.objects.remove(&object);
        if holding.objects.is_empty() && self.holdings.len() > IDLE_HOLDINGS_MAX {
            self.holdings.remove(&control);
        }
    }

    /// Gives control of an object that nobody controls.
    pub(crate) fn grant(&mut self, object: ObjectId, to: Holder) -> Result<u64, Refusal> {
        let entry = self.objects.get(&object).filter(|entry| !entry.freed).ok_or(Refusal::NoSuchObject)?;
        match entry.control {
            Some(control) if control == to => Ok(0),
            Some(_) => Err(Refusal::NoRight),
            None => {
                self.set_control(object, Some(to));
                Ok(1)
            }
        }
    }

    /// Takes control of an object from whom it was given to.
    pub(crate) fn revoke(&mut self, object: ObjectId, from: Holder) -> u64 {
        if !self.controls(from, object) {
            return 0;
        }
        self.set_control(object, None);
        1
    }

    /// A call leases objects to its callee: all of them, or none.
    pub(crate) fn lend(&mut self, lend: &Lend<'_>) -> Result<u64, Refusal> {
        for object in lend.objects {
            let entry = self.objects.get(object).ok_or(Refusal::NoSuchObject)?;
            let controls = entry.control == Some(lend.caller) && !entry.freed;
            let may = controls || self.leases.reads(*object, lend.caller);
            let again = self.leases.is_leased_to(*object, lend.call, lend.callee);
            if !may && !again && self.checks.makes(Check::PassRight) {
                return Err(Refusal::NoRight);
            }
        }
        if self.leases.len() + lend.objects.len() > self.limits.leases_max {
            return Err(Refusal::TooManyLeases { limit: self.limits.leases_max as u64 });
        }
        Ok(lend.objects.iter().map(|object| self.leases.add(*object, lend.call, lend.callee)).sum())
    }

    /// Ends leases of a call, `max` at most. Returns their objects.
    pub(crate) fn release(&mut self, call: CallKey, max: usize) -> Vec<ObjectId> {
        self.leases.release(call, max)
    }

    /// The answer of a call gives control of objects to another holder: of those that `from` controls.
    pub(crate) fn transfer(&mut self, call: CallKey, objects: &[ObjectId], from: Holder, to: Holder) -> u64 {
        let mut moved = 0;
        for object in objects.iter().filter(|_| from != to) {
            if self.controls(from, *object) || !self.checks.makes(Check::TransferControlled) {
                self.set_control(*object, Some(to));
                if self.objects.contains_key(object) {
                    self.given.insert(*object, call);
                }
                moved += 1;
            }
        }
        moved
    }

    /// Gives a holder's place to its successor: control, and what is leased to it. At most `max` of both; returns how many.
    pub(crate) fn succeed(&mut self, from: Holder, to: Holder, max: usize) -> u64 {
        if from == to {
            return 0;
        }
        let objects = self.controlled_by(from, max);
        objects.iter().for_each(|object| self.set_control(*object, Some(to)));
        objects.len() as u64 + self.leases.succeed(from, to, max - objects.len())
    }

    /// Ends an incarnation and those before it.
    pub(crate) fn end(&mut self, holder: Holder) -> Result<u64, Refusal> {
        let limit = self.limits.nodes_max;
        if !self.ended.contains_key(&holder.node) && self.ended.len() >= limit {
            return Err(Refusal::TooManyNodes { limit: limit as u64 });
        }
        let ended = self.ended.entry(holder.node).or_default();
        let changed = u64::from(*ended < holder.incarnation);
        *ended = holder.incarnation.max(*ended);
        Ok(changed)
    }

    /// Ends leases of a callee that is no more, `max` at most. Returns the objects that it had.
    pub(crate) fn release_callee(&mut self, callee: Holder, max: usize) -> Vec<ObjectId> {
        self.leases.release_callee(callee, max)
    }

    /// Objects that a holder controls, `max` at most.
    pub(crate) fn controlled_by(&self, holder: Holder, max: usize) -> Vec<ObjectId> {
        self.holdings.get(&holder).into_iter().flat_map(|holding| &holding.objects).take(max).copied().collect()
    }

    /// The incarnations of a node up to one that control or lease anything.
    pub(crate) fn holders_until(&self, last: Holder) -> Vec<Holder> {
        let first = Holder { incarnation: 0, ..last };
        let holdings = self.holdings.range(first..=last).filter(|(_, holding)| !holding.objects.is_empty());
        let mut holders: BTreeSet<Holder> = holdings.map(|(holder, _)| *holder).collect();
        holders.extend(self.leases.callees(first, last));
        holders.into_iter().collect()
    }

    /// The highest ended incarnation of each node.
    pub(crate) fn ended(&self) -> impl Iterator<Item = Holder> {
        self.ended.iter().map(|(node, incarnation)| Holder { node: *node, incarnation: *incarnation })
    }

    /// The objects after a given one, each with `leases` of its leases at most.
    pub(crate) fn rows_after(&self, after: Option<ObjectId>, leases: usize) -> impl Iterator<Item = ObjectRow> {
        self.objects_after(after).filter_map(move |object| {
            let entry = self.objects.get(&object)?;
            let mut first = self.leases.of(object, None, leases.saturating_add(1));
            let has_more_leases = first.len() > leases;
            first.truncate(leases);
            Some(ObjectRow {
                object,
                bytes: entry.bytes,
                control: entry.control,
                freed: entry.freed,
                leases: first,
                has_more_leases,
                given_by: self.given.get(&object).copied(),
            })
        })
    }

    /// The objects after a given one, in the order of their ids, whoever controls them.
    fn objects_after(&self, after: Option<ObjectId>) -> impl Iterator<Item = ObjectId> {
        use std::ops::Bound::{Excluded, Unbounded};
        let sets = self.holdings.values().map(|holding| &holding.objects).chain([&self.unheld]);
        let range = (after.map_or(Unbounded, Excluded), Unbounded);
        let mut rests: Vec<_> = sets.map(|set| set.range(range).copied()).collect();
        let firsts = rests.iter_mut().enumerate().filter_map(|(at, rest)| Some(Reverse((rest.next()?, at))));
        let mut heads: BinaryHeap<Reverse<(ObjectId, usize)>> = firsts.collect();
        std::iter::from_fn(move || {
            let Reverse((object, at)) = heads.pop()?;
            heads.extend(rests[at].next().map(|next| Reverse((next, at))));
            Some(object)
        })
    }

    /// The leases of an object after that of a call, `max` at most.
    pub(crate) fn leases(&self, object: ObjectId, after: Option<CallKey>, max: usize) -> Vec<(CallKey, Holder)> {
        self.leases.of(object, after, max)
    }

    pub(crate) fn leases_len(&self) -> usize {
        self.leases.len()
    }
}
