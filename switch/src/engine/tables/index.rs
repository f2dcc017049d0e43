//! A hash table of places of records. It is small, so that much of it stays in the cache where the records do not.

use super::super::limits::ENTRIES_MAX;

/// What an empty slot holds.
const EMPTY: u32 = u32::MAX;

/// The bits of a slot that hold a place; the others hold bits of the hash, so that few records are looked at in vain.
const PLACE: u32 = 0x00ff_ffff;

const _: () = assert!(ENTRIES_MAX <= PLACE as usize, "a place is never all ones, which is an empty slot's");

/// Linear probing, at most two thirds full. The keys stand in the records; whoever calls knows their hashes.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    /// Their number is a power of two, or 0.
    slots: Vec<u32>,
    used: usize,
}

impl Index {
    /// The slot of the record with this hash for which `same` holds.
    #[inline]
    pub(super) fn find(&self, hash: u32, same: impl Fn(u32) -> bool) -> Option<usize> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut at = hash as usize & mask;
        loop {
            let &found = self.slots.get(at)?;
            if found == EMPTY {
                return None;
            }
            if (found ^ hash) & !PLACE == 0 && same(found & PLACE) {
                return Some(at);
            }
            at = (at + 1) & mask;
        }
    }

    pub(super) fn record(&self, slot: usize) -> u32 {
        self.slots.get(slot).map_or(EMPTY, |found| found & PLACE)
    }

    /// Puts another record of the same key into a slot that was found.
    pub(super) fn replace(&mut self, slot: usize, record: u32) {
        if let Some(found) = self.slots.get_mut(slot) {
            *found = *found & !PLACE | record;
        }
    }

    /// Adds a record that is not there.
    pub(super) fn insert(&mut self, record: u32, hash_of: impl Fn(u32) -> u32) {
        if (self.used + 1) * 3 > self.slots.len() * 2 {
            let larger = vec![EMPTY; (self.slots.len() * 2).max(8)];
            for found in std::mem::replace(&mut self.slots, larger) {
                if found != EMPTY {
                    self.place(found & PLACE, hash_of(found & PLACE));
                }
            }
        }
        self.place(record, hash_of(record));
        self.used += 1;
    }

    fn place(&mut self, record: u32, hash: u32) {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        while self.slots[at] != EMPTY {
            at = (at + 1) & mask;
        }
        self.slots[at] = hash & !PLACE | record;
    }

    /// Empties a slot that was found, and moves back what had to step aside for it.
    pub(super) fn remove(&mut self, slot: usize, hash_of: impl Fn(u32) -> u32) {
        let mask = self.slots.len() - 1;
        let (mut hole, mut at) = (slot, slot);
        loop {
            at = (at + 1) & mask;
            let found = self.slots[at];
            if found == EMPTY {
                break;
            }
            // Whether its home is not between the hole and where it is.
            let from_home = at.wrapping_sub(hash_of(found & PLACE) as usize) & mask;
            if from_home >= (at.wrapping_sub(hole) & mask) {
                self.slots[hole] = found;
                hole = at;
            }
        }
        self.slots[hole] = EMPTY;
        self.used -= 1;
    }
}

/// A hash of a key. Only the control plane fills tables, so it needs no secret.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "both halves are mixed into the result")]
pub(super) fn hash(key: &[u8]) -> u32 {
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    let step = |state: u64, word: u64| {
        let product = u128::from(state ^ word) * u128::from(MULTIPLIER);
        product as u64 ^ (product >> 64) as u64
    };
    let (words, rest) = key.as_chunks::<8>();
    let mut state = words.iter().fold(0x243f_6a88_85a3_08d3, |state, &word| step(state, u64::from_le_bytes(word)));
    if !rest.is_empty() {
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        state = step(state, u64::from_le_bytes(last));
    }
    let last = step(state, MULTIPLIER);
    (last ^ last >> 32) as u32
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against a plain map, with hashes that collide.
        #[test]
        fn an_index_is_a_map(steps in prop::collection::vec((any::<bool>(), 0u32..40, 0u32..6), 1..300)) {
            let (mut index, mut model) = (Index::default(), BTreeMap::new());
            for (add, record, spread) in steps {
                let hash = |record: u32| (record % 7).wrapping_mul(0x1000_0001 * (spread % 2));
                let hash = *model.entry(record).or_insert_with(|| (hash(record), false));
                let found = index.find(hash.0, |found| found == record);
                prop_assert_eq!(found.is_some(), hash.1);
                let hash_of = |record: u32| model[&record].0;
                match (add, found) {
                    (true, None) => index.insert(record, hash_of),
                    (false, Some(slot)) => index.remove(slot, hash_of),
                    _ => continue,
                }
                model.insert(record, (hash.0, add));
                for (&record, &(hash, there)) in &model {
                    let found = index.find(hash, |found| found == record);
                    prop_assert_eq!(found.map(|slot| index.record(slot)), there.then_some(record));
                }
            }
        }
    }
}
