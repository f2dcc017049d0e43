//! The tunnel between a node and the switch: whole Ethernet frames in UDP datagrams, and the messages by which a node
//! attaches. `docs/tunnel.md` is the normative text.

use super::frame::Mac;
use super::{Cursor, WireError};
use std::net::Ipv6Addr;

/// Bytes of the header before a frame or a message.
pub const TUNNEL_HEADER_BYTES: usize = 8;
/// What a link's MTU is less than that of the path which its tunnel takes: IPv6, UDP, this header, Ethernet.
pub const TUNNEL_OVERHEAD_BYTES: usize = 40 + 8 + TUNNEL_HEADER_BYTES + super::frame::ETHERNET_BYTES;
/// Bytes of a node's name at most.
pub const NODE_NAME_BYTES_MAX: usize = 63;

/// The first byte of every datagram of a tunnel.
const IDENTIFIER: u8 = 0xB7;
const VERSION: u8 = 1;
/// Bytes of a node's nonce.
pub const NODE_NONCE_BYTES: usize = 16;
/// Bytes of the switch's.
pub const COOKIE_BYTES: usize = 24;

/// What follows a tunnel's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum TunnelKind {
    /// An Ethernet frame.
    Frame = 0,
    /// A node asks to be attached.
    Attach = 1,
    /// The switch asks it to prove that it is there.
    Challenge = 2,
    /// The node is attached.
    Attached = 3,
    /// It is not.
    Refused = 4,
    /// The node is still there.
    Keep = 5,
    /// So is the switch, and the attachment.
    Kept = 6,
    /// The attachment has ended.
    Detach = 7,
}

impl TunnelKind {
    const ALL: [Self; 8] = [
        Self::Frame,
        Self::Attach,
        Self::Challenge,
        Self::Attached,
        Self::Refused,
        Self::Keep,
        Self::Kept,
        Self::Detach,
    ];
}

/// The header of a frame or a message in a tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TunnelHeader {
    /// What follows.
    pub kind: TunnelKind,
    /// Bytes of it.
    pub length: u16,
    /// The attachment, 0 before there is one.
    pub attachment: u32,
}

impl TunnelHeader {
    /// The header on the wire.
    #[must_use]
    pub fn to_bytes(self) -> [u8; TUNNEL_HEADER_BYTES] {
        let [l0, l1] = self.length.to_be_bytes();
        let [a0, a1, a2, a3] = self.attachment.to_be_bytes();
        [IDENTIFIER, VERSION << 4 | self.kind as u8, l0, l1, a0, a1, a2, a3]
    }

    /// Takes the first frame or message off a datagram, or off several that the kernel joined: lengths tell them apart.
    ///
    /// # Errors
    ///
    /// What follows is none: the rest is to be dropped.
    pub fn take<'a>(datagram: &mut &'a [u8]) -> Result<(Self, &'a [u8]), WireError> {
        let mut from = Cursor::new(datagram, TUNNEL_HEADER_BYTES)?;
        if from.u8() != IDENTIFIER {
            return Err(WireError::Field("tunnel identifier"));
        }
        let byte = from.u8();
        let (version, kind) = (byte >> 4, byte & 0xf);
        if version != VERSION {
            return Err(WireError::Version(version));
        }
        let kind = TunnelKind::ALL.get(usize::from(kind)).copied().ok_or(WireError::Type(kind))?;
        let (length, attachment) = (from.u16(), from.u32());
        let need = TUNNEL_HEADER_BYTES + usize::from(length);
        let (taken, rest) = datagram.split_at_checked(need).ok_or(WireError::Short { got: datagram.len(), need })?;
        *datagram = rest;
        Ok((Self { kind, length, attachment }, &taken[TUNNEL_HEADER_BYTES..]))
    }
}

/// Who asks to be attached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// Whoever is to be at this port.
    Port(u16),
    /// The node of this name, of 1 to 63 bytes.
    Node(String),
}

/// The body of ATTACH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachBody {
    /// Drawn for this attachment.
    pub nonce: [u8; NODE_NONCE_BYTES],
    /// What the switch's CHALLENGE brought; zeros before it.
    pub cookie: [u8; COOKIE_BYTES],
    /// Who asks.
    pub identity: Identity,
    /// Bytes of a frame, less its Ethernet header, that the node can take at most.
    pub mtu: u16,
}

