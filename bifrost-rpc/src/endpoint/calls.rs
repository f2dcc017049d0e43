//! The calls of a session that one of its ends remembers, by their ids.

use std::collections::VecDeque;
use std::ops::Range;

/// Records for which an empty table keeps the memory.
const KEPT_MAX: usize = 32;

/// Records in the order of their ids. Calls come nearly in order and end in order, so that almost everything happens at
/// the ends of a queue.
#[derive(Debug)]
pub(super) struct Calls<T>(VecDeque<(u64, T)>);

impl<T> Default for Calls<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T> Calls<T> {
    /// Where a call is, or where it would be.
    #[inline]
    fn find(&self, rpc: u64) -> Result<usize, usize> {
        match self.0.back() {
            Some((last, _)) if *last == rpc => Ok(self.0.len() - 1),
            Some((last, _)) if *last > rpc => self.0.binary_search_by_key(&rpc, |(rpc, _)| *rpc),
            _ => Err(self.0.len()),
        }
    }

    /// The first at or after an id.
    fn from(&self, rpc: u64) -> usize {
        self.find(rpc).unwrap_or_else(|at| at)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The lowest id.
    pub(super) fn first(&self) -> Option<u64> {
        self.0.front().map(|(rpc, _)| *rpc)
    }

    #[inline]
    pub(super) fn get(&self, rpc: u64) -> Option<&T> {
        let at = self.find(rpc).ok()?;
        self.0.get(at).map(|(_, served)| served)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, rpc: u64) -> Option<&mut T> {
        let at = self.find(rpc).ok()?;
        self.0.get_mut(at).map(|(_, served)| served)
    }

    /// Puts a record in the place of the one there was.
    pub(super) fn insert(&mut self, rpc: u64, served: T) {
        match self.find(rpc) {
            Err(at) if at == self.0.len() => self.0.push_back((rpc, served)),
            Err(at) => self.0.insert(at, (rpc, served)),
            Ok(at) => self.0[at].1 = served,
        }
    }

    pub(super) fn remove(&mut self, rpc: u64) -> Option<T> {
        let at = self.find(rpc).ok()?;
        self.0.remove(at).map(|(_, served)| served)
    }

    /// Gives back what a burst of calls took.
    #[inline]
    pub(super) fn tidy(&mut self) {
        if self.0.capacity() > KEPT_MAX && self.0.is_empty() {
            self.shrink();
        }
    }

    #[cold]
    fn shrink(&mut self) {
        self.0 = VecDeque::new();
    }

    /// Takes the first record out, if its id is below `lowest`.
    #[inline]
    pub(super) fn pop_below(&mut self, lowest: u64) -> Option<(u64, T)> {
        let (first, _) = self.0.front()?;
        if *first < lowest { self.0.pop_front() } else { None }
    }

    pub(super) fn range(&self, ids: Range<u64>) -> impl Iterator<Item = (u64, &T)> {
        let places = self.from(ids.start)..self.from(ids.end.max(ids.start));
        self.0.range(places).map(|(rpc, served)| (*rpc, served))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        self.0.iter().map(|(rpc, served)| (*rpc, served))
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|(_, served)| served)
    }

    pub(super) fn into_values(self) -> impl Iterator<Item = T> {
        self.0.into_iter().map(|(_, served)| served)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (u64, &mut T)> {
        self.0.iter_mut().map(|(rpc, served)| (*rpc, served))
    }
}

/// A record in the memory of one that went, if there is one.
pub(super) fn boxed<T>(spare: &mut Option<Box<T>>, record: T) -> Box<T> {
    match spare.take() {
        Some(mut spare) => {
            *spare = record;
            spare
        }
        None => Box::new(record),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::record::Served;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn the_memory_of_a_burst_is_given_back() {
        let mut calls = Calls::default();
        (0..1000).for_each(|rpc| calls.insert(rpc, Served::Done { leased: false }));
        while calls.pop_below(999).is_some() {
            calls.tidy();
        }
        assert!(calls.get(999).is_some() && calls.0.capacity() >= 1000);
        calls.pop_below(1000);
        calls.tidy();
        assert!(calls.0.capacity() <= KEPT_MAX);
    }

    fn is_leased(served: &Served) -> bool {
        served.is_leased()
    }

    proptest! {
        /// Whether a record is leased tells one from another here.
        #[test]
        fn records_are_found_as_in_any_ordered_table(steps in prop::collection::vec((0u8..6, 0u64..40, any::<bool>()), 0..200)) {
            let (mut calls, mut model) = (Calls::default(), BTreeMap::new());
            for (step, rpc, leased) in steps {
                match step {
                    0 | 1 => {
                        calls.insert(rpc, Served::Done { leased });
                        model.insert(rpc, leased);
                    }
                    2 => prop_assert_eq!(calls.remove(rpc).as_ref().map(is_leased), model.remove(&rpc)),
                    3 => {
                        let first = model.first_key_value().map(|(rpc, leased)| (*rpc, *leased)).filter(|(first, _)| *first < rpc);
                        first.map(|(rpc, _)| model.remove(&rpc));
                        prop_assert_eq!(calls.pop_below(rpc).map(|(rpc, served)| (rpc, is_leased(&served))), first);
                    }
                    4 => {
                        let range: Vec<_> = calls.range(rpc..rpc + 9).map(|(rpc, served)| (rpc, is_leased(served))).collect();
                        prop_assert_eq!(range, model.range(rpc..rpc + 9).map(|(rpc, leased)| (*rpc, *leased)).collect::<Vec<_>>());
                    }
                    _ => prop_assert_eq!(calls.get_mut(rpc).map(|served| is_leased(served)), model.get(&rpc).copied()),
                }
                prop_assert_eq!(calls.get(rpc).map(is_leased), model.get(&rpc).copied());
                let all: Vec<_> = calls.iter().map(|(rpc, served)| (rpc, is_leased(served))).collect();
                prop_assert_eq!(all, model.iter().map(|(rpc, leased)| (*rpc, *leased)).collect::<Vec<_>>());
                prop_assert_eq!(calls.len(), model.len());
            }
        }
    }
}
