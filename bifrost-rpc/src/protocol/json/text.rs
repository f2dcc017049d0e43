//! Strings with escapes.

use crate::protocol::error;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Appends `text` in quotes.
///
/// Only what JSON demands is escaped, in the way of Apache's C++ library, which reads no escape but those that it writes
/// (no `\/`, no upper-case digits); and its Java library reads no escaped character above U+7FFF.
pub(super) fn put_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(plain) = rest.iter().position(|byte| is_escaped(*byte)) {
        let (before, from) = rest.split_at(plain);
        out.extend_from_slice(before);
        let Some((special, after)) = from.split_first() else { break };
        put_escape(out, *special);
        rest = after;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

fn is_escaped(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

fn put_escape(out: &mut Vec<u8>, special: u8) {
    let letter = match special {
        b'"' | b'\\' => special,
        0x08 => b'b',
        0x0c => b'f',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => {
            let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or_default();
            return out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(special >> 4), digit(special & 0x0f)]);
        }
    };
    out.extend_from_slice(&[b'\\', letter]);
}

/// The content of a string, between the quotes, without its escapes. Takes no more memory than `raw` does.
pub(super) fn unescape(raw: &[u8]) -> thrift::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(plain) = rest.iter().position(|byte| *byte == b'\\') {
        let (before, from) = rest.split_at(plain);
        out.extend_from_slice(before);
        rest = unescape_one(from, &mut out)?;
    }
    out.extend_from_slice(rest);
    Ok(out)
}

/// Appends what the escape at the beginning of `from` stands for; returns what follows it.
fn unescape_one<'a>(from: &'a [u8], out: &mut Vec<u8>) -> thrift::Result<&'a [u8]> {
    let (byte, rest) = match from {
        [b'\\', b'u', rest @ ..] => {
            let (character, rest) = character(rest)?;
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            return Ok(rest);
        }
        [b'\\', same @ (b'"' | b'\\' | b'/'), rest @ ..] => (*same, rest),
        [b'\\', b'b', rest @ ..] => (0x08, rest),
        [b'\\', b'f', rest @ ..] => (0x0c, rest),
        [b'\\', b'n', rest @ ..] => (b'\n', rest),
        [b'\\', b'r', rest @ ..] => (b'\r', rest),
        [b'\\', b't', rest @ ..] => (b'\t', rest),
        _ => return Err(error::invalid("a string has an unknown escape")),
    };
    out.push(byte);
    Ok(rest)
}

/// The character of four digits, or of four and another escape: characters beyond U+FFFF take two UTF-16 units.
fn character(digits: &[u8]) -> thrift::Result<(char, &[u8])> {
    let (first, rest) = unit(digits)?;
    let (code, rest) = match (first, rest) {
        (0xd800..0xdc00, [b'\\', b'u', digits @ ..]) => match unit(digits)? {
            (second @ 0xdc00..0xe000, rest) => (0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00), rest),
            _ => return Err(lone_surrogate()),
        },
        _ => (first, rest),
    };
    Ok((char::from_u32(code).ok_or_else(lone_surrogate)?, rest))
}

fn unit(digits: &[u8]) -> thrift::Result<(u32, &[u8])> {
    let bad = || error::invalid("an escape in a string lacks its four hexadecimal digits");
    let (digits, rest) = digits.split_first_chunk::<4>().ok_or_else(bad)?;
    let mut unit = 0;
    for digit in digits {
        unit = unit << 4 | char::from(*digit).to_digit(16).ok_or_else(bad)?;
    }
    Ok((unit, rest))
}

#[cold]
fn lone_surrogate() -> thrift::Error {
    error::invalid("a string has half of a surrogate pair")
}
