//! A fast hash for tables whose keys this process chose itself or that are fixed: others can look things up in them,
//! but not fill them with colliding keys. Tables that the network can fill use the standard, keyed hash.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A table with [`QuickHasher`]: for keys that whoever owns it chose, not for those that others can choose.
pub type QuickMap<K, V> = HashMap<K, V, BuildHasherDefault<QuickHasher>>;

/// Multiplies and folds eight bytes at a time.
#[derive(Debug, Clone, Copy, Default)]
pub struct QuickHasher(u64);

/// An odd number without a pattern: 2^64 divided by the golden ratio.
const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;

impl QuickHasher {
    #[inline]
    fn mix(&mut self, value: u64) {
        let product = u128::from(self.0 ^ value).wrapping_mul(u128::from(FACTOR));
        #[expect(clippy::cast_possible_truncation, reason = "both halves are used")]
        let folded = (product >> 64) as u64 ^ product as u64;
        self.0 = folded;
    }
}

impl Hasher for QuickHasher {
    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }

    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks();
        words.iter().for_each(|word| self.mix(u64::from_le_bytes(*word)));
        if !rest.is_empty() {
            let mut word = [0; 8];
            word[..rest.len()].copy_from_slice(rest);
            self.mix(u64::from_le_bytes(word) ^ (rest.len() as u64) << 56);
        }
    }

    #[inline]
    fn write_u8(&mut self, value: u8) {
        self.mix(u64::from(value));
    }

    #[inline]
    fn write_u32(&mut self, value: u32) {
        self.mix(u64::from(value));
    }

    #[inline]
    fn write_u64(&mut self, value: u64) {
        self.mix(value);
    }

    #[inline]
    fn write_usize(&mut self, value: usize) {
        self.mix(value as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::hash::BuildHasher;

    #[test]
    fn near_keys_have_far_hashes() {
        let build = BuildHasherDefault::<QuickHasher>::default();
        let low_bits: HashSet<u64> = (1u64..1000).map(|key| build.hash_one(key) & 0xFFF).collect();
        assert!(low_bits.len() > 850, "{} of 999 differ in the low bits", low_bits.len());
        assert_ne!(build.hash_one([1u8, 0]), build.hash_one([1u8, 0, 0]));
    }
}
