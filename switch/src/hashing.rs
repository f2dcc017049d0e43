//! Hashes of what only the control plane fills: they need no secret.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map of such keys.
pub(crate) type KeyMap<K, V> = HashMap<K, V, BuildHasherDefault<KeyHasher>>;

const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// Both halves of the product are mixed into the result.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the halves are taken apart")]
fn step(state: u64, word: u64) -> u64 {
    let product = u128::from(state ^ word) * u128::from(MULTIPLIER);
    product as u64 ^ (product >> 64) as u64
}

/// A hash of a key.
#[inline]
pub(crate) fn hash(key: &[u8]) -> u64 {
    let (words, rest) = key.as_chunks::<8>();
    let mut state = words.iter().fold(0x243f_6a88_85a3_08d3, |state, &word| step(state, u64::from_le_bytes(word)));
    if !rest.is_empty() {
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        state = step(state, u64::from_le_bytes(last));
    }
    let last = step(state, MULTIPLIER);
    last ^ last >> 32
}

/// The same for maps.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KeyHasher(u64);

impl Hasher for KeyHasher {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        self.0 = step(self.0, hash(bytes));
    }

    #[inline]
    fn write_u8(&mut self, byte: u8) {
        self.0 = step(self.0, byte.into());
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}