const NO_PORT: u16 = u16::MAX;
const ATTACH_BYTES: usize = NODE_NONCE_BYTES + COOKIE_BYTES + 2 + 2 + 1 + 3 + 64;

impl AttachBody {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let (port, name) = match &self.identity {
            Identity::Port(port) => (*port, ""),
            Identity::Node(name) => (NO_PORT, name.as_str()),
        };
        let mut out = [&self.nonce[..], &self.cookie, &port.to_be_bytes(), &self.mtu.to_be_bytes()].concat();
        let name = &name.as_bytes()[..name.len().min(NODE_NAME_BYTES_MAX)];
        out.extend_from_slice(&[u8::try_from(name.len()).unwrap_or(0), 0, 0, 0]);
        out.extend_from_slice(name);
        // Always of one length, and longer than the CHALLENGE that it brings about.
        out.resize(ATTACH_BYTES, 0);
        out
    }

    pub(crate) fn parse(body: &[u8]) -> Result<Self, WireError> {
        let mut from = Cursor::new(body, ATTACH_BYTES)?;
        let (nonce, cookie, port, mtu) = (from.array(), from.array(), from.u16(), from.u16());
        let name_len = usize::from(from.u8());
        let _reserved: [u8; 3] = from.array();
        let name: [u8; 64] = from.array();
        let identity = match (port, name_len) {
            (NO_PORT, 1..=NODE_NAME_BYTES_MAX) => {
                let name = str::from_utf8(&name[..name_len]).map_err(|_| WireError::Field("node name"))?;
                Identity::Node(name.to_owned())
            }
            (NO_PORT, _) => return Err(WireError::Field("node name")),
            (port, _) => Identity::Port(port),
        };
        Ok(Self { nonce, cookie, identity, mtu })
    }
}

/// The body of CHALLENGE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChallengeBody {
    /// The node's.
    pub nonce: [u8; NODE_NONCE_BYTES],
    /// To be sent back in another ATTACH.
    pub cookie: [u8; COOKIE_BYTES],
}

impl ChallengeBody {
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        [&self.nonce[..], &self.cookie].concat()
    }

    pub(crate) fn parse(body: &[u8]) -> Result<Self, WireError> {
        let mut from = Cursor::new(body, NODE_NONCE_BYTES + COOKIE_BYTES)?;
        Ok(Self { nonce: from.array(), cookie: from.array() })
    }
}

/// What the switch tells a node of its place in the rack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seat {
    /// The node's port.
    pub port: u16,
    /// Bytes of a frame, less its Ethernet header, at most.
    pub mtu: u16,
    /// The node's Ethernet address; zeros where the switch does not say.
    pub mac: Mac,
    /// The switch's own Ethernet address, to which nodes send; zeros where it does not say.
    pub switch_mac: Mac,
    /// The node's address in the rack; `::` where the switch does not say.
    pub address: Ipv6Addr,
}

/// The body of ATTACHED.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttachedBody {
    /// The node's.
    pub nonce: [u8; NODE_NONCE_BYTES],
    /// That of the ATTACH which this answers.
    pub cookie: [u8; COOKIE_BYTES],
    /// Time after which the switch forgets a node that sends no KEEP, in ms.
    pub lease_ms: u32,
    /// The node's place.
    pub seat: Seat,
}

const ATTACHED_BYTES: usize = NODE_NONCE_BYTES + COOKIE_BYTES + 4 + 2 + 2 + 6 + 6 + 16;

impl AttachedBody {
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let Seat { port, mtu, mac, switch_mac, address } = self.seat;
        let (lease, port, mtu) = (self.lease_ms.to_be_bytes(), port.to_be_bytes(), mtu.to_be_bytes());
        [&self.nonce[..], &self.cookie, &lease, &port, &mtu, &mac, &switch_mac, &address.octets()].concat()
    }

    pub(crate) fn parse(body: &[u8]) -> Result<Self, WireError> {
        let mut from = Cursor::new(body, ATTACHED_BYTES)?;
        let (nonce, cookie, lease_ms) = (from.array(), from.array(), from.u32());
        let (port, mtu) = (from.u16(), from.u16());
        let (mac, switch_mac, address) = (from.array(), from.array(), from.array::<16>().into());
        Ok(Self { nonce, cookie, lease_ms, seat: Seat { port, mtu, mac, switch_mac, address } })
    }
}

