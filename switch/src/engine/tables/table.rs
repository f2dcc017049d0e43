//! A table's entries: looking up, adding, deleting.
//!
//! Entries are grouped by their mask (all of an exact table have one; those of a longest-prefix table one for each length). A lookup
//! asks the groups in the order of their best priority, one hash search each, until none can be better. Ranges are tried in order.

mod groups;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::super::meters::Meters;
use super::super::program::{MatchKind, TableSpec};
use super::cells::Cells;
use super::index::Owner;
use super::key::Packed;
use super::{Count, MatchParam, TableError, key};
use groups::Group;

/// What a lookup led to: a target (see [`TableSpec`]) and the action data that goes with it.
#[derive(Clone, Debug)]
pub(crate) struct Chosen {
    pub(crate) target: u32,
    pub(crate) data: Vec<u8>,
}

/// Where an entry stands in memory. Other changes than of targets and counters may move it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spot {
    group: u32,
    cell: u32,
}

impl Spot {
    fn cell(self) -> usize {
        self.cell as usize
    }
}

/// What is kept of a place besides its entry's cell, which is found without it.
#[derive(Clone, Copy, Debug, Default)]
struct Side {
    version: u8,
    is_live: bool,
    priority: i32,
    prefix: u32,
    spot: Spot,
}

impl Owner for [Side] {
    fn rank(&self, place: u32) -> i32 {
        self.get(place as usize).map_or(i32::MAX, |side| side.priority)
    }

    fn moved(&mut self, place: u32, cell: usize) {
        // An index of at most 2^24 entries has at most 2^26 cells.
        if let (Some(side), Ok(cell)) = (self.get_mut(place as usize), u32::try_from(cell)) {
            side.spot.cell = cell;
        }
    }
}

/// The entries of one table.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) default: Option<Chosen>,
    /// The default entry of an indirect table is a member or group, not the program's own action.
    pub(crate) default_is_member: bool,
    /// Bytes of a key as it is kept, and of the longest data.
    sizes: (usize, usize),
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
    /// Memory for the key of an entry that is added.
    packed: Packed,
}

