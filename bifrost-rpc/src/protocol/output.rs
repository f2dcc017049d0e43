//! Appending lists of fixed-width values.

/// Bytes converted at a time: little enough to stay in the first-level cache.
const BLOCK_BYTES: usize = 1024;

/// So few values are appended one by one.
const FEW: usize = 8;

/// Appends each value as `write` lays it out. `N` divides [`BLOCK_BYTES`].
#[inline]
pub(super) fn put_fixed<const N: usize, T: Copy>(out: &mut Vec<u8>, values: &[T], write: impl Fn(T) -> [u8; N]) {
    const { assert!(BLOCK_BYTES.is_multiple_of(N)) };
    if values.len() <= FEW {
        return values.iter().for_each(|value| out.extend_from_slice(&write(*value)));
    }
    if values.len() * N <= BLOCK_BYTES {
        let start = out.len();
        out.resize(start + values.len() * N, 0);
        if let Some(room) = out.get_mut(start..) {
            fill(room, values, write);
        }
        return;
    }
    out.reserve(values.len() * N);
    let mut block = [0; BLOCK_BYTES];
    for part in values.chunks(BLOCK_BYTES / N) {
        fill(&mut block, part, &write);
        if let Some(filled) = block.get(..part.len() * N) {
            out.extend_from_slice(filled);
        }
    }
}

#[inline]
fn fill<const N: usize, T: Copy>(room: &mut [u8], values: &[T], write: impl Fn(T) -> [u8; N]) {
    let (chunks, _) = room.as_chunks_mut();
    for (chunk, value) in chunks.iter_mut().zip(values) {
        *chunk = write(*value);
    }
}
