//! A CONTROL packet: header, body, and the frame around them.

use super::{CONTROL_NONCE_BYTES, ControlSeal};
use crate::wire::control::{ControlMessage, NAME_BYTES_MAX};
use crate::wire::frame::{FrameAddresses, Sum};
use crate::wire::{Flags, HEADER_BYTES, Header, PacketType, RACK_PORT};

/// A CONTROL packet as its sender and its receiver see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlPacket {
    /// The number of the request, which its answer has too.
    pub number: u64,
    /// The node's incarnation, whichever way the packet goes; 0 in an announcement and in its answers.
    pub incarnation: u32,
    /// What is said.
    pub message: ControlMessage,
}

impl ControlPacket {
    /// The datagram, sealed if there is a seal and a nonce for it. No two packets may have the same nonce: it is drawn at random.
    #[must_use]
    pub fn to_datagram(&self, seal: Option<(&ControlSeal, [u8; CONTROL_NONCE_BYTES])>) -> Vec<u8> {
        let body = self.message.to_bytes();
        let overhead = seal.map_or(0, |(seal, _)| seal.overhead());
        let header = Header {
            flags: if seal.is_some() { Flags::SEALED } else { Flags::default() },
            rpc: self.number,
            incarnation: self.incarnation,
            // Messages are far shorter: `MESSAGE_BYTES_MAX`.
            body_len: u16::try_from(body.len() + overhead).unwrap_or(u16::MAX),
            ..Header::new(PacketType::Control)
        };
        let header = header.to_bytes();
        let body = match seal {
            // Only a body of many gigabytes cannot be sealed.
            Some((seal, nonce)) => seal.seal(nonce, &header, &body).unwrap_or_default(),
            None => body,
        };
        [&header[..], &body].concat()
    }

    /// The whole Ethernet frame. The ports are the rack's.
    #[must_use]
    pub fn to_frame(
        &self,
        addresses: &FrameAddresses,
        seal: Option<(&ControlSeal, [u8; CONTROL_NONCE_BYTES])>,
    ) -> Vec<u8> {
        let addresses = FrameAddresses { source_port: RACK_PORT, destination_port: RACK_PORT, ..*addresses };
        let datagram = self.to_datagram(seal);
        let mut sum = Sum::default();
        sum.add(&datagram);
        // No message is as long as to have no header.
        let headers = addresses.headers(datagram.len(), sum);
        headers.map_or_else(Vec::new, |headers| [&headers[..], &datagram].concat())
    }
}

/// A CONTROL packet that has come and is not read yet.
#[derive(Debug, Clone, Copy)]
pub struct SealedControl<'a> {
    /// As in [`ControlPacket`].
    pub number: u64,
    /// As in [`ControlPacket`]: whose key it is under, with the address that it comes from or goes to.
    pub incarnation: u32,
    /// Of a sealed packet without an incarnation, the node whose key it claims to be under.
    pub name: Option<&'a str>,
    /// Whether it is sealed.
    pub is_sealed: bool,
    header: &'a [u8],
    body: &'a [u8],
}

impl<'a> SealedControl<'a> {
    /// Takes a datagram apart; `None` if it is no CONTROL packet.
    #[must_use]
    pub fn parse(datagram: &'a [u8]) -> Option<Self> {
        let header = Header::parse(datagram).ok().filter(|header| header.kind == PacketType::Control)?;
        let (head, rest) = datagram.split_at(HEADER_BYTES);
        let mut body = rest.get(..usize::from(header.body_len))?;
        let is_sealed = header.flags.has(Flags::SEALED);
        let mut name = None;
        if is_sealed && header.incarnation == 0 {
            let (length, rest) = body.split_first().filter(|(length, _)| usize::from(**length) <= NAME_BYTES_MAX)?;
            let (text, rest) = rest.split_at_checked(usize::from(*length))?;
            name = Some(std::str::from_utf8(text).ok()?);
            body = rest;
        }
        let (number, incarnation) = (header.rpc, header.incarnation);
        Some(Self { number, incarnation, name, is_sealed, header: head, body })
    }

    /// Takes a frame apart; `None` if it holds no CONTROL packet between the rack's ports.
    #[must_use]
    pub fn of_frame(frame: &'a [u8]) -> Option<(FrameAddresses, Self)> {
        let (addresses, datagram) = FrameAddresses::parse(frame).ok()?;
        let ports = (addresses.source_port, addresses.destination_port);
        let packet = Self::parse(datagram).filter(|_| ports == (RACK_PORT, RACK_PORT))?;
        Some((addresses, packet))
    }

    /// Reads it: with a seal, what was sealed by the same, and without one what is not sealed. `None` is everything else.
    #[must_use]
    pub fn open(&self, seal: Option<&ControlSeal>) -> Option<ControlPacket> {
        let message = match (seal, self.is_sealed) {
            (Some(seal), true) => ControlMessage::parse(&seal.open(self.header, self.body)?),
            (None, false) => ControlMessage::parse(self.body),
            _ => return None,
        };
        let message = message.ok()?;
        // The key is the name's: only whoever has it can have said so, and of nobody else.
        if let (ControlMessage::Announce(announce), Some(name)) = (&message, self.name)
            && announce.name != name
        {
            return None;
        }
        Some(ControlPacket { number: self.number, incarnation: self.incarnation, message })
    }
}

