//! What a link takes for a datagram: one packet, whole, and nothing but that.

use crate::wire::{HEADER_BYTES, IDENTIFIER, VERSION};

/// Where the length of the body stands in a header.
const BODY_LEN_AT: usize = 102;

/// Whether a datagram is one packet, and nothing but that, or of a version that is not spoken here. Behind a packet, or in pieces that are put
/// together with others where datagrams are joined, one could come that the switch has not seen.
pub(super) fn is_one_packet(payload: &[u8]) -> bool {
    const IDENTIFIER_BYTES: [u8; 2] = IDENTIFIER.to_be_bytes();
    let Some(rest) = payload.strip_prefix(&IDENTIFIER_BYTES) else { return false };
    let body =
        payload.get(BODY_LEN_AT..BODY_LEN_AT + 2).and_then(|bytes| bytes.try_into().ok()).map(u16::from_be_bytes);
    match rest.first() {
        Some(&VERSION) => body.is_some_and(|body| payload.len() == HEADER_BYTES + usize::from(body)),
        other => other.is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::is_one_packet;
    use crate::wire::{Header, PacketType};

    fn packet(body: &[u8]) -> Vec<u8> {
        let header = Header { body_len: u16::try_from(body.len()).unwrap(), ..Header::new(PacketType::Ping) };
        [&header.to_bytes()[..], body].concat()
    }

    #[test]
    fn only_a_datagram_that_is_one_packet_is_taken() {
        let whole = packet(b"12345678");
        assert!(is_one_packet(&whole) && is_one_packet(&packet(b"")));
        assert!(!is_one_packet(&[&whole[..], &packet(b"")].concat()), "one behind another");
        assert!(!is_one_packet(&[&whole[..], b"x"].concat()), "something behind it");
        for cut in 0..whole.len() {
            assert!(!is_one_packet(&whole[..cut]) && !is_one_packet(&whole[cut + 1..]), "a piece of {cut} bytes");
        }
        let mut later = whole;
        later[2] = 2;
        assert!(is_one_packet(&later), "its sender is told that the version is not spoken");
    }
}
