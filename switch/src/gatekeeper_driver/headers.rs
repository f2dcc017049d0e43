//! What stands before a frame to and from the control plane: `docs/switch.md`, section 7.

use crate::gatekeeper::{Reason, Way};

/// Bytes of either header.
pub(super) const HEADER_BYTES: usize = 8;
/// The forwarding tables choose.
const ROUTE: u8 = 0;
/// The frame leaves by a port as it is.
const PORT: u8 = 1;

/// A packet-in: why it came, by which port, and the frame. `None`: it is none.
pub(super) fn packet_in(packet: &[u8]) -> Option<(Reason, u16, &[u8])> {
    let (header, frame) = packet.split_first_chunk::<HEADER_BYTES>()?;
    Some((reason(header[0])?, u16::from_be_bytes([header[2], header[3]]), frame))
}

/// What stands before a frame on its way out.
pub(super) fn packet_out(way: Way) -> [u8; HEADER_BYTES] {
    let (mode, port) = match way {
        Way::Route => (ROUTE, 0),
        Way::Port(port) => (PORT, port),
    };
    let port: [u8; 2] = port.to_be_bytes();
    [mode, 0, port[0], port[1], 0, 0, 0, 0]
}

fn reason(number: u8) -> Option<Reason> {
    const ALL: [Reason; 11] = [
        Reason::Delivered,
        Reason::Mirror,
        Reason::Unserved,
        Reason::Tracked,
        Reason::Lease,
        Reason::Held,
        Reason::Alloc,
        Reason::Free,
        Reason::Control,
        Reason::Stranger,
        Reason::Fenced,
    ];
    ALL.into_iter().find(|reason| *reason as u8 == number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_in_tells_reason_port_and_frame() {
        let packet = [5, 0, 1, 2, 0, 0, 0, 3, 7, 8, 9];
        assert_eq!(packet_in(&packet), Some((Reason::Lease, 0x102, &[7, 8, 9][..])));
        for number in 1..=11 {
            assert_eq!(packet_in(&[number, 0, 0, 0, 0, 0, 0, 0]).map(|(reason, ..)| reason as u8), Some(number));
        }
    }

    #[test]
    fn what_is_no_packet_in_is_none() {
        assert_eq!(packet_in(&[5; 7]), None);
        assert_eq!(packet_in(&[0; 8]), None);
        assert_eq!(packet_in(&[12; 8]), None);
    }

    #[test]
    fn a_packet_out_says_how_the_frame_leaves() {
        assert_eq!(packet_out(Way::Route), [0; 8]);
        assert_eq!(packet_out(Way::Port(0x1fd)), [1, 0, 1, 0xfd, 0, 0, 0, 0]);
    }
}
