//! A node, as far as tests need one.

use super::*;

/// A node as a test moves it.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) announce: Announce,
    pub(super) port: u16,
    pub(super) mac: [u8; 6],
    pub(super) key: Option<Key>,
    pub(super) incarnation: u32,
    pub(super) number: u64,
}

impl Node {
    pub(super) fn new(n: u8) -> Self {
        let announce = Announce {
            nonce: [n; 16],
            token: None,
            name: format!("n{n}"),
            kind: NodeKind::Compute,
            capacity: 4,
            specification: String::new(),
            addresses: vec![address(n)],
            owns_service_addresses: true,
            memory: None,
        };
        Self { announce, port: n.into(), mac: [2, 0, 0, 0, 0, n], key: None, incarnation: 0, number: 0 }
    }

    pub(super) fn memory(server: u8, boot: u32) -> Self {
        let root = Ipv6Addr::from(Pointer::new(0xfd, server, 0).to_bytes());
        let mut node = Self::new(100 + server);
        node.announce.name = format!("m{server}");
        node.announce.kind = NodeKind::Memory;
        node.announce.addresses = vec![root];
        node.announce.memory = Some(MemoryServer { server, boot });
        node
    }

    /// The same machine after a reboot.
    pub(super) fn reborn(&self) -> Self {
        let mut next = self.clone();
        next.announce.nonce[0] = next.announce.nonce[0].wrapping_add(100);
        next.announce.token = None;
        (next.incarnation, next.number) = (0, 0);
        next
    }

    pub(super) fn seal(&self) -> Option<ControlSeal> {
        let key = NodeKey::new(self.key.as_ref()?, &self.announce.name);
        Some(match self.incarnation {
            0 => key.announcing(),
            life => key.living(self.announce.addresses[0], life),
        })
    }

    pub(super) fn frame(&self, number: u64, message: ControlMessage) -> Vec<u8> {
        let addresses = FrameAddresses {
            source_mac: self.mac,
            destination_mac: SWITCH,
            source: self.announce.addresses[0],
            destination: gatekeeper_address(PREFIX),
            source_port: RACK_PORT,
            destination_port: RACK_PORT,
        };
        let packet = ControlPacket { number, incarnation: self.incarnation, message };
        packet.to_frame(&addresses, self.seal().as_ref().map(|seal| (seal, [9; 24])))
    }
}

pub(super) fn address(n: u8) -> Ipv6Addr {
    Ipv6Addr::from_bits(PREFIX.to_bits() | 0x5000 | u128::from(n))
}
