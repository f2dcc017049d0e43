//! Links that route by pointers: each packet of a memory session goes to, or comes from, the address that its first
//! pointer is, so that a switch can tell by the address what the packet may do.

use super::Endpoint;
use super::checks::Check;
use super::datagrams::{Datagrams, Transmit};
use super::link::Link;
use super::memory::is_memory;
use crate::wire::{Flags, Header, Pointer};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Where a memory server takes packets with this pointer.
pub(super) fn place(pointer: Pointer, port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V6(pointer.address()), port)
}

/// The address that a packet of a memory server comes from.
pub(super) fn source_of(datagram: &[u8]) -> Option<Ipv6Addr> {
    let header = Header::parse(datagram).ok()?;
    let is_answer = is_memory(&header) && !header.flags.has(Flags::TO_CALLEE);
    is_answer.then(|| Pointer::from_bytes(header.pointer).address())
}

impl Endpoint {
    /// Whether an address is a pointer. Only packets with that pointer come from there: it is no address to answer from.
    pub(super) fn is_pointer(&self, address: Ipv6Addr) -> bool {
        self.config.native && Pointer::from_bytes(address.octets()).is_routable()
    }

    /// Whether a packet came to, or from, the address that its pointer is.
    pub(super) fn is_in_place(&self, from: SocketAddr, local: Option<Ipv6Addr>, header: &Header) -> bool {
        if !self.config.native || !is_memory(header) || !self.config.makes(Check::PointerAddress) {
            return true;
        }
        let pointer = Pointer::from_bytes(header.pointer).address();
        match header.flags.has(Flags::TO_CALLEE) {
            true => local == Some(pointer),
            false => from.ip() == IpAddr::V6(pointer),
        }
    }
}

impl Link {
    /// The pointer whose address a packet goes to or comes from; none on links that do not care.
    pub(super) fn route(&self, pointer: Option<Pointer>) -> Option<Pointer> {
        if self.is_native { pointer.or(self.root) } else { None }
    }

    /// Where a batch goes, and where it comes from.
    pub(super) fn address(&self, out: &Datagrams) -> Transmit {
        match out.route() {
            Some(pointer) if self.is_caller => out.transmit(place(pointer, self.peer.port())),
            Some(pointer) => Transmit { from: Some(pointer.address()), ..out.transmit(self.peer) },
            None => Transmit { from: self.local, ..out.transmit(self.peer) },
        }
    }

    /// Whether a packet comes from the peer.
    pub(super) fn is_from(&self, from: SocketAddr, header: &Header) -> bool {
        let Some(root) = self.root.filter(|_| self.is_native) else { return self.peer == from };
        let pointer = Pointer::from_bytes(header.pointer);
        let sender = if self.is_caller { place(pointer, self.peer.port()) } else { self.peer };
        is_memory(header) && pointer.root() == root && sender == from
    }

    /// Whether what is sent to `to` goes to the peer.
    pub(super) fn reaches(&self, to: SocketAddr) -> bool {
        let root = self.root.filter(|_| self.is_native && self.is_caller);
        match (root, to.ip()) {
            (Some(root), IpAddr::V6(to)) => Pointer::from_bytes(to.octets()).root() == root,
            _ => self.peer == to,
        }
    }
}