impl Table {
    pub(crate) fn new(spec: &TableSpec) -> Self {
        let key_bytes = if spec.kind == MatchKind::Range { spec.key_bytes * 2 } else { spec.key_bytes };
        Self {
            default: None,
            default_is_member: false,
            sizes: (key_bytes, spec.data_bytes),
            meters: spec.meter.map(|(kind, _)| Meters::of_entries(kind)),
            sides: Vec::new(),
            free: BinaryHeap::new(),
            entries: 0,
            groups: Vec::new(),
            by_mask: HashMap::new(),
            order: Vec::new(),
            ranges: Vec::new(),
            scratch: vec![0; spec.key_bytes],
            packed: Packed::default(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries
    }

    /// Where the entry for a key stands.
    #[inline]
    pub(crate) fn lookup(&mut self, spec: &TableSpec, key: &[u8]) -> Option<Spot> {
        if spec.kind == MatchKind::Range {
            let found = self.ranges.iter().find(|&&place| self.in_ranges(spec, place, key));
            return found.map(|&place| self.side(place).spot);
        }
        let mut found: Option<((i32, u32), Spot)> = None;
        for &number in &self.order {
            let Some(group) = self.groups.get(number as usize) else { continue };
            if found.is_some_and(|((priority, _), _)| priority < group.best()) {
                break;
            }
            let cell = if group.is_exact {
                group.index.find(key)
            } else {
                masked(key, &group.mask, &mut self.scratch);
                group.index.find(&self.scratch)
            };
            let Some(cell) = cell else { continue };
            let spot = Spot { group: number, cell: u32::try_from(cell).unwrap_or(u32::MAX) };
            // Where there is but one group the priority is not looked at, which spares a cache miss.
            if self.order.len() == 1 {
                return Some(spot);
            }
            let place = group.index.cells().place(cell).unwrap_or(u32::MAX);
            let candidate = ((self.side(place).priority, place), spot);
            if found.is_none_or(|(best, _)| candidate.0 < best) {
                found = Some(candidate);
            }
        }
        found.map(|(_, spot)| spot)
    }

    #[inline]
    fn cells(&self, spot: Spot) -> Option<&Cells> {
        Some(self.groups.get(spot.group as usize)?.index.cells())
    }

    /// The key of an entry as it is kept.
    fn kept(&self, place: u32) -> &[u8] {
        let spot = self.side(place).spot;
        self.cells(spot).map_or(&[], |cells| cells.key(spot.cell()))
    }

    fn side(&self, place: u32) -> Side {
        self.sides.get(place as usize).copied().unwrap_or_default()
    }

    fn in_ranges(&self, spec: &TableSpec, place: u32, key: &[u8]) -> bool {
        let kept = self.kept(place);
        let (low, high) = kept.split_at(spec.key_bytes.min(kept.len()));
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
    pub(crate) fn target(&self, spot: Spot) -> (u32, &[u8]) {
        self.cells(spot).map_or((0, &[]), |cells| cells.target(spot.cell()))
    }

    #[inline]
    pub(crate) fn count(&self, spot: Spot) -> Count {
        self.cells(spot).map_or(Count::default(), |cells| cells.count(spot.cell()))
    }

    #[inline]
    pub(crate) fn set_count(&mut self, spot: Spot, count: Count) {
        if let Some(group) = self.groups.get_mut(spot.group as usize) {
            group.index.set_count(spot.cell(), count);
        }
    }

    /// The place of the entry that stands somewhere.
    pub(crate) fn place_at(&self, spot: Spot) -> u32 {
        self.cells(spot).and_then(|cells| cells.place(spot.cell())).unwrap_or(u32::MAX)
    }

    /// Where the entry of a place stands.
    pub(crate) fn spot(&self, place: u32) -> Spot {
        self.side(place).spot
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
        (0u32..).zip(&self.sides).filter(|(_, side)| side.is_live).map(|(place, _)| place)
    }

    pub(crate) fn handle(&self, place: u32) -> u32 {
        u32::from(self.side(place).version) << 24 | place
    }

    /// The place of an entry.
    pub(crate) fn place(&self, handle: u32) -> Result<u32, TableError> {
        let (version, place) = (handle >> 24, handle & 0x00ff_ffff);
        match self.sides.get(place as usize) {
            Some(side) if side.is_live && u32::from(side.version) == version => Ok(place),
            Some(side) if side.is_live => Err(TableError::ExpiredHandle),
            _ => Err(TableError::InvalidHandle),
        }
    }

    /// The key and priority of an entry.
    pub(crate) fn key(&self, spec: &TableSpec, place: u32) -> (Vec<MatchParam>, Option<i32>) {
        let (side, kept) = (self.side(place), self.kept(place));
        let (value, high) = kept.split_at(spec.key_bytes.min(kept.len()));
        let mask = self.groups.get(side.spot.group as usize).map_or(high, |group| &group.mask);
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
        let mut packed = Packed::default();
        key::pack(spec, params, &mut packed)?;
        Ok(self.find_packed(spec, &packed, rank(spec, priority, packed.prefix)))
    }

    fn find_packed(&self, spec: &TableSpec, packed: &Packed, priority: i32) -> Option<u32> {
        if spec.kind == MatchKind::Range {
            let same = |place: &u32| {
                let (low, high) = self.kept(*place).split_at(spec.key_bytes);
                self.side(*place).priority == priority && low == packed.value && high == packed.other
            };
            return self.ranges.iter().copied().find(same);
        }
        let index = &self.groups.get(self.group_of(&packed.other)? as usize)?.index;
        let mut places = index.find_all(&packed.value).filter_map(|cell| index.cells().place(cell));
        places.find(|&place| self.side(place).priority == priority)
    }

    /// Adds an entry; its handle.
    pub(crate) fn add<B: AsRef<[u8]>>(
        &mut self,
        spec: &TableSpec,
        params: &[MatchParam<B>],
        priority: i32,
        target: u32,
        data: &[u8],
    ) -> Result<u32, TableError> {
        if spec.key.is_empty() {
            return Err(TableError::NoTableKey);
        }
        let mut packed = std::mem::take(&mut self.packed);
        let added = key::pack(spec, params, &mut packed);
        let added = added.and_then(|()| self.add_packed(spec, &packed, priority, target, data));
        self.packed = packed;
        added
    }

    fn add_packed(
        &mut self,
        spec: &TableSpec,
        packed: &Packed,
        priority: i32,
        target: u32,
        data: &[u8],
    ) -> Result<u32, TableError> {
        let priority = rank(spec, priority, packed.prefix);
        if self.find_packed(spec, packed, priority).is_some() {
            return Err(TableError::DuplicateEntry);
        }
        if self.entries >= spec.size {
            return Err(TableError::TableFull);
        }
        let place = self.take_place();
        let side = &mut self.sides[place as usize];
        (side.is_live, side.priority, side.prefix) = (true, priority, packed.prefix);
        if spec.kind == MatchKind::Range {
            let at = self.ranges.partition_point(|&other| (self.side(other).priority, other) < (priority, place));
            self.ranges.insert(at, place);
            let key = [&packed.value[..], &packed.other].concat();
            // All in one group, which is no search's.
            self.link(place, &key, &[], target, data);
        } else {
            self.link(place, &packed.value, &packed.other, target, data);
        }
        self.entries += 1;
        Ok(self.handle(place))
    }

    fn take_place(&mut self) -> u32 {
        if let Some(Reverse(place)) = self.free.pop() {
            return place;
        }
        // `limits::ENTRIES_MAX` is below 2^24.
        let place = u32::try_from(self.sides.len()).unwrap_or(u32::MAX);
        self.sides.push(Side::default());
        place
    }

    /// Gives an entry another target.
    pub(crate) fn modify(&mut self, place: u32, target: u32, data: &[u8]) {
        let spot = self.side(place).spot;
        if let Some(group) = self.groups.get_mut(spot.group as usize) {
            group.index.set_target(spot.cell(), target, data);
        }
    }

    pub(crate) fn delete(&mut self, place: u32) {
        self.ranges.retain(|&other| other != place);
        self.unlink(place);
        if let Some(meters) = &mut self.meters {
            meters.forget(place as usize);
        }
        let side = &mut self.sides[place as usize];
        side.is_live = false;
        side.version = side.version.wrapping_add(1);
        self.free.push(Reverse(place));
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
