//! A hash table from hashes to places of records, in which a search touches one cache line as a rule.

/// What an empty slot holds.
const EMPTY: u32 = u32::MAX;

/// Linear probing, at most two thirds full. The keys themselves stand in the records.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    /// Hash and place of a record. The number of slots is a power of two, or 0.
    slots: Vec<(u32, u32)>,
    used: usize,
}

impl Index {
    /// The slot of the record with this hash for which `same` holds.
    #[inline]
    pub(super) fn find(&self, hash: u32, same: impl Fn(u32) -> bool) -> Option<usize> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut at = hash as usize & mask;
        loop {
            let &(found, record) = self.slots.get(at)?;
            if record == EMPTY {
                return None;
            }
            if found == hash && same(record) {
                return Some(at);
            }
            at = (at + 1) & mask;
        }
    }

    pub(super) fn record(&self, slot: usize) -> u32 {
        self.slots.get(slot).map_or(EMPTY, |&(_, record)| record)
    }

    /// Puts another record into a slot that was found.
    pub(super) fn replace(&mut self, slot: usize, record: u32) {
        if let Some(found) = self.slots.get_mut(slot) {
            found.1 = record;
        }
    }

    /// Adds a record that is not there.
    pub(super) fn insert(&mut self, hash: u32, record: u32) {
        if (self.used + 1) * 3 > self.slots.len() * 2 {
            let larger = vec![(0, EMPTY); (self.slots.len() * 2).max(8)];
            for (hash, record) in std::mem::replace(&mut self.slots, larger) {
                if record != EMPTY {
                    self.place(hash, record);
                }
            }
        }
        self.place(hash, record);
        self.used += 1;
    }

    fn place(&mut self, hash: u32, record: u32) {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        while self.slots[at].1 != EMPTY {
            at = (at + 1) & mask;
        }
        self.slots[at] = (hash, record);
    }

    /// Empties a slot that was found, and moves back what had to step aside for it.
    pub(super) fn remove(&mut self, slot: usize) {
        let mask = self.slots.len() - 1;
        let (mut hole, mut at) = (slot, slot);
        loop {
            at = (at + 1) & mask;
            let (hash, record) = self.slots[at];
            if record == EMPTY {
                break;
            }
            // Whether its home is not between the hole and where it is.
            let from_home = at.wrapping_sub(hash as usize) & mask;
            if from_home >= (at.wrapping_sub(hole) & mask) {
                self.slots[hole] = (hash, record);
                hole = at;
            }
        }
        self.slots[hole] = (0, EMPTY);
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
                match (add, found) {
                    (true, None) => index.insert(hash.0, record),
                    (false, Some(slot)) => index.remove(slot),
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
