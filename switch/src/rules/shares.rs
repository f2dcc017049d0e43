//! How instances divide the 16 bits by which new sessions are spread.

/// Bits that are divided.
const BITS: u8 = 16;
/// Shares are at least 2³ units, so that they differ by an eighth at most where there is room for that.
const UNIT_BITS: u32 = 3;

/// A prefix of the 16 bits, and whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Share {
    /// The prefix; bits beyond its length are zero.
    pub(super) value: u16,
    /// How many bits count.
    pub(super) bits: u8,
    /// The place of the instance among all.
    pub(super) instance: usize,
}

/// Divides the 16 bits among so many instances, at most 65,536; the first has what no longer prefix takes.
///
/// Up to 8,191 instances the largest share is at most 9/8 of the smallest, or all are equal. The prefixes are as few as give these shares:
/// one for each instance if their number is a power of two, at most five otherwise.
pub(super) fn shares(instances: usize) -> Vec<Share> {
    let count = u32::try_from(instances).unwrap_or(u32::MAX).min(1 << BITS);
    if count == 0 {
        return Vec::new();
    }
    let bits = if count.is_power_of_two() { count.ilog2() } else { (count.ilog2() + 1 + UNIT_BITS).min(BITS.into()) };
    let units = 1_u32 << bits;
    // Each share is a sum of powers of two. With the large ones first each begins at a multiple of itself, so that it is a prefix.
    let mut parts: Vec<(u32, usize)> = Vec::new();
    for (instance, n) in (0..count).enumerate().skip(1) {
        let share = units / count + u32::from(n < units % count);
        parts.extend((0..=bits).filter(|bit| share >> bit & 1 == 1).map(|bit| (bit, instance)));
    }
    parts.sort_by_key(|(bit, instance)| (std::cmp::Reverse(*bit), *instance));
    let mut start = 0;
    let mut found = vec![Share { value: 0, bits: 0, instance: 0 }];
    for (bit, instance) in parts {
        let value = start << (u32::from(BITS) - bits);
        let bits = u8::try_from(bits - bit).unwrap_or(BITS);
        found.push(Share { value: u16::try_from(value).unwrap_or(u16::MAX), bits, instance });
        start += 1 << bit;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn owner(shares: &[Share], value: u16) -> usize {
        let fits = |share: &&Share| share.bits == 0 || (value ^ share.value) >> (BITS - share.bits) == 0;
        shares.iter().filter(fits).max_by_key(|share| share.bits).unwrap().instance
    }

    fn sizes(count: usize) -> Vec<u32> {
        let shares = shares(count);
        let mut sizes = vec![0; count];
        (0..=u16::MAX).for_each(|value| sizes[owner(&shares, value)] += 1);
        sizes
    }

    #[test]
    fn few_instances_have_few_prefixes() {
        let lens: Vec<usize> = (0..=8).map(|count| shares(count).len()).collect();
        assert_eq!(lens, [0, 1, 2, 6, 4, 12, 14, 13, 8]);
        assert_eq!(shares(2)[1], Share { value: 0, bits: 1, instance: 1 });
    }

    #[test]
    fn nobody_gets_two_prefixes_of_one_key() {
        for count in [3, 5, 7, 100, 1000, 4095] {
            let shares = shares(count);
            let mut keys: Vec<(u16, u8)> = shares.iter().map(|share| (share.value, share.bits)).collect();
            keys.sort_unstable();
            keys.dedup();
            assert_eq!(keys.len(), shares.len(), "{count}");
        }
    }

    #[test]
    fn there_may_be_as_many_instances_as_values() {
        assert_eq!(shares(1 << 16).len(), 1 << 16);
        assert_eq!(shares(usize::MAX).len(), 1 << 16);
        assert!(shares(40_000).len() <= 5 * 40_000);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]
        #[test]
        fn shares_are_even(count in 1_usize..200) {
            let sizes = sizes(count);
            let (least, most) = (sizes.iter().min().unwrap(), sizes.iter().max().unwrap());
            prop_assert!(most * 8 <= least * 9, "{least} to {most}");
            prop_assert!(shares(count).len() <= 5 * count);
        }
    }
}
