//! What a socket of a link takes in.

use crate::wire::frame::FrameAddresses;
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};

/// Who has a socket of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Client,
    /// A thread of it receives all the time.
    Server,
    /// A server that lets other servers' threads take in what is for it.
    Guest,
}

/// What a socket of a link takes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binding {
    pub(super) role: Role,
    pub(super) port: u16,
    /// The node's own address.
    pub(super) address: Ipv6Addr,
    /// Further addresses, in order.
    pub(super) services: Vec<Ipv6Addr>,
    /// Whether addresses that are pointers are taken: the switch brings those of the server's own.
    pub(super) takes_pointers: bool,
    /// The one peer, if there is only one.
    pub(super) peer: Option<SocketAddr>,
}

impl Binding {
    /// Whether a datagram is for it.
    pub(super) fn takes(&self, addresses: &FrameAddresses) -> bool {
        let to = addresses.destination;
        addresses.destination_port == self.port
            && self.peer.is_none_or(|peer| peer == sender(addresses))
            && (to == self.address
                || self.services.binary_search(&to).is_ok()
                || (self.takes_pointers && is_pointer(to)))
    }
}

/// Where a frame's datagram comes from.
pub(super) fn sender(addresses: &FrameAddresses) -> SocketAddr {
    SocketAddrV6::new(addresses.source, addresses.source_port, 0, 0).into()
}

/// Whether an address has the form of a pointer: four zero bytes, then the prefix of the rack's memory.
fn is_pointer(address: Ipv6Addr) -> bool {
    let bytes = address.octets();
    bytes[..4] == [0; 4] && bytes[4] != 0
}
