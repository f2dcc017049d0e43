//! The 16-byte method field that a switch matches on.

use std::fmt;

/// Bytes of the method field.
pub const METHOD_BYTES: usize = 16;

/// `Service:method` in 16 bytes: a name of up to 16 bytes as it is (padded with zeros), a longer one as its first 8
/// bytes and the 64-bit FNV-1a hash of the whole.
///
/// Two methods of one server whose fields are equal are refused when the server starts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MethodField {
    len: u8,
    bytes: [u8; METHOD_BYTES],
}

impl MethodField {
    /// No method: packets that belong to no call.
    pub const NONE: Self = Self { len: 0, bytes: [0; METHOD_BYTES] };

    /// The field of a method.
    #[must_use]
    pub fn new(service: &str, method: &str) -> Self {
        let full = service.len() + 1 + method.len();
        let mut bytes = [0; METHOD_BYTES];
        if full <= METHOD_BYTES {
            let (head, tail) = bytes.split_at_mut(service.len());
            head.copy_from_slice(service.as_bytes());
            tail[0] = b':';
            tail[1..=method.len()].copy_from_slice(method.as_bytes());
        } else {
            let parts = [service.as_bytes(), b":", method.as_bytes()];
            // Part by part, since a chain of iterators asks at each byte which part it is in.
            let hash = parts.into_iter().fold(FNV_BASIS, |hash, part| fnv1a_from(hash, part.iter().copied()));
            let (mut head, tail) = bytes.split_at_mut(METHOD_BYTES / 2);
            for part in parts {
                let (slots, rest) = head.split_at_mut(part.len().min(head.len()));
                slots.copy_from_slice(&part[..slots.len()]);
                head = rest;
            }
            tail.copy_from_slice(&hash.to_be_bytes());
        }
        Self { len: u8::try_from(full).unwrap_or(u8::MAX), bytes }
    }

    /// The field as it stands in a header: length byte and 16 bytes.
    #[must_use]
    pub const fn from_wire(len: u8, bytes: [u8; METHOD_BYTES]) -> Self {
        Self { len, bytes }
    }

    /// Length of the whole name, 255 for longer ones.
    #[must_use]
    pub const fn name_len(self) -> u8 {
        self.len
    }

    /// The 16 bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; METHOD_BYTES] {
        &self.bytes
    }
}

/// The hash of no bytes.
const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;

/// The 64-bit FNV-1a hash.
pub(crate) fn fnv1a(bytes: impl Iterator<Item = u8>) -> u64 {
    fnv1a_from(FNV_BASIS, bytes)
}

/// The same, of bytes behind others whose hash is known.
fn fnv1a_from(hash: u64, bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(hash, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

impl fmt::Display for MethodField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if usize::from(self.len) <= METHOD_BYTES {
            let name = &self.bytes[..usize::from(self.len)];
            write!(f, "{}", name.escape_ascii())
        } else {
            let (head, hash) = self.bytes.split_at(METHOD_BYTES / 2);
            write!(f, "{}…", head.escape_ascii())?;
            hash.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
        }
    }
}

impl fmt::Debug for MethodField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MethodField({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_field_is_what_the_whole_name_makes_it(service in ".{0,24}", method in ".{0,24}") {
            let whole = format!("{service}:{method}").into_bytes();
            let field = MethodField::new(&service, &method);
            let mut wanted = whole.clone();
            if whole.len() > METHOD_BYTES {
                wanted.truncate(METHOD_BYTES / 2);
                wanted.extend(fnv1a(whole.iter().copied()).to_be_bytes());
            }
            wanted.resize(METHOD_BYTES, 0);
            prop_assert_eq!(field.bytes().as_slice(), wanted.as_slice());
            prop_assert_eq!(usize::from(field.name_len()), whole.len());
        }
    }

    #[test]
    fn short_names_stand_as_they_are() {
        let field = MethodField::new("Ping", "ping");
        assert_eq!(field.bytes(), b"Ping:ping\0\0\0\0\0\0\0");
        assert_eq!(field.name_len(), 9);
        assert_eq!(field.to_string(), "Ping:ping");
        assert_eq!(MethodField::new("Arrays", "increment").bytes(), b"Arrays:increment");
    }

    #[test]
    fn long_names_are_a_prefix_and_a_hash() {
        let field = MethodField::new("Arrays", "increment_list");
        assert_eq!(&field.bytes()[..8], b"Arrays:i");
        assert_eq!(field.name_len(), 21);
        assert_ne!(field, MethodField::new("Arrays", "increment_lisp"));
        // The published test value of 64-bit FNV-1a.
        assert_eq!(fnv1a(b"foobar".iter().copied()), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn very_long_names_saturate_the_length() {
        assert_eq!(MethodField::new(&"s".repeat(300), "m").name_len(), 255);
    }
}
