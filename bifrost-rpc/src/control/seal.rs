//! The keys that CONTROL packets are sealed under.

use crate::endpoint::{Key, OPEN_NONCE_BYTES, OpenSeal, TAG_BYTES, derive};
use crate::wire::control::{NAME_BYTES_MAX, SEAL_BYTES_MAX};
use std::net::Ipv6Addr;

/// Bytes of the random nonce of a sealed packet.
pub const CONTROL_NONCE_BYTES: usize = OPEN_NONCE_BYTES;
const _: () = assert!(1 + NAME_BYTES_MAX + OPEN_NONCE_BYTES + TAG_BYTES == SEAL_BYTES_MAX);

/// A node's own key, derived from the rack's: it is worth nothing to any other node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeKey {
    key: Key,
    name: String,
}

impl NodeKey {
    /// The key of the node of this name.
    #[must_use]
    pub fn new(rack: &Key, name: &str) -> Self {
        let key = Key(derive(&rack.0, b"", &[b"bifrost v1 node ", name.as_bytes()].concat()));
        Self { key, name: name.to_owned() }
    }

    /// What announcements and their answers are sealed with.
    #[must_use]
    pub fn announcing(&self) -> ControlSeal {
        ControlSeal { seal: OpenSeal::of(&self.key, b"bifrost v1 announce"), name: Some(self.name.clone()) }
    }

    /// The key of what the control plane says in sealed sessions of the life of this number, of the node that has this address as its first.
    #[must_use]
    pub fn in_sessions(&self, address: Ipv6Addr, incarnation: u32) -> Key {
        let life = [b"bifrost v1 sessions ", &address.octets()[..], &incarnation.to_be_bytes()].concat();
        Key(derive(&self.key.0, b"", &life))
    }

    /// What is used in the life of this number, of the node that has this address as its first.
    #[must_use]
    pub fn living(&self, address: Ipv6Addr, incarnation: u32) -> ControlSeal {
        let purpose = [b"bifrost v1 life ", &address.octets()[..], &incarnation.to_be_bytes()].concat();
        ControlSeal { seal: OpenSeal::of(&self.key, &purpose), name: None }
    }
}

/// Seals CONTROL packets between one node and the control plane, in both directions.
pub struct ControlSeal {
    seal: OpenSeal,
    /// The node's name, where it has to be read before the key is known.
    name: Option<String>,
}

impl std::fmt::Debug for ControlSeal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ControlSeal(…)")
    }
}

impl ControlSeal {
    /// Bytes that a sealed body has more than a plain one.
    pub(super) fn overhead(&self) -> usize {
        self.name.as_ref().map_or(0, |name| 1 + name.len()) + OPEN_NONCE_BYTES + TAG_BYTES
    }

    /// The sealed body; `None` where it is too long.
    pub(super) fn seal(&self, nonce: [u8; OPEN_NONCE_BYTES], header: &[u8], body: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(body.len() + self.overhead());
        if let Some(name) = &self.name {
            out.push(u8::try_from(name.len()).ok()?);
            out.extend_from_slice(name.as_bytes());
        }
        out.extend_from_slice(&self.seal.seal(nonce, header, body)?);
        Some(out)
    }

    /// The plain body of one without its name.
    pub(super) fn open(&self, header: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        self.seal.open(header, sealed)
    }
}
