//! A hash table that holds entries whole: a lookup goes to one place in memory.

use super::Count;
use super::cells::Cells;
use super::hash::hash;

/// Cells of the smallest.
const CELLS_MIN: usize = 8;

/// What an index asks and tells about entries, which are known by their places.
pub(super) trait Owner {
    /// What orders entries with the same key: the lowest is found.
    fn rank(&self, place: u32) -> i32;
    /// The entry stands in another cell now.
    fn moved(&mut self, place: u32, cell: usize);
}

/// Linear probing, at most three quarters full. Several entries may have the same key: they stand in the order of their ranks.
#[derive(Clone, Debug)]
pub(super) struct Index {
    /// Their number is a power of two.
    cells: Cells,
    used: usize,
}

impl Index {
    /// For keys and data of these lengths.
    pub(super) fn new(key_bytes: usize, data_bytes: usize) -> Self {
        Self { cells: Cells::new(key_bytes, data_bytes, CELLS_MIN), used: 0 }
    }

    pub(super) fn cells(&self) -> &Cells {
        &self.cells
    }

    pub(super) fn set_count(&mut self, cell: usize, count: Count) {
        self.cells.set_count(cell, count);
    }

    pub(super) fn set_target(&mut self, cell: usize, target: u32, data: &[u8]) {
        self.cells.set_target(cell, target, data);
    }

    /// Where the search for a key begins.
    #[inline]
    fn home(&self, key: &[u8]) -> usize {
        hash(key) & self.mask()
    }

    fn mask(&self) -> usize {
        self.cells.len() - 1
    }

    /// The first cell with this key.
    #[inline]
    pub(super) fn find(&self, key: &[u8]) -> Option<usize> {
        self.find_all(key).next()
    }

    /// The cells with this key, by rank.
    #[inline]
    pub(super) fn find_all<'a>(&'a self, key: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
        let mask = self.mask();
        // A quarter of the cells is empty: each search ends.
        let cells = (self.home(key)..).map(move |at| at & mask).take_while(|&cell| self.cells.place(cell).is_some());
        cells.filter(move |&cell| self.cells.key(cell) == key)
    }

    /// Adds an entry.
    pub(super) fn insert(
        &mut self,
        place: u32,
        key: &[u8],
        target: u32,
        data: &[u8],
        owner: &mut (impl Owner + ?Sized),
    ) {
        if (self.used + 1) * 4 > self.cells.len() * 3 {
            self.grow(owner);
        }
        let (cell, is_only) = self.vacant(key);
        self.cells.set(cell, place, key, target, data);
        if is_only {
            self.tell(cell, owner);
        } else {
            self.settle(cell, owner);
        }
        self.used += 1;
    }

    fn grow(&mut self, owner: &mut (impl Owner + ?Sized)) {
        let larger = self.cells.of_len(self.cells.len() * 2);
        let smaller = std::mem::replace(&mut self.cells, larger);
        for other in (0..smaller.len()).filter(|&other| smaller.place(other).is_some()) {
            let (cell, _) = self.vacant(smaller.key(other));
            self.cells.take(cell, &smaller, other);
            self.settle(cell, owner);
        }
    }

    /// The empty cell at the end of a key's search, and whether no other entry has the key.
    fn vacant(&self, key: &[u8]) -> (usize, bool) {
        let (mut at, mut is_only) = (self.home(key), true);
        while self.cells.place(at).is_some() {
            is_only = is_only && self.cells.key(at) != key;
            at = (at + 1) & self.mask();
        }
        (at, is_only)
    }

    /// Puts an entry, which stands behind all others of its key, among them by rank.
    fn settle(&mut self, last: usize, owner: &mut (impl Owner + ?Sized)) {
        let key = self.cells.key(last);
        if self.find(key) == Some(last) {
            return self.tell(last, owner);
        }
        let rank_of = |cell: usize| self.cells.place(cell).map_or(i32::MAX, |place| owner.rank(place));
        let rank = rank_of(last);
        // From the first worse one on each moves to where the next one is.
        let behind: Vec<usize> = self.find_all(key).filter(|&cell| cell != last && rank_of(cell) > rank).collect();
        for cell in behind {
            self.cells.swap(cell, last);
            self.tell(cell, owner);
        }
        self.tell(last, owner);
    }

    fn tell(&self, cell: usize, owner: &mut (impl Owner + ?Sized)) {
        if let Some(place) = self.cells.place(cell) {
            owner.moved(place, cell);
        }
    }

    /// Takes the entry out of a cell, and moves back what had to step aside for it.
    pub(super) fn remove(&mut self, cell: usize, owner: &mut (impl Owner + ?Sized)) {
        let mask = self.mask();
        let (mut hole, mut at) = (cell, cell);
        self.cells.clear(hole);
        loop {
            at = (at + 1) & mask;
            if self.cells.place(at).is_none() {
                break;
            }
            // Whether its home is not between the hole and where it is.
            let from_home = at.wrapping_sub(self.home(self.cells.key(at))) & mask;
            if from_home >= (at.wrapping_sub(hole) & mask) {
                self.cells.swap(hole, at);
                self.tell(hole, owner);
                hole = at;
            }
        }
        self.used -= 1;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// Ranks and cells by place.
    #[derive(Default)]
    struct Model(BTreeMap<u32, (i32, usize)>);

    impl Owner for Model {
        fn rank(&self, place: u32) -> i32 {
            self.0[&place].0
        }

        fn moved(&mut self, place: u32, cell: usize) {
            self.0.get_mut(&place).unwrap().1 = cell;
        }
    }

    proptest! {
        /// Against a plain map: few keys, so that many entries share one, and few enough cells that others are in the way.
        #[test]
        fn an_index_is_a_map_of_lists_by_rank(steps in prop::collection::vec((any::<bool>(), 0u32..60, 0u8..9), 1..300)) {
            let (mut index, mut model) = (Index::new(1, 4), Model::default());
            let mut keys: BTreeMap<u32, u8> = BTreeMap::new();
            for (add, place, key) in steps {
                match (add, keys.get(&place).copied()) {
                    (true, None) => {
                        // Ranks in an order of their own.
                        model.0.insert(place, (i32::try_from(place * 37 % 61).unwrap(), usize::MAX));
                        keys.insert(place, key);
                        index.insert(place, &[key], place, &place.to_le_bytes(), &mut model);
                    }
                    (false, Some(_)) => {
                        let (_, cell) = model.0[&place];
                        index.remove(cell, &mut model);
                        model.0.remove(&place);
                        keys.remove(&place);
                    }
                    _ => continue,
                }
                for key in 0..9 {
                    let mut expected: Vec<u32> = keys.iter().filter(|(_, k)| **k == key).map(|(place, _)| *place).collect();
                    expected.sort_by_key(|&place| model.rank(place));
                    let found: Vec<usize> = index.find_all(&[key]).collect();
                    let places: Vec<u32> = found.iter().filter_map(|&cell| index.cells().place(cell)).collect();
                    prop_assert_eq!(&places, &expected);
                    for (cell, place) in found.into_iter().zip(places) {
                        prop_assert_eq!(model.0[&place].1, cell, "it is known where it stands");
                        let (target, data) = index.cells().target(cell);
                        prop_assert_eq!((target, &data[..4]), (place, &place.to_le_bytes()[..]), "it is whole");
                    }
                }
            }
        }
    }
}
