//! Values as `simple_switch_CLI` takes them.

use crate::engine::{MatchKind, MatchParam};
use std::net::{Ipv4Addr, Ipv6Addr};

/// Bytes of a value at most: more than any field has.
const VALUE_BYTES_MAX: usize = 4096;

/// What is wrong with a word of a command.
pub(crate) type Wrong = String;

/// A value of so many bits: decimal, `0x…`, an IPv4, IPv6 or MAC address; as bytes, as many as the width has.
pub(crate) fn value(word: &str, bits: u32) -> Result<Vec<u8>, Wrong> {
    let bytes = any_value(word).ok_or_else(|| format!("{word:?} is no number and no address"))?;
    let significant = bytes.iter().position(|&byte| byte != 0).map_or(&[][..], |at| &bytes[at..]);
    let used = significant.len() * 8 - significant.first().map_or(0, |first| first.leading_zeros() as usize);
    if used > bits as usize {
        return Err(format!("{word} does not fit into {bits} bits"));
    }
    let mut out = vec![0; (bits.div_ceil(8) as usize).saturating_sub(significant.len())];
    out.extend_from_slice(significant);
    Ok(out)
}

fn any_value(word: &str) -> Option<Vec<u8>> {
    if let Some(digits) = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        return hex(digits);
    }
    if let Ok(number) = word.parse::<u128>() {
        return Some(number.to_be_bytes().to_vec());
    }
    if let Ok(address) = word.parse::<Ipv4Addr>() {
        return Some(address.octets().to_vec());
    }
    mac(word).or_else(|| word.parse::<Ipv6Addr>().ok().map(|address| address.octets().to_vec()))
}

/// Bytes in hexadecimal digits, of which the first may stand alone for a byte. At most 4,096 bytes.
#[must_use]
pub fn hex(digits: &str) -> Option<Vec<u8>> {
    if digits.is_empty() || digits.len() > 2 * VALUE_BYTES_MAX || !digits.bytes().all(|digit| digit.is_ascii_hexdigit())
    {
        return None;
    }
    let (first, rest) = digits.split_at(digits.len() % 2);
    let first = (!first.is_empty()).then_some(first);
    let pairs = (0..rest.len()).step_by(2).filter_map(|at| rest.get(at..at + 2));
    first.into_iter().chain(pairs).map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
}

/// Six bytes of two hexadecimal digits, with colons between them.
fn mac(word: &str) -> Option<Vec<u8>> {
    let parts: Vec<&str> = word.split(':').collect();
    let is_mac = parts.len() == 6 && parts.iter().all(|part| matches!(part.len(), 1 | 2));
    is_mac.then(|| parts.iter().map(|part| u8::from_str_radix(part, 16).ok()).collect())?
}

/// One field of a key.
pub(crate) fn match_param(word: &str, kind: MatchKind, bits: u32) -> Result<MatchParam, Wrong> {
    let split = |by: &str| {
        word.split_once(by).ok_or_else(|| format!("{word:?} has no {by}, which a field of kind {kind:?} needs"))
    };
    Ok(match kind {
        MatchKind::Exact => MatchParam::Exact(value(word, bits)?),
        MatchKind::Valid => match word {
            "1" | "true" => MatchParam::Valid(true),
            "0" | "false" => MatchParam::Valid(false),
            _ => return Err(format!("{word:?} is neither 1 nor 0")),
        },
        MatchKind::Lpm => {
            let (prefix, length) = split("/")?;
            let length = length.parse().ok().filter(|&length| length <= bits);
            let length = length.ok_or_else(|| format!("{word}: a prefix has 0 to {bits} bits"))?;
            MatchParam::Lpm(value(prefix, bits)?, length)
        }
        MatchKind::Ternary => {
            let (of, mask) = split("&&&")?;
            MatchParam::Ternary(value(of, bits)?, value(mask, bits)?)
        }
        MatchKind::Range => {
            let (low, high) = split("->")?;
            MatchParam::Range(value(low, bits)?, value(high, bits)?)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_have_many_forms() {
        for (word, bits, bytes) in [
            ("7", 9, &[0, 7][..]),
            ("0x1ff", 9, &[1, 0xff]),
            ("10.0.0.1", 32, &[10, 0, 0, 1]),
            ("02:b1:f0:00:00:01", 48, &[2, 0xb1, 0xf0, 0, 0, 1]),
            ("fd00::1", 128, &[0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
            ("0", 0, &[]),
        ] {
            assert_eq!(value(word, bits).unwrap(), bytes, "{word}");
        }
        for (word, bits) in [("512", 9), ("0x200", 9), ("-1", 8), ("", 8), ("0x", 8), ("0xg", 8), ("x", 8), ("1:2", 48)]
        {
            assert!(value(word, bits).is_err(), "{word}");
        }
    }

    #[test]
    fn each_kind_of_match_has_its_form() {
        let of = |word, kind| match_param(word, kind, 16);
        assert_eq!(of("1/8", MatchKind::Lpm), Ok(MatchParam::Lpm(vec![0, 1], 8)));
        assert_eq!(of("1&&&0xff", MatchKind::Ternary), Ok(MatchParam::Ternary(vec![0, 1], vec![0, 0xff])));
        assert_eq!(of("1->0x100", MatchKind::Range), Ok(MatchParam::Range(vec![0, 1], vec![1, 0])));
        assert_eq!(of("1", MatchKind::Valid), Ok(MatchParam::Valid(true)));
        for (word, kind) in
            [("1", MatchKind::Lpm), ("1/17", MatchKind::Lpm), ("1", MatchKind::Range), ("2", MatchKind::Valid)]
        {
            assert!(of(word, kind).is_err(), "{word}");
        }
    }

    proptest! {
        #[test]
        fn any_word_is_a_value_or_refused(word in ".{0,40}", bits in 0u32..300) {
            if let Ok(bytes) = value(&word, bits) {
                prop_assert_eq!(bytes.len(), bits.div_ceil(8) as usize);
            }
        }

        #[test]
        fn numbers_are_read_as_written(number: u128) {
            prop_assert_eq!(value(&number.to_string(), 128).unwrap(), number.to_be_bytes());
            prop_assert_eq!(value(&format!("{number:#x}"), 128).unwrap(), number.to_be_bytes());
        }
    }
}
