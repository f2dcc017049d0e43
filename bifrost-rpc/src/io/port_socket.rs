//! The socket under an endpoint: one of the kernel's, or one on a link.

use super::link::{LinkSocket, Reports};
use super::{Received, Socket};
use crate::endpoint::{Datagrams, Transmit};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// A socket under an endpoint.
#[derive(Debug)]
pub(crate) enum PortSocket {
    /// The kernel makes the frames.
    Kernel(Socket),
    /// This crate makes them.
    Link(LinkSocket),
}

impl From<Socket> for PortSocket {
    fn from(socket: Socket) -> Self {
        Self::Kernel(socket)
    }
}

impl From<LinkSocket> for PortSocket {
    fn from(socket: LinkSocket) -> Self {
        Self::Link(socket)
    }
}

impl PortSocket {
    /// Of a link's: what its endpoints report to the control plane.
    pub(crate) fn reports(&self) -> Option<&Reports> {
        match self {
            Self::Kernel(_) => None,
            Self::Link(socket) => Some(socket.reports()),
        }
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Kernel(socket) => socket.local_addr(),
            Self::Link(socket) => Ok(socket.local_addr()),
        }
    }

    /// Bytes that can wait in front of the socket.
    pub(crate) fn receive_buffer_bytes(&self) -> usize {
        match self {
            Self::Kernel(socket) => socket.receive_buffer_bytes(),
            Self::Link(socket) => socket.receive_buffer_bytes(),
        }
    }

    /// The largest datagram.
    pub(crate) fn datagram_bytes(&self) -> u16 {
        match self {
            Self::Kernel(socket) => socket.datagram_bytes(),
            Self::Link(socket) => socket.datagram_bytes(),
        }
    }

    pub(crate) fn segments_max(&self) -> usize {
        match self {
            Self::Kernel(socket) => socket.segments_max(),
            Self::Link(socket) => socket.segments_max(),
        }
    }

    /// Blocking receives of a kernel's socket return after this time. Those of a link's do after some milliseconds where they cannot be
    /// woken.
    pub(crate) fn set_receive_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        match self {
            Self::Kernel(socket) => socket.set_receive_timeout(timeout),
            Self::Link(_) => Ok(()),
        }
    }

    /// Whether [`PortSocket::wake`] ends a blocked receive.
    pub(crate) fn can_wake(&self) -> bool {
        match self {
            Self::Kernel(socket) => socket.can_wake(),
            Self::Link(socket) => socket.can_wake(),
        }
    }

    /// Ends a blocked receive of a socket that can do that.
    pub(crate) fn wake(&self) {
        match self {
            Self::Kernel(socket) => socket.wake(),
            Self::Link(socket) => socket.wake(),
        }
    }

    /// The same where that has not helped.
    pub(crate) fn wake_for_good(&self) {
        match self {
            Self::Kernel(socket) => socket.wake_for_good(),
            Self::Link(socket) => socket.wake_for_good(),
        }
    }

    /// The one peer, if there is only one.
    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        match self {
            Self::Kernel(socket) => socket.peer(),
            Self::Link(socket) => socket.peer(),
        }
    }

    /// Ends every blocked receive, now and from now on.
    pub(crate) fn shut_down(&self) {
        match self {
            Self::Kernel(socket) => socket.shut_down(),
            Self::Link(socket) => socket.shut_down(),
        }
    }

    /// What can be polled for readability, if there is such a thing.
    pub(crate) fn as_fd(&self) -> Option<i32> {
        match self {
            Self::Kernel(socket) => Some(socket.raw_fd()),
            Self::Link(socket) => socket.as_fd(),
        }
    }

    /// Whether nothing waits to be received, as far as can be told without taking it.
    pub(crate) fn is_silent(&self) -> bool {
        match self {
            Self::Kernel(socket) => socket.is_silent(),
            Self::Link(_) => false,
        }
    }

    /// Waits for datagrams.
    #[inline(always)]
    pub(crate) fn receive(&self, into: &mut [u8]) -> io::Result<Received> {
        match self {
            Self::Kernel(socket) => socket.receive(into),
            Self::Link(socket) => socket.receive(into, true),
        }
    }

    /// Whether it can receive into a lent place ([`Landing`](crate::endpoint::Landing)).
    pub(crate) fn takes_places(&self) -> bool {
        matches!(self, Self::Kernel(socket) if socket.takes_places())
    }

    /// Datagrams dropped because they are not one packet each, where they have to be. Those of a link are the link's.
    pub(crate) fn odd(&self) -> u64 {
        match self {
            Self::Kernel(socket) => socket.odd(),
            Self::Link(_) => 0,
        }
    }

    /// Takes datagrams that are there, without waiting.
    pub(crate) fn try_receive(&self, into: &mut [u8]) -> io::Result<Received> {
        match self {
            Self::Kernel(socket) => socket.try_receive(into),
            Self::Link(socket) => socket.receive(into, false),
        }
    }

    /// Sends a batch; `false`: its datagrams are too large for the link.
    #[inline(always)]
    pub(crate) fn send(&self, transmit: &Transmit, datagrams: &Datagrams) -> bool {
        match self {
            Self::Kernel(socket) => socket.send(transmit, datagrams),
            Self::Link(socket) => socket.send(transmit, datagrams),
        }
    }
}
