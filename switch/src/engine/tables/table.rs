//! A table's entries: looking up, adding, deleting.
//!
//! Entries are grouped by their mask (all of an exact table have one; those of a longest-prefix table one for each length). A lookup
//! asks the groups in the order of their best priority, one hash search each, until none can be better. Ranges are tried in order.

mod groups;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::super::meters::Meters;
use super::super::program::{MatchKind, TableSpec};
use super::index::hash;
use super::records::Records;
use super::{Count, MatchParam, TableError, key};
use groups::Group;

/// What a lookup led to: a target (see [`TableSpec`]) and the action data that goes with it.
#[derive(Clone, Debug)]
pub(crate) struct Chosen {
    pub(crate) target: u32,
    pub(crate) data: Vec<u8>,
}

/// What is kept of an entry besides its record.
#[derive(Clone, Copy, Debug, Default)]
struct Side {
    version: u8,
    is_live: bool,
    priority: i32,
    prefix: u32,
    group: u32,
    /// The next entry with the same key and mask, of a higher priority number; [`NONE`] at the end.
    next: u32,
}

const NONE: u32 = u32::MAX;

/// The entries of one table.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) default: Option<Chosen>,
    /// The default entry of an indirect table is a member or group, not the program's own action.
    pub(crate) default_is_member: bool,
    records: Records,
    meters: Option<Meters>,
    sides: Vec<Side>,
    /// Places that were freed; the lowest is taken first.
    free: BinaryHeap<Reverse<u32>>,
    entries: usize,
    groups: Vec<Group>,
    by_mask: HashMap<Vec<u8>, u32>,
    /// Groups by their best priority.
    order: Vec<u32>,
    /// Entries of a range table by priority, then place.
    ranges: Vec<u32>,
    scratch: Vec<u8>,
}

