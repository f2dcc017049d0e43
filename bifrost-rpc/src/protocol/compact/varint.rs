//! Variable-length integers: seven bits in each byte, the lowest first; the top bit says that more follow.
//!
//! Lengths are computed and not branched on: in a list of numbers they cannot be foreseen.

/// The top bits of bytes.
const MORE: u64 = 0x8080_8080_8080_8080;
/// Values below this take at most eight bytes.
pub(super) const WORD_END: u64 = 1 << 56;

/// The bytes of a value below [`WORD_END`], and how many of them count.
#[inline]
pub(super) fn encode_word(value: u64) -> ([u8; 8], usize) {
    let bits = 64 - (value | 1).leading_zeros();
    // Seven bits to the byte: this is the quotient, rounded up, of all of 1 to 56.
    let len = (bits * 9 + 64) / 64;
    let more = MORE & !(u64::MAX << (8 * (len - 1)));
    ((spread(value) | more).to_le_bytes(), len as usize)
}

/// The value that starts `bytes`, and its length, if it takes no more than eight bytes.
#[inline]
pub(super) fn decode_word(bytes: [u8; 8]) -> Option<(u64, usize)> {
    let word = u64::from_le_bytes(bytes);
    let ends = !word & MORE;
    if ends == 0 {
        return None;
    }
    let last = ends.trailing_zeros();
    let value = gather(word & (u64::MAX >> (63 - last)));
    Some((value, (last / 8 + 1) as usize))
}

/// Eight groups of seven bits to the low bits of eight bytes.
#[inline]
fn spread(value: u64) -> u64 {
    let value = (value & 0x0fff_ffff) | (value & 0x00ff_ffff_f000_0000) << 4;
    let value = (value & 0x0000_3fff_0000_3fff) | (value & 0x0fff_c000_0fff_c000) << 2;
    (value & 0x007f_007f_007f_007f) | (value & 0x3f80_3f80_3f80_3f80) << 1
}

/// The reverse of `spread`; top bits are ignored.
#[inline]
fn gather(word: u64) -> u64 {
    let word = (word & 0x007f_007f_007f_007f) | (word & 0x7f00_7f00_7f00_7f00) >> 1;
    let word = (word & 0x0000_3fff_0000_3fff) | (word & 0x3fff_0000_3fff_0000) >> 2;
    (word & 0x0fff_ffff) | (word & 0x0fff_ffff_0000_0000) >> 4
}

#[cfg(test)]
mod tests {
    use super::{WORD_END, decode_word, encode_word};
    use proptest::prelude::*;

    fn check(value: u64) {
        let mut expected = Vec::new();
        let mut rest = value;
        while rest >= 0x80 {
            expected.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        expected.push(rest as u8);
        let (bytes, len) = encode_word(value);
        assert_eq!(&bytes[..len], expected);
        let mut followed = [0xff; 8];
        followed[..len].copy_from_slice(&expected);
        assert_eq!(decode_word(followed), Some((value, len)));
    }

    #[test]
    fn every_length_has_its_first_and_last_value() {
        for bits in 0..56 {
            check(1 << bits);
            check((1 << bits) - 1);
        }
        check(WORD_END - 1);
    }

    #[test]
    fn nine_bytes_are_left_to_others() {
        assert_eq!(decode_word([0x80; 8]), None);
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(value in 0..WORD_END, shift in 0_u32..56) {
            check(value >> shift);
        }
    }
}
