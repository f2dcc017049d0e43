//! The hash and checksum algorithms that programs name.

#![expect(clippy::cast_possible_truncation, reason = "check sums are cut to their width")]

use super::crc::{CrcConfig, Custom};
use ::crc::{CRC_16_ARC, CRC_16_IBM_3740, CRC_32_ISO_HDLC, Crc};

static CRC16: Crc<u16> = Crc::<u16>::new(&CRC_16_ARC);
static CCITT: Crc<u16> = Crc::<u16>::new(&CRC_16_IBM_3740);
static CRC32: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// An algorithm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// A CRC whose parameters the control plane may change.
    Custom(Box<Custom>),
    Crc16,
    CrcCcitt,
    Crc32,
    /// The Internet checksum.
    Checksum16,
    Xor16,
    Xor32,
    /// The first eight bytes.
    Identity,
}

impl Algorithm {
    pub(crate) fn by_name(name: &str) -> Option<Self> {
        Some(match name {
            "crc16" => Self::Crc16,
            "crc16_custom" => Self::Custom(Box::new(Custom::new(CrcConfig::ARC))),
            "crcCCITT" => Self::CrcCcitt,
            "crc32" => Self::Crc32,
            "crc32_custom" => Self::Custom(Box::new(Custom::new(CrcConfig::ISO_HDLC))),
            "csum16" | "cksum16" => Self::Checksum16,
            "xor16" => Self::Xor16,
            "xor32" => Self::Xor32,
            "identity" => Self::Identity,
            _ => return None,
        })
    }

    /// The result for `head` followed by `tail`.
    pub(crate) fn of(&self, head: &[u8], tail: &[u8]) -> u64 {
        let bytes = || head.iter().chain(tail).copied();
        match self {
            Self::Custom(crc) => u64::from(crc.of(bytes())),
            Self::Crc16 => u64::from(crc16(&CRC16, head, tail)),
            Self::CrcCcitt => u64::from(crc16(&CCITT, head, tail)),
            Self::Crc32 => {
                let mut digest = CRC32.digest();
                digest.update(head);
                digest.update(tail);
                u64::from(digest.finalize())
            }
            Self::Checksum16 => u64::from(checksum(head, tail)),
            Self::Xor16 => folded(bytes(), 2),
            Self::Xor32 => folded(bytes(), 4),
            Self::Identity => bytes().take(8).fold(0, |value, byte| value << 8 | u64::from(byte)),
        }
    }
}

fn crc16(crc: &Crc<u16>, head: &[u8], tail: &[u8]) -> u16 {
    let mut digest = crc.digest();
    digest.update(head);
    digest.update(tail);
    digest.finalize()
}

/// Words of `width` bytes joined by exclusive or, the last filled up with zeros.
fn folded(bytes: impl Iterator<Item = u8>, width: usize) -> u64 {
    let place = |i: usize| (width - 1 - i % width) * 8;
    bytes.enumerate().fold(0, |value, (i, byte)| value ^ u64::from(byte) << place(i))
}

/// The one's complement of the one's complement sum of 16-bit words, the last filled up with a zero.
fn checksum(head: &[u8], tail: &[u8]) -> u16 {
    let second = sum(tail);
    // A tail that begins at an odd byte has its bytes in the other halves of the words.
    let second = if head.len() % 2 == 1 { u64::from(fold(second).swap_bytes()) } else { second };
    !fold(sum(head) + second)
}

fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

/// The sum of words. Without overflow: what is summed is below 2³² bytes long.
fn sum(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<4>();
    let sum: u64 = words.iter().map(|&word| u64::from(u32::from_be_bytes(word))).sum();
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    sum + u64::from(u32::from_be_bytes(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check values of the catalogue of CRC algorithms, for "123456789".
    #[test]
    fn the_usual_check_values() {
        let of = |algorithm: Algorithm| algorithm.of(b"1234", b"56789");
        assert_eq!(of(Algorithm::Crc16), 0xbb3d);
        assert_eq!(of(Algorithm::CrcCcitt), 0x29b1);
        assert_eq!(of(Algorithm::Crc32), 0xcbf4_3926);
        assert_eq!(of(Algorithm::Identity), 0x3132_3334_3536_3738);
        assert_eq!(Algorithm::Xor16.of(&[0xab, 0xcd, 0x01], &[]), 0xabcd ^ 0x0100);
        assert_eq!(Algorithm::Xor32.of(&[1, 2, 3, 4, 5], &[6]), 0x0102_0304 ^ 0x0506_0000);
    }

    #[test]
    fn a_checksum_does_not_depend_on_where_its_input_is_cut() {
        // The example of RFC 1071, with an odd byte.
        let bytes = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7, 0x80];
        let whole = Algorithm::Checksum16.of(&bytes, &[]);
        assert_eq!(whole, u64::from(!fold(0x2_ddf0 + 0x8000)));
        for cut in 0..=bytes.len() {
            assert_eq!(Algorithm::Checksum16.of(&bytes[..cut], &bytes[cut..]), whole, "cut at {cut}");
        }
    }
}
