//! The hash of a key.

/// A hash of a key. Only the control plane fills tables, so it needs no secret.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "both halves are mixed into the result")]
pub(super) fn hash(key: &[u8]) -> usize {
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
    (last ^ last >> 32) as usize
}
