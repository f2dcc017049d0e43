//! A UDP socket of a node on a link, with the interface of one that the kernel has.

use super::binding::{Binding, Role};
use super::demux::Wait;
use super::slot::{Guest, INBOX_BYTES, Seat};
use super::{Link, Reports};
use crate::endpoint::{Datagrams, Transmit};
use crate::io::Received;
use crate::wire::frame::FrameAddresses;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::sync::{Mutex, PoisonError, Weak};

/// IPv6 and UDP headers.
const OVERHEAD: u16 = 48;
/// Ports that are tried for a socket that asks for none: on a native link others of the machine may have them.
const PORT_TRIES: usize = 64;

/// A socket on a link.
#[derive(Debug)]
pub(crate) struct LinkSocket {
    link: Link,
    seat: Seat,
    /// Memory for frames on their way out.
    sending: Mutex<Vec<u8>>,
}

impl LinkSocket {
    /// A client's socket, for one peer or, without one, for many.
    pub(crate) fn connect(link: &Link, peer: Option<SocketAddr>) -> io::Result<Self> {
        let address = link.address();
        let role = Role::Client;
        Self::open(link, Binding { role, port: 0, address, services: Vec::new(), takes_pointers: false, peer })
    }

    /// A server's socket, at the node's address and at those of its services; with `takes_pointers` also at those that are
    /// pointers to the memory that it serves. A guest's needs [`LinkSocket::set_guest`], too.
    pub(crate) fn bind(
        link: &Link,
        listen: SocketAddr,
        services: Vec<Ipv6Addr>,
        takes_pointers: bool,
        is_guest: bool,
    ) -> io::Result<Self> {
        let (ip, address) = (listen.ip(), link.address());
        if !ip.is_unspecified() && ip != IpAddr::V6(address) {
            let text = format!("the link's address is {address}: listen there, or at [::]");
            return Err(io::Error::new(io::ErrorKind::AddrNotAvailable, text));
        }
        let role = if is_guest { Role::Guest } else { Role::Server };
        Self::open(link, Binding { role, port: listen.port(), address, services, takes_pointers, peer: None })
    }

    fn open(link: &Link, binding: Binding) -> io::Result<Self> {
        let tries = if binding.port == 0 { PORT_TRIES } else { 1 };
        let mut taken = io::Error::from(io::ErrorKind::AddrInUse);
        for _ in 0..tries {
            let seat = link.0.demux.open(binding.clone())?;
            match link.0.carrier.bind(seat.binding.port) {
                Ok(()) => return Ok(Self { link: link.clone(), seat, sending: Mutex::default() }),
                Err(error) => taken = error,
            }
            link.0.demux.close(&seat);
        }
        Err(taken)
    }

    /// If it is a guest's: has what comes taken in by other servers' threads, too.
    pub(crate) fn set_guest(&self, guest: Weak<dyn Guest>) {
        self.link.0.demux.set_guest(&self.seat, guest);
    }

    pub(crate) fn reports(&self) -> &Reports {
        self.link.reports()
    }

    pub(crate) fn local_addr(&self) -> SocketAddr {
        let binding = &self.seat.binding;
        SocketAddrV6::new(binding.address, binding.port, 0, 0).into()
    }

    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        self.seat.binding.peer
    }

    pub(crate) fn datagram_bytes(&self) -> u16 {
        self.link.mtu().saturating_sub(OVERHEAD)
    }

    pub(crate) fn segments_max(&self) -> usize {
        self.link.0.carrier.segments_max(self.datagram_bytes().into())
    }

    /// What can wait for this socket: in the carrier, which others share, and then in its own queue.
    pub(crate) fn receive_buffer_bytes(&self) -> usize {
        self.link.0.carrier.receive_buffer_bytes().min(INBOX_BYTES)
    }

    pub(crate) fn as_fd(&self) -> Option<i32> {
        self.link.0.carrier.as_fd()
    }

    pub(crate) fn shut_down(&self) {
        if self.link.0.demux.shut_down(&self.seat) {
            self.link.0.carrier.wake();
        }
    }

    /// Whether [`LinkSocket::wake`] ends a receive that waits. Where it does not, each returns after some milliseconds.
    pub(crate) fn can_wake(&self) -> bool {
        self.link.0.demux.can_wake()
    }

    /// Ends a receive that waits, or else the next one: it brings nothing.
    pub(crate) fn wake(&self) {
        if self.link.0.demux.wake(&self.seat) {
            self.link.0.carrier.wake();
        }
    }

    /// The same where that has not helped.
    pub(crate) fn wake_for_good(&self) {
        if self.link.0.demux.wake(&self.seat) {
            self.link.0.carrier.wake_for_good();
        }
    }

    /// Takes datagrams in, all of one sender; waits for them if `may_wait`.
    pub(crate) fn receive(&self, into: &mut [u8], may_wait: bool) -> io::Result<Received> {
        let wait = if may_wait { Wait::Long } else { Wait::No };
        let lead = |into: &mut [u8]| self.link.lead(&self.seat, into, wait);
        self.link.0.demux.receive(&self.seat, into, may_wait, lead)
    }

    /// Sends a batch; `false`: its datagrams are too large for the link.
    pub(crate) fn send(&self, transmit: &Transmit, datagrams: &Datagrams) -> bool {
        let SocketAddr::V6(to) = transmit.to else { return true };
        // Nothing of a life that has ended goes out any more.
        if self.seat.is_failed() {
            return true;
        }
        let (place, binding) = (&self.link.0.place, &self.seat.binding);
        let addresses = FrameAddresses {
            source_mac: place.mac,
            destination_mac: place.switch_mac,
            source: transmit.from.unwrap_or(binding.address),
            destination: *to.ip(),
            source_port: binding.port,
            destination_port: to.port(),
        };
        if transmit.segment_bytes > usize::from(self.datagram_bytes()) {
            return false;
        }
        let mut out = self.sending.lock().unwrap_or_else(PoisonError::into_inner);
        self.link.0.carrier.send(&addresses, datagrams, transmit.segment_bytes, &mut out)
    }
}

impl Drop for LinkSocket {
    fn drop(&mut self) {
        self.link.0.carrier.unbind(self.seat.binding.port);
        self.link.0.demux.close(&self.seat);
    }
}
