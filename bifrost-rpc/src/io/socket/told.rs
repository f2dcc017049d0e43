//! What a receive tells: how many bytes, where from, where to, and what of it was one datagram.

use super::super::single::keep_single;
use super::{Received, Socket};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg};
use std::io;
use std::net::{Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::sync::atomic::Ordering;

/// What a receive brought, with all that the kernel tells of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::io) struct Told {
    pub(in crate::io) received: Received,
    /// Bytes of each datagram but the last, which may be shorter.
    pub(in crate::io) segment_bytes: usize,
}

impl Socket {
    /// Receives; tells what of it was one datagram, and, of a socket that was bound so, to which address it was sent.
    ///
    /// # Errors
    ///
    /// As [`Socket::receive`].
    pub(in crate::io) fn receive_told(&self, into: &mut [u8], flags: MsgFlags) -> io::Result<Told> {
        let mut slices = [io::IoSliceMut::new(into)];
        let mut control = nix::cmsg_space!(nix::libc::in6_pktinfo, i32);
        let got = recvmsg::<SockaddrStorage>(self.inner.as_raw_fd(), &mut slices, Some(&mut control), flags);
        let (mut local, mut segment_bytes) = (None, None);
        // What is not told was not joined.
        for message in got.iter().filter_map(|got| got.cmsgs().ok()).flatten() {
            match message {
                ControlMessageOwned::Ipv6PacketInfo(info) => local = Some(Ipv6Addr::from(info.ipi6_addr.s6_addr)),
                ControlMessageOwned::UdpGroSegments(bytes) => segment_bytes = usize::try_from(bytes).ok(),
                _ => {}
            }
        }
        // A connected socket's peer is told, too.
        Ok(match addressed(got.map(|got| (got.bytes, got.address)))? {
            Received::Bytes(bytes, from, _) => {
                Told { received: Received::Bytes(bytes, from, local), segment_bytes: segment_bytes.unwrap_or(bytes) }
            }
            received => Told { received, segment_bytes: 0 },
        })
    }

    /// Receives only datagrams that are one packet each.
    pub(super) fn receive_single(&self, into: &mut [u8], flags: MsgFlags) -> io::Result<Received> {
        let Told { received, segment_bytes } = self.receive_told(into, flags)?;
        let Received::Bytes(bytes, from, local) = received else { return Ok(received) };
        let (kept, odd) = keep_single(into.get_mut(..bytes).unwrap_or_default(), segment_bytes);
        self.odd.fetch_add(odd, Ordering::Relaxed);
        Ok(Received::Bytes(kept, from, local))
    }
}

/// A receive that was ended by [`Socket::shut_down`] has no address.
pub(super) fn addressed(got: nix::Result<(usize, Option<SockaddrStorage>)>) -> io::Result<Received> {
    match got {
        Ok((bytes, from)) => {
            let from = from.and_then(|from| socket_addr(&from));
            Ok(from.map_or(Received::Ended, |from| Received::Bytes(bytes, from, None)))
        }
        Err(error) => received(Err(error.into())),
    }
}

fn socket_addr(from: &SockaddrStorage) -> Option<SocketAddr> {
    let v6 = from.as_sockaddr_in6().map(|v6| SocketAddr::from(std::net::SocketAddrV6::from(*v6)));
    v6.or_else(|| from.as_sockaddr_in().map(|v4| SocketAddr::from(std::net::SocketAddrV4::from(*v4))))
}

#[inline(never)]
pub(super) fn received(result: io::Result<(usize, SocketAddr)>) -> io::Result<Received> {
    use io::ErrorKind as Kind;
    match result {
        Ok((bytes, from)) => Ok(Received::Bytes(bytes, from, None)),
        Err(error)
            if matches!(
                error.kind(),
                Kind::WouldBlock
                    | Kind::TimedOut
                    | Kind::Interrupted
                    | Kind::ConnectionRefused
                    | Kind::ConnectionReset
                    | Kind::HostUnreachable
                    | Kind::NetworkUnreachable
                    | Kind::OutOfMemory
            ) || error.raw_os_error() == Some(nix::libc::EMSGSIZE) =>
        {
            Ok(Received::Nothing)
        }
        Err(error) => Err(error),
    }
}