/// The body of the other messages: to which attachment it belongs, and a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoteBody {
    /// The node's nonce.
    pub nonce: [u8; NODE_NONCE_BYTES],
    /// KEEP: rises with each. KEPT: that of the KEEP. DETACH, REFUSED: why.
    pub number: u64,
}

impl NoteBody {
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        [&self.nonce[..], &self.number.to_be_bytes()].concat()
    }

    pub(crate) fn parse(body: &[u8]) -> Result<Self, WireError> {
        let mut from = Cursor::new(body, NODE_NONCE_BYTES + 8)?;
        Ok(Self { nonce: from.array(), number: from.u64() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn joined_datagrams_are_taken_apart() {
        let first = TunnelHeader { kind: TunnelKind::Frame, length: 3, attachment: 0x0102_0304 };
        assert_eq!(first.to_bytes(), [0xB7, 0x10, 0, 3, 1, 2, 3, 4]);
        let second = TunnelHeader { kind: TunnelKind::Keep, length: 0, attachment: 7 };
        let bytes = [&first.to_bytes()[..], b"abc", &second.to_bytes()].concat();
        let mut rest = &bytes[..];
        assert_eq!(TunnelHeader::take(&mut rest), Ok((first, &b"abc"[..])));
        assert_eq!(TunnelHeader::take(&mut rest), Ok((second, &b""[..])));
        assert_eq!(TunnelHeader::take(&mut rest), Err(WireError::Short { got: 0, need: 8 }));
    }

    #[test]
    fn foreign_datagrams_are_told_apart() {
        let bytes = TunnelHeader { kind: TunnelKind::Frame, length: 2, attachment: 0 }.to_bytes();
        let with = |at: usize, byte: u8| {
            let mut other = [&bytes[..], &[0; 2]].concat();
            other[at] = byte;
            TunnelHeader::take(&mut &other[..]).map(|_| ()).unwrap_err()
        };
        assert_eq!(with(0, 0xB1), WireError::Field("tunnel identifier"));
        assert_eq!(with(1, 0x20), WireError::Version(2));
        assert_eq!(with(1, 0x1F), WireError::Type(15));
        assert_eq!(with(3, 3), WireError::Short { got: 10, need: 11 });
    }

    #[test]
    fn a_challenge_is_no_longer_than_what_brings_it_about() {
        let body = AttachBody { nonce: [1; 16], cookie: [0; 24], identity: Identity::Port(1), mtu: 1500 }.to_bytes();
        let challenge = ChallengeBody { nonce: [1; 16], cookie: [2; 24] }.to_bytes();
        assert!(challenge.len() <= body.len());
    }

    proptest! {
        #[test]
        fn bodies_are_written_and_read(nonce: [u8; 16], cookie: [u8; 24], port in 0u16..NO_PORT, name in "[a-z0-9.-]{1,63}", mtu: u16, lease_ms: u32, mac: [u8; 6], address: u128, number: u64) {
            for identity in [Identity::Port(port), Identity::Node(name)] {
                let body = AttachBody { nonce, cookie, identity, mtu };
                prop_assert_eq!(AttachBody::parse(&body.to_bytes()), Ok(body));
            }
            let body = ChallengeBody { nonce, cookie };
            prop_assert_eq!(ChallengeBody::parse(&body.to_bytes()), Ok(body));
            let seat = Seat { port, mtu, mac, switch_mac: mac, address: address.into() };
            let body = AttachedBody { nonce, cookie, lease_ms, seat };
            prop_assert_eq!(AttachedBody::parse(&body.to_bytes()), Ok(body));
            let body = NoteBody { nonce, number };
            prop_assert_eq!(NoteBody::parse(&body.to_bytes()), Ok(body));
        }

        #[test]
        fn any_bytes_are_parsed_or_refused(mut bytes in prop::collection::vec(any::<u8>(), 0..200), looks_right: bool) {
            if looks_right && bytes.len() > 4 {
                (bytes[0], bytes[1], bytes[2]) = (IDENTIFIER, 0x10 | (bytes[1] & 7), 0);
            }
            let _ = TunnelHeader::take(&mut &bytes[..]);
            let _ = AttachBody::parse(&bytes);
            let _ = ChallengeBody::parse(&bytes);
            let _ = AttachedBody::parse(&bytes);
            let _ = NoteBody::parse(&bytes);
        }
    }
}