#[cfg(test)]
mod tests {
    use super::super::NodeKey;
    use super::*;
    use crate::endpoint::Key;
    use crate::wire::control::{Announce, NodeKind, gatekeeper_address};
    use proptest::prelude::*;
    use std::net::Ipv6Addr;

    const ADDRESS: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xb1f0, 0, 1, 0, 0, 0, 0x51);

    fn addresses() -> FrameAddresses {
        FrameAddresses {
            source_mac: [2, 0, 0, 0, 0, 1],
            destination_mac: [2, 0xb1, 0xf0, 0, 0, 1],
            source: ADDRESS,
            destination: gatekeeper_address(ADDRESS),
            source_port: RACK_PORT,
            destination_port: RACK_PORT,
        }
    }

    fn announce(name: &str) -> ControlPacket {
        let message = ControlMessage::Announce(Announce {
            nonce: [1; 16],
            token: None,
            name: name.into(),
            kind: NodeKind::Compute,
            capacity: 4,
            specification: String::new(),
            addresses: vec![ADDRESS],
            owns_service_addresses: true,
            memory: None,
        });
        ControlPacket { number: 0, incarnation: 0, message }
    }

    fn heartbeat() -> ControlPacket {
        ControlPacket { number: 9, incarnation: 3, message: ControlMessage::Heartbeat }
    }

    fn key(name: &str) -> NodeKey {
        NodeKey::new(&Key::from_bytes([7; 32]), name)
    }

    #[test]
    fn frames_are_read_as_they_were_made() {
        let frame = heartbeat().to_frame(&addresses(), None);
        let (found, packet) = SealedControl::of_frame(&frame).unwrap();
        assert_eq!((found, packet.is_sealed, packet.name), (addresses(), false, None));
        assert_eq!(packet.open(None), Some(heartbeat()));
        assert_eq!(packet.open(Some(&key("s1").living(ADDRESS, 3))), None, "not sealed where there is a key");
        let mut elsewhere = frame;
        elsewhere[55] ^= 1;
        assert!(SealedControl::of_frame(&elsewhere).is_none(), "another port");
    }

    #[test]
    fn an_announcement_says_whose_key_it_is_under() {
        let seal = key("s1").announcing();
        let frame = announce("s1").to_frame(&addresses(), Some((&seal, [5; 24])));
        let (_, packet) = SealedControl::of_frame(&frame).unwrap();
        assert_eq!(packet.name, Some("s1"));
        assert_eq!(packet.open(Some(&key("s1").announcing())), Some(announce("s1")));
        assert_eq!(packet.open(None), None, "sealed where there is no key");
    }

    #[test]
    fn a_node_announces_nobody_else() {
        let frame = announce("s2").to_frame(&addresses(), Some((&key("s1").announcing(), [5; 24])));
        let (_, packet) = SealedControl::of_frame(&frame).unwrap();
        assert_eq!(packet.open(Some(&key("s1").announcing())), None);
        assert_eq!(packet.open(Some(&key("s2").announcing())), None);
    }

    #[test]
    fn every_life_has_its_own_key() {
        let datagram = heartbeat().to_datagram(Some((&key("s1").living(ADDRESS, 3), [5; 24])));
        let packet = SealedControl::parse(&datagram).unwrap();
        assert_eq!((packet.incarnation, packet.number, packet.name), (3, 9, None));
        assert_eq!(packet.open(Some(&key("s1").living(ADDRESS, 3))), Some(heartbeat()));
        for seal in [
            key("s1").living(ADDRESS, 4),
            key("s1").living(gatekeeper_address(ADDRESS), 3),
            key("s2").living(ADDRESS, 3),
            key("s1").announcing(),
        ] {
            assert_eq!(packet.open(Some(&seal)), None);
        }
    }

    #[test]
    fn a_changed_packet_does_not_open() {
        let seal = key("s1").living(ADDRESS, 3);
        let datagram = heartbeat().to_datagram(Some((&seal, [5; 24])));
        // The number in the header, the nonce, the message, the tag.
        for at in [55, HEADER_BYTES, HEADER_BYTES + 24, datagram.len() - 1] {
            let mut changed = datagram.clone();
            changed[at] ^= 1;
            let packet = SealedControl::parse(&changed);
            assert_eq!(packet.and_then(|packet| packet.open(Some(&seal))), None, "byte {at}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(sealed: bool, incarnation in 0u32..2, body in prop::collection::vec(any::<u8>(), 0..200), says: u16) {
            let flags = if sealed { Flags::SEALED } else { Flags::default() };
            let body_len = if says % 2 == 0 { u16::try_from(body.len()).unwrap() } else { says };
            let header = Header { flags, incarnation, body_len, ..Header::new(PacketType::Control) };
            let datagram = [&header.to_bytes()[..], &body].concat();
            if let Some(packet) = SealedControl::parse(&datagram) {
                let _ = packet.open(None);
                prop_assert_eq!(packet.open(Some(&key("s1").announcing())), None);
            }
        }
    }
}
