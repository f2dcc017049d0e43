//! What is kept by numbers that rise.

use std::collections::VecDeque;

/// Gaps that a queue may have beside as many as it has values.
const GAPS_MAX: usize = 64;

/// Values by number, each put in with a higher one than all before it. What is taken out is mostly the oldest: a queue, in which
/// that is found at once, serves better than a tree.
#[derive(Debug)]
pub(crate) struct Numbered<T> {
    /// In the order of their numbers; first and last are there, others may have been taken out.
    queue: VecDeque<(u64, Option<T>)>,
    len: usize,
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self { queue: VecDeque::new(), len: 0 }
    }
}

impl<T> Numbered<T> {
    /// Puts a value in. Its number must be higher than all before it.
    pub(crate) fn push(&mut self, number: u64, value: T) {
        debug_assert!(self.queue.back().is_none_or(|(last, _)| *last < number), "numbers rise");
        self.queue.push_back((number, Some(value)));
        self.len += 1;
    }

    /// Takes a value out.
    pub(crate) fn take(&mut self, number: u64) -> Option<T> {
        let place = match self.queue.front() {
            Some((first, _)) if *first == number => 0,
            _ => self.queue.binary_search_by_key(&number, |(at, _)| *at).ok()?,
        };
        let value = self.queue.get_mut(place)?.1.take()?;
        self.len -= 1;
        while self.queue.front().is_some_and(|(_, value)| value.is_none()) {
            self.queue.pop_front();
        }
        while self.queue.back().is_some_and(|(_, value)| value.is_none()) {
            self.queue.pop_back();
        }
        if self.queue.len() > 2 * self.len + GAPS_MAX {
            self.queue.retain(|(_, value)| value.is_some());
        }
        Some(value)
    }

    /// The lowest number.
    pub(crate) fn first(&self) -> Option<u64> {
        self.queue.front().map(|(number, _)| *number)
    }

    /// The value with the highest number.
    pub(crate) fn last_mut(&mut self) -> Option<&mut T> {
        self.queue.back_mut().and_then(|(_, value)| value.as_mut())
    }

    /// How many values there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// All of them, in the order of their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        self.queue.iter().filter_map(|(number, value)| Some((*number, value.as_ref()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn it_does_what_a_tree_does(steps in prop::collection::vec((any::<bool>(), 1_u64..5, any::<prop::sample::Index>()), 1..600)) {
            let (mut queue, mut tree) = (Numbered::default(), BTreeMap::new());
            let mut last = 0;
            for (is_new, gap, which) in steps {
                if is_new {
                    last += gap;
                    queue.push(last, last);
                    tree.insert(last, last);
                } else {
                    // One that is there, mostly; or one that never was, or is no more.
                    let number = tree.keys().nth(which.index(tree.len() + 1)).copied().unwrap_or(gap);
                    prop_assert_eq!(queue.take(number), tree.remove(&number));
                }
                prop_assert_eq!(queue.len(), tree.len());
                prop_assert_eq!(queue.first(), tree.keys().next().copied());
                prop_assert_eq!(queue.last_mut().copied(), tree.values().next_back().copied());
                prop_assert!(queue.iter().map(|(number, _)| number).eq(tree.keys().copied()));
                prop_assert!(queue.queue.len() <= 2 * tree.len() + GAPS_MAX);
            }
        }
    }
}