impl Table {
    pub(crate) fn new(spec: &TableSpec) -> Self {
        let key_bytes = if spec.kind == MatchKind::Range { spec.key_bytes * 2 } else { spec.key_bytes };
        Self {
            default: None,
            default_is_member: false,
            records: Records::new(key_bytes, spec.data_bytes),
            meters: spec.meter.map(|(kind, _)| Meters::of_entries(kind)),
            sides: Vec::new(),
            free: BinaryHeap::new(),
            entries: 0,
            groups: Vec::new(),
            by_mask: HashMap::new(),
            order: Vec::new(),
            ranges: Vec::new(),
            scratch: vec![0; spec.key_bytes],
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries
    }

    /// The place of the entry for a key.
    #[inline]
    pub(crate) fn lookup(&mut self, spec: &TableSpec, key: &[u8]) -> Option<u32> {
        if spec.kind == MatchKind::Range {
            return self.ranges.iter().copied().find(|&record| self.in_ranges(spec, record, key));
        }
        let mut found: Option<(i32, u32)> = None;
        for &group in &self.order {
            let Some(group) = self.groups.get(group as usize) else { continue };
            if found.is_some_and(|(priority, _)| priority < group.best()) {
                break;
            }
            let candidate = if group.is_exact {
                group
                    .index
                    .find(hash(key), |record| self.records.key(record) == key)
                    .map(|slot| group.index.record(slot))
            } else {
                masked(key, &group.mask, &mut self.scratch);
                let key = self.scratch.as_slice();
                group
                    .index
                    .find(hash(key), |record| self.records.key(record) == key)
                    .map(|slot| group.index.record(slot))
            };
            if let Some(record) = candidate {
                // Where there is but one group the priority is not looked at, which spares a cache miss.
                if self.order.len() == 1 {
                    return Some(record);
                }
                let rank = (self.side(record).priority, record);
                found = Some(found.map_or(rank, |best| best.min(rank)));
            }
        }
        found.map(|(_, record)| record)
    }

    fn side(&self, record: u32) -> Side {
        self.sides.get(record as usize).copied().unwrap_or_default()
    }

    fn in_ranges(&self, spec: &TableSpec, record: u32, key: &[u8]) -> bool {
        let (low, high) = self.records.key(record).split_at(spec.key_bytes.min(self.records.key(record).len()));
        spec.key.iter().all(|field| {
            let part = field.at..field.at + field.bytes;
            let (Some(value), Some(low), Some(high)) = (key.get(part.clone()), low.get(part.clone()), high.get(part))
            else {
                return false;
            };
            if field.kind == MatchKind::Range {
                low <= value && value <= high
            } else {
                value.iter().zip(high).zip(low).all(|((value, mask), low)| value & mask == *low)
            }
        })
    }

    /// Target and data of an entry.
    #[inline]
    pub(crate) fn target(&self, record: u32) -> (u32, &[u8]) {
        self.records.target(record)
    }

    pub(crate) fn count(&self, record: u32) -> Count {
        self.records.count(record)
    }

    pub(crate) fn set_count(&mut self, record: u32, count: Count) {
        self.records.set_count(record, count);
    }

    /// What color an entry's meter gives to a packet.
    pub(crate) fn color(&mut self, record: u32, now: u64, bytes: u64) -> u64 {
        self.meters.as_mut().and_then(|meters| meters.color(record.into(), now, bytes)).unwrap_or(0)
    }

    /// The meters of the entries, by place.
    pub(crate) fn meters(&self) -> Result<&Meters, TableError> {
        self.meters.as_ref().ok_or(TableError::MetersDisabled)
    }

    pub(crate) fn meters_mut(&mut self) -> Result<&mut Meters, TableError> {
        self.meters.as_mut().ok_or(TableError::MetersDisabled)
    }

    /// The places of all entries, in order.
    pub(crate) fn places(&self) -> impl Iterator<Item = u32> {
        (0u32..).zip(&self.sides).filter(|(_, side)| side.is_live).map(|(record, _)| record)
    }

    pub(crate) fn handle(&self, record: u32) -> u32 {
        u32::from(self.side(record).version) << 24 | record
    }

    /// The place of an entry.
    pub(crate) fn place(&self, handle: u32) -> Result<u32, TableError> {
        let (version, record) = (handle >> 24, handle & 0x00ff_ffff);
        match self.sides.get(record as usize) {
            Some(side) if side.is_live && u32::from(side.version) == version => Ok(record),
            Some(side) if side.is_live => Err(TableError::ExpiredHandle),
            _ => Err(TableError::InvalidHandle),
        }
    }

    /// The key and priority of an entry.
    pub(crate) fn key(&self, spec: &TableSpec, record: u32) -> (Vec<MatchParam>, Option<i32>) {
        let (side, stored) = (self.side(record), self.records.key(record));
        let (value, high) = stored.split_at(spec.key_bytes.min(stored.len()));
        let mask = self.groups.get(side.group as usize).map_or(high, |group| &group.mask);
        let has_priority = matches!(spec.kind, MatchKind::Ternary | MatchKind::Range);
        let other = if spec.kind == MatchKind::Range { high } else { mask };
        (key::unpack(spec, value, other, side.prefix), has_priority.then_some(side.priority))
    }

    /// The place of the entry with this key and priority.
    pub(crate) fn find(
        &self,
        spec: &TableSpec,
        params: &[MatchParam],
        priority: i32,
    ) -> Result<Option<u32>, TableError> {
        let packed = key::pack(spec, params)?;
        Ok(self.find_packed(spec, &packed, rank(spec, priority, packed.prefix)))
    }

    fn find_packed(&self, spec: &TableSpec, packed: &key::Packed, priority: i32) -> Option<u32> {
        if spec.kind == MatchKind::Range {
            let same = |record: &u32| {
                let (low, high) = self.records.key(*record).split_at(spec.key_bytes);
                self.side(*record).priority == priority && low == packed.value && high == packed.other
            };
            return self.ranges.iter().copied().find(same);
        }
        let group = self.groups.get(*self.by_mask.get(&packed.other)? as usize)?;
        let slot = group.index.find(hash(&packed.value), |record| self.records.key(record) == packed.value)?;
        let mut record = group.index.record(slot);
        while record != NONE {
            if self.side(record).priority == priority {
                return Some(record);
            }
            record = self.side(record).next;
        }
        None
    }

    /// Adds an entry; its handle.
    pub(crate) fn add(
        &mut self,
        spec: &TableSpec,
        params: &[MatchParam],
        priority: i32,
        target: u32,
        data: &[u8],
    ) -> Result<u32, TableError> {
        if spec.key.is_empty() {
            return Err(TableError::NoTableKey);
        }
        let packed = key::pack(spec, params)?;
        let priority = rank(spec, priority, packed.prefix);
        if self.find_packed(spec, &packed, priority).is_some() {
            return Err(TableError::DuplicateEntry);
        }
        if self.entries >= spec.size {
            return Err(TableError::TableFull);
        }
        let record = self.take_place();
        let side = &mut self.sides[record as usize];
        (side.is_live, side.priority, side.prefix, side.next, side.group) = (true, priority, packed.prefix, NONE, NONE);
        self.records.set_key(record, &packed.value);
        self.records.set_target(record, target, data);
        self.records.set_count(record, Count::default());
        if spec.kind == MatchKind::Range {
            let whole = [packed.value, packed.other].concat();
            self.records.set_key(record, &whole);
            let at = self.ranges.partition_point(|&other| (self.side(other).priority, other) < (priority, record));
            self.ranges.insert(at, record);
        } else {
            self.link(record, packed, priority);
        }
        self.entries += 1;
        Ok(self.handle(record))
    }

    fn take_place(&mut self) -> u32 {
        if let Some(Reverse(record)) = self.free.pop() {
            return record;
        }
        // `limits::ENTRIES_MAX` is below 2^24.
        let record = u32::try_from(self.sides.len()).unwrap_or(NONE);
        self.sides.push(Side::default());
        self.records.reserve(record);
        record
    }

    /// Gives an entry another target.
    pub(crate) fn modify(&mut self, record: u32, target: u32, data: &[u8]) {
        self.records.set_target(record, target, data);
    }

    pub(crate) fn delete(&mut self, spec: &TableSpec, record: u32) {
        if spec.kind == MatchKind::Range {
            self.ranges.retain(|&other| other != record);
        } else {
            self.unlink(record);
        }
        if let Some(meters) = &mut self.meters {
            meters.forget(record as usize);
        }
        let side = &mut self.sides[record as usize];
        side.is_live = false;
        side.version = side.version.wrapping_add(1);
        self.free.push(Reverse(record));
        self.entries -= 1;
    }

    /// Forgets all entries, as BMv2 does with their versions.
    pub(crate) fn clear(&mut self, spec: &TableSpec) {
        let (default, default_is_member) = (self.default.take(), self.default_is_member);
        *self = Self { default, default_is_member, ..Self::new(spec) };
    }
}

/// What orders entries: the priority, or in a longest-prefix table the length.
fn rank(spec: &TableSpec, priority: i32, prefix: u32) -> i32 {
    match spec.kind {
        MatchKind::Ternary | MatchKind::Range => priority,
        _ => -i32::try_from(prefix).unwrap_or(i32::MAX),
    }
}

fn masked(key: &[u8], mask: &[u8], into: &mut [u8]) {
    for ((byte, mask), into) in key.iter().zip(mask).zip(into) {
        *into = byte & mask;
    }
}

#[cfg(test)]
mod tests;
