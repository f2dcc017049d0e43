//! What each service of `chain` does: it reads a part of the array, which says what part the next one is to read.

use std::ops::Range;

use anyhow::{Context, Result};

/// Bytes that each service reads.
pub(crate) const READ_BYTES: usize = 4096;

/// The part of an array of `len` bytes that a service reads; all of an array that is shorter.
///
/// # Errors
/// It would not lie inside.
pub(crate) fn part(len: usize, offset: i32) -> Result<Range<usize>> {
    let start = usize::try_from(offset).ok().filter(|start| start + len.min(READ_BYTES) <= len);
    let start = start.with_context(|| format!("no {READ_BYTES} bytes from {offset} on in an array of {len}"))?;
    Ok(start..start + len.min(READ_BYTES))
}

/// A number that depends on all of `bytes`.
pub(crate) fn digest(bytes: &[u8]) -> i64 {
    let word = |chunk: &[u8]| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        u64::from_le_bytes(word)
    };
    let mix = |state: u64, chunk| (state.rotate_left(5) ^ word(chunk)).wrapping_mul(0x517c_c1b7_2722_0a95);
    bytes.chunks(8).fold(bytes.len() as u64, mix).cast_signed()
}

/// Where the next service reads in an array of `len` bytes.
pub(crate) fn next_offset(len: usize, digest: i64) -> i32 {
    let places = (len - len.min(READ_BYTES) + 1) as u64;
    i32::try_from(digest.cast_unsigned() % places).unwrap_or(0)
}

/// What a service answers, of its own digest and the answer of the service after it.
pub(crate) fn combined(own: i64, following: i64) -> i64 {
    own.rotate_left(7).wrapping_add(following)
}

/// What the first of `services` answers.
///
/// # Errors
/// As [`part`].
pub(crate) fn answer(data: &[u8], offset: i32, services: usize) -> Result<i64> {
    let own = digest(&data[part(data.len(), offset)?]);
    match services {
        0 | 1 => Ok(own),
        _ => Ok(combined(own, answer(data, next_offset(data.len(), own), services - 1)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_matters() {
        let data: Vec<u8> = (0..50_000_u32).map(|i| i.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
        let answers: Vec<i64> = (1..5).map(|services| answer(&data, 17, services).unwrap()).collect();
        assert!((1..4).all(|i| !answers[..i].contains(&answers[i])), "{answers:?}");
        let mut changed = data.clone();
        let own = digest(&data[part(data.len(), 17).unwrap()]);
        changed[part(data.len(), next_offset(data.len(), own)).unwrap().start] ^= 1;
        assert_ne!(answer(&changed, 17, 2).unwrap(), answers[1]);
    }

    #[test]
    fn parts_lie_inside() {
        assert_eq!(part(10_000, 5904).unwrap(), 5904..10_000);
        assert_eq!(part(10, 0).unwrap(), 0..10);
        for (len, offset) in [(10_000, 5905), (10, 1), (10_000, -1)] {
            assert!(part(len, offset).is_err());
        }
        assert!((0..100).all(|digest| part(4100, next_offset(4100, digest * 7 - 300)).is_ok()));
        assert_eq!(next_offset(1, -5), 0);
    }
}
