//! Entries of one mask, which one hash search goes through.

use std::collections::BTreeMap;

use super::super::index::Index;
use super::{Spot, Table};

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
    pub(super) fn link(&mut self, place: u32, key: &[u8], mask: &[u8], target: u32, data: &[u8]) {
        let number = self.group(mask);
        let priority = self.side(place).priority;
        self.sides[place as usize].spot = Spot { group: number, cell: u32::MAX };
        let Some(group) = self.groups.get_mut(number as usize) else { return };
        let before = group.best();
        *group.priorities.entry(priority).or_default() += 1;
        let is_better = group.best() != before;
        group.index.insert(place, key, target, data, &mut self.sides[..]);
        if is_better {
            self.sort();
        }
    }

    /// The group of a mask.
    pub(super) fn group_of(&self, mask: &[u8]) -> Option<u32> {
        match self.groups.as_slice() {
            // All entries of an exact table: no hash has to be made of the mask.
            [only] => (only.mask == mask && !only.priorities.is_empty()).then_some(0),
            _ => self.by_mask.get(mask).copied(),
        }
    }

    /// The group of a mask, made where there is none.
    fn group(&mut self, mask: &[u8]) -> u32 {
        if let Some(group) = self.group_of(mask) {
            return group;
        }
        let is_exact = mask.iter().all(|&byte| byte == 0xff);
        let index = Index::new(self.sizes.0, self.sizes.1);
        let made = Group { mask: mask.to_vec(), is_exact, index, priorities: BTreeMap::new() };
        let vacant = self.groups.iter().position(|group| group.priorities.is_empty());
        let place = vacant.unwrap_or(self.groups.len());
        match self.groups.get_mut(place) {
            Some(group) => *group = made,
            None => self.groups.push(made),
        }
        let group = u32::try_from(place).unwrap_or(u32::MAX);
        self.by_mask.insert(mask.to_vec(), group);
        self.order.push(group);
        group
    }

    fn sort(&mut self) {
        let groups = &self.groups;
        self.order.sort_by_key(|&group| groups.get(group as usize).map(Group::best));
    }

    /// Takes an entry out of its group, and ends a group that is empty.
    pub(super) fn unlink(&mut self, place: u32) {
        let side = self.side(place);
        let number = side.spot.group;
        let Some(group) = self.groups.get_mut(number as usize) else { return };
        group.index.remove(side.spot.cell(), &mut self.sides[..]);
        let best = group.best();
        if let Some(count) = group.priorities.get_mut(&side.priority) {
            *count -= 1;
            if *count == 0 {
                group.priorities.remove(&side.priority);
            }
        }
        if group.priorities.is_empty() {
            self.by_mask.remove(&group.mask);
            self.order.retain(|&other| other != number);
        } else if group.best() != best {
            self.sort();
        }
    }
}
