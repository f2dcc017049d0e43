//! Snapshots: versions of a set of objects that the control plane keeps.

use super::Memory;
use crate::content::Content;
use crate::control::CONTROL_OBJECTS_MAX;
use crate::ledger::Charge;
use crate::refusal::Refusal;
use bifrost_rpc::memory::ObjectId;
use std::collections::{BTreeMap, BTreeSet};

/// What a snapshot takes for each object, and for itself.
const SNAPSHOT_BYTES: u64 = 128;

#[derive(Debug)]
struct Snapshot {
    objects: BTreeMap<ObjectId, Content>,
    _charge: Charge,
}

/// All snapshots.
#[derive(Debug, Default)]
pub(super) struct Snapshots {
    by_id: BTreeMap<u64, Snapshot>,
    /// Objects in all of them together.
    objects: usize,
}

impl Snapshots {
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Each snapshot's number and objects.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, Vec<ObjectId>)> {
        self.by_id.iter().map(|(id, snapshot)| (*id, snapshot.objects.keys().copied().collect()))
    }

    /// Whether there is a snapshot of exactly these objects under the number.
    fn has(&self, id: u64, objects: &BTreeSet<ObjectId>) -> Result<bool, Refusal> {
        match self.by_id.get(&id) {
            None => Ok(false),
            Some(snapshot) if snapshot.objects.keys().eq(objects) => Ok(true),
            Some(_) => Err(Refusal::SnapshotExists),
        }
    }
}

impl Memory {
    /// Keeps the present version of objects, which shares their memory. Again under the same number: changes nothing.
    pub(super) fn snapshot(&mut self, id: u64, objects: &[ObjectId]) -> Result<u64, Refusal> {
        let wanted: BTreeSet<ObjectId> = objects.iter().copied().collect();
        if self.snapshots.has(id, &wanted)? {
            return Ok(0);
        }
        let limit = self.config.snapshots_max;
        let total = self.snapshots.objects + wanted.len();
        if self.snapshots.len() >= limit || total > limit || wanted.len() > CONTROL_OBJECTS_MAX {
            return Err(Refusal::TooManySnapshots { limit: limit as u64 });
        }
        for object in &wanted {
            if self.access.is_freed(self.locate(*object)?) != Some(false) {
                return Err(Refusal::NoSuchObject);
            }
        }
        let charge = self.ledger.charge(SNAPSHOT_BYTES * (1 + wanted.len() as u64))?;
        let mut contents = BTreeMap::new();
        for id in wanted {
            if let Some(object) = self.objects.get_mut(&id) {
                object.snapshots += 1;
                contents.insert(id, object.content.share());
            }
        }
        let changed = contents.len() as u64;
        self.snapshots.objects = total;
        self.snapshots.by_id.insert(id, Snapshot { objects: contents, _charge: charge });
        Ok(changed)
    }

    /// Gives the objects of a snapshot the version it has. It never fails for lack of memory: objects get back the blocks
    /// that the snapshot has kept, and what no block backs is charged whatever the capacity.
    pub(super) fn restore(&mut self, id: u64) -> Result<u64, Refusal> {
        let snapshot = self.snapshots.by_id.get_mut(&id).ok_or(Refusal::NoSuchSnapshot)?;
        let mut replaced = Vec::new();
        for (id, content) in &mut snapshot.objects {
            if let Some(object) = self.objects.get_mut(id) {
                replaced.push(std::mem::replace(&mut object.content, content.restored(&self.ledger)));
                self.access.set_freed(*id, false);
            }
        }
        let changed = replaced.len() as u64;
        replaced.into_iter().for_each(|content| self.retire(content));
        Ok(changed)
    }

    /// Gives the memory of a snapshot's objects back, of `max` at most. One that is gone already: changes nothing.
    pub(super) fn drop_snapshot(&mut self, id: u64, max: usize) -> u64 {
        let Some(snapshot) = self.snapshots.by_id.get_mut(&id) else { return 0 };
        let dropped: Vec<_> = std::iter::from_fn(|| snapshot.objects.pop_first()).take(max).collect();
        if snapshot.objects.is_empty() {
            self.snapshots.by_id.remove(&id);
        }
        self.snapshots.objects -= dropped.len();
        let changed = dropped.len() as u64;
        for (id, content) in dropped {
            if let Some(object) = self.objects.get_mut(&id) {
                object.snapshots = object.snapshots.saturating_sub(1);
            }
            self.settle(id);
            self.retire(content);
        }
        changed
    }
}
