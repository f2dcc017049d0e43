//! The 16 bytes by which a switch knows a method. The runtime computes the same; a test compares them.

/// Bytes of the field.
const BYTES: usize = 16;

/// `Service:method` in 16 bytes: a name of up to 16 bytes padded with zeros, or else the first 8 bytes of the name and
/// its 64-bit FNV-1a hash, big end first.
#[must_use]
pub fn method_field(service: &str, method: &str) -> [u8; BYTES] {
    let name = format!("{service}:{method}");
    let mut field = [0; BYTES];
    let (head, hash) = match name.len() <= BYTES {
        true => (name.as_bytes(), None),
        false => (name.as_bytes().get(..BYTES / 2).unwrap_or_default(), Some(fnv1a(name.as_bytes()).to_be_bytes())),
    };
    let tail = hash.iter().flatten();
    field.iter_mut().zip(head.iter().chain(tail)).for_each(|(slot, byte)| *slot = *byte);
    field
}

fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
