//! Entries of one mask, which one hash search goes through.

use std::collections::BTreeMap;

use super::super::index::{Index, hash};
use super::super::key;
use super::{NONE, Table};

/// Entries with one mask.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) mask: Vec<u8>,
    /// All bits count.
    pub(super) is_exact: bool,
    pub(super) index: Index,
    /// How many entries have which priority.
    priorities: BTreeMap<i32, usize>,
}

impl Group {
    pub(super) fn best(&self) -> i32 {
        self.priorities.first_key_value().map_or(i32::MAX, |(&best, _)| best)
    }
}

impl Table {
    /// Puts an entry into the group of its mask.
    pub(super) fn link(&mut self, record: u32, packed: key::Packed, priority: i32) {
        let group = self.group(packed.other);
        self.sides[record as usize].group = group;
        let Some(found) = self.groups.get_mut(group as usize) else { return };
        let before = found.best();
        *found.priorities.entry(priority).or_default() += 1;
        let is_better = found.best() != before;
        let records = &self.records;
        match found.index.find(hash(&packed.value), |other| records.key(other) == packed.value) {
            None => found.index.insert(record, |record| hash(records.key(record))),
            Some(slot) => {
                let head = found.index.record(slot);
                if priority < self.sides[head as usize].priority {
                    self.sides[record as usize].next = head;
                    found.index.replace(slot, record);
                } else {
                    self.chain(head, record, priority);
                }
            }
        }
        if is_better {
            self.sort();
        }
    }

    /// Puts an entry behind those of its key that are better.
    fn chain(&mut self, head: u32, record: u32, priority: i32) {
        let mut before = head;
        loop {
            let next = self.side(before).next;
            if next == NONE || self.side(next).priority > priority {
                self.sides[before as usize].next = record;
                self.sides[record as usize].next = next;
                return;
            }
            before = next;
        }
    }

    /// The group of a mask, made where there is none.
    fn group(&mut self, mask: Vec<u8>) -> u32 {
        if let Some(&group) = self.by_mask.get(&mask) {
            return group;
        }
        let is_exact = mask.iter().all(|&byte| byte == 0xff);
        let made = Group { mask: mask.clone(), is_exact, index: Index::default(), priorities: BTreeMap::new() };
        let vacant = self.groups.iter().position(|group| group.priorities.is_empty());
        let place = vacant.unwrap_or(self.groups.len());
        match self.groups.get_mut(place) {
            Some(group) => *group = made,
            None => self.groups.push(made),
        }
        let group = u32::try_from(place).unwrap_or(NONE);
        self.by_mask.insert(mask, group);
        self.order.push(group);
        group
    }

    fn sort(&mut self) {
        let groups = &self.groups;
        self.order.sort_by_key(|&group| groups.get(group as usize).map(Group::best));
    }

    /// Takes an entry out of its group, and ends a group that is empty.
    pub(super) fn unlink(&mut self, record: u32) {
        let side = self.side(record);
        let Some(group) = self.groups.get_mut(side.group as usize) else { return };
        let key = self.records.key(record);
        let Some(slot) = group.index.find(hash(key), |other| self.records.key(other) == key) else { return };
        let head = group.index.record(slot);
        if head != record {
            let mut before = head;
            while self.sides[before as usize].next != record {
                before = self.sides[before as usize].next;
            }
            self.sides[before as usize].next = side.next;
        } else if side.next == NONE {
            group.index.remove(slot, |record| hash(self.records.key(record)));
        } else {
            group.index.replace(slot, side.next);
        }
        let best = group.best();
        if let Some(count) = group.priorities.get_mut(&side.priority) {
            *count -= 1;
            if *count == 0 {
                group.priorities.remove(&side.priority);
            }
        }
        if group.priorities.is_empty() {
            self.by_mask.remove(&group.mask);
            self.order.retain(|&other| other != side.group);
        } else if group.best() != best {
            self.sort();
        }
    }
}
