//! Numbers that have been seen: ids of calls that have ended, and of objects that were made.

use rangemap::RangeInclusiveSet;

/// A set of numbers that mostly follow each other.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    ranges: RangeInclusiveSet<u64>,
}

impl Seen {
    pub(super) fn has(&self, number: u64) -> bool {
        self.ranges.contains(&number)
    }

    pub(super) fn add(&mut self, number: u64) {
        self.ranges.insert(number..=number);
    }

    /// Adds all numbers up to one.
    pub(super) fn add_until(&mut self, number: u64) {
        self.ranges.insert(0..=number);
    }

    /// Forgets all numbers below one.
    pub(super) fn forget_below(&mut self, number: u64) {
        if self.ranges.first().is_some_and(|range| *range.start() < number) {
            self.ranges.remove(0..=number.saturating_sub(1));
        }
    }

    /// How many ranges are kept.
    pub(super) fn ranges(&self) -> usize {
        self.ranges.len()
    }

    /// Takes the lowest gap as seen, so that there is a range less.
    pub(super) fn close_lowest_gap(&mut self) {
        let mut ranges = self.ranges.iter();
        if let (Some(first), Some(second)) = (ranges.next(), ranges.next()) {
            let all = *first.start()..=*second.end();
            self.ranges.insert(all);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_a_row_are_one_range_and_low_ones_go() {
        let mut seen = Seen::default();
        [5, 7, 6, 9].into_iter().for_each(|number| seen.add(number));
        assert_eq!(seen.ranges(), 2);
        assert!(seen.has(6) && !seen.has(8));
        seen.forget_below(7);
        assert!(!seen.has(6) && seen.has(7) && seen.has(9));
        seen.close_lowest_gap();
        assert_eq!((seen.ranges(), seen.has(8)), (1, true));
        seen.forget_below(100);
        assert_eq!(seen.ranges(), 0);
    }
}
