//! A UDP socket as the transport needs it: batches out by one call (GSO, gathered), joined datagrams in (GRO).
//!
//! Packets carry their own length, so a buffer in which the kernel joined several is taken apart without the control
//! message that a gathering receive would cost: an ordinary `recv` is all the fast path needs. Only behind a switch it
//! matters what was one datagram ([`Socket::behind_switch`]).
//!
//! What a connected socket receives and sends takes no call of a function, down to the loop that does it again and again: the first
//! return after a system call, to a function that was called before it, costs half a microsecond where a processor is protected
//! against speculation by way of its returns.

mod told;
mod wake;

use crate::endpoint::{Datagrams, Transmit};
use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrStorage, recv, recvfrom, recvmsg, sendmsg, sendto, sockopt};
use rustix::net::{RecvFlags, SendFlags};
use socket2::{Domain, Protocol, Type};
use std::io::{self, IoSlice};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use told::{addressed, received};
use wake::Waking;

/// Bytes to receive into: the largest datagram, or the largest batch that the kernel joins.
pub const RECEIVE_BYTES: usize = 65_536;
/// Segments that one call may send where the kernel can segment.
const SEGMENTS_MAX: usize = 64;
/// Socket buffers asked for; the system may grant less.
const BUFFER_BYTES: usize = 4 << 20;
/// Bytes that one call sends as segments at most.
const RUN_BYTES_MAX: usize = 65_000;
/// IPv6 and UDP headers.
const OVERHEAD_V6: usize = 48;
/// IPv4 and UDP headers.
const OVERHEAD_V4: usize = 28;
/// The largest datagram used, whatever the link takes: with room to join a header-sized rest in one receive buffer.
const DATAGRAM_BYTES_MAX: usize = 65_000;

/// What a receive brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// Datagrams of so many bytes together, from where they come, and, where the socket tells, to which address they
    /// were sent.
    Bytes(usize, SocketAddr, Option<Ipv6Addr>),
    /// The socket was shut down.
    Ended,
    /// Nothing within the time, or an error that says nothing about later receives (such as an ICMP message).
    Nothing,
}

/// A bound UDP socket, connected where it has only one peer.
#[derive(Debug)]
pub struct Socket {
    inner: UdpSocket,
    peer: Option<SocketAddr>,
    waking: Waking,
    /// Whether each datagram has to be one packet.
    is_behind_switch: bool,
    /// Datagrams dropped because they are not.
    odd: AtomicU64,
    /// Segments of one send at most; 1 once the system has shown that it cannot segment.
    segments_max: AtomicUsize,
}

impl Socket {
    /// A socket for many peers. The address must be free; afterwards `Socket::join` and `Socket::join_for` may
    /// share it within this user's processes.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Self::unbound(address)?;
        socket.bind(&address.into())?;
        socket.set_reuse_port(true)?;
        Ok(Self::over(socket.into(), None))
    }

    /// As [`Socket::bind`], for a server behind a switch: it tells to which of the server's addresses
    /// a datagram was sent, and may send from any of them, also from those that no device has (a `local` route brings
    /// them here).
    pub(crate) fn bind_native(address: SocketAddr) -> io::Result<Self> {
        let socket = Self::unbound(address)?;
        if address.is_ipv6() {
            socket.set_freebind_v6(true)?;
            nix::sys::socket::setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
        }
        socket.bind(&address.into())?;
        Ok(Self::over(socket.into(), None).behind_switch())
    }

    /// The same, for a peer behind a switch: datagrams that are not one packet each are dropped, since the switch has not seen
    /// what else is in them.
    pub(crate) fn behind_switch(self) -> Self {
        Self { is_behind_switch: true, ..self }
    }

    /// Datagrams dropped because they are not one packet each.
    pub(crate) fn odd(&self) -> u64 {
        self.odd.load(Ordering::Relaxed)
    }

    /// Bytes of an IPv6 packet that go from one address to another without being taken apart, as far as the system knows; it need not
    /// be the address of a device.
    pub(crate) fn path_mtu(from: Ipv6Addr, to: Ipv6Addr) -> io::Result<u16> {
        let (from, to) = (SocketAddr::from((from, 0)), SocketAddr::from((to, 1)));
        let socket = Self::unbound(from)?;
        socket.set_freebind_v6(true)?;
        socket.bind(&from.into())?;
        socket.connect(&to.into())?;
        let datagram = Self::over(socket.into(), Some(to)).datagram_bytes();
        Ok(datagram.saturating_add(u16::try_from(OVERHEAD_V6).unwrap_or(u16::MAX)))
    }

    /// A client's socket for many peers.
    pub(crate) fn unconnected(peer: SocketAddr, local: Option<IpAddr>) -> io::Result<Self> {
        Ok(Self::over(UdpSocket::bind(at(peer, local))?, None))
    }

    /// Another socket at the address of one: the system spreads peers over them.
    pub(crate) fn join(address: SocketAddr) -> io::Result<Self> {
        Ok(Self::over(Self::bind_shared(address)?.into(), None))
    }

    /// A socket at the address of another that takes over what one peer sends. Between being bound and being connected
    /// it may have been given datagrams of others: they are to be taken out with [`Socket::try_receive`] first.
    pub(crate) fn join_for(address: SocketAddr, peer: SocketAddr) -> io::Result<Self> {
        let socket = Self::bind_shared(address)?;
        socket.connect(&peer.into())?;
        Ok(Self::over(socket.into(), Some(peer)))
    }

    fn bind_shared(address: SocketAddr) -> io::Result<socket2::Socket> {
        let socket = Self::unbound(address)?;
        socket.set_reuse_port(true)?;
        socket.bind(&address.into())?;
        Ok(socket)
    }

    fn unbound(address: SocketAddr) -> io::Result<socket2::Socket> {
        let socket = socket2::Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            socket.set_only_v6(false)?;
        }
        Ok(socket)
    }

    /// A socket for one peer, at an address of this machine or, without one, at whichever the system chooses.
    pub(crate) fn connect(peer: SocketAddr, local: Option<IpAddr>) -> io::Result<Self> {
        let socket = UdpSocket::bind(at(peer, local))?;
        socket.connect(peer)?;
        Ok(Self::over(socket, Some(peer)))
    }

    fn over(inner: UdpSocket, peer: Option<SocketAddr>) -> Self {
        // Without these options it works all the same, only slower.
        if nix::sys::socket::setsockopt(&inner, sockopt::RcvBufForce, &BUFFER_BYTES).is_err() {
            let _ = socket2::SockRef::from(&inner).set_recv_buffer_size(BUFFER_BYTES);
        }
        let _ = socket2::SockRef::from(&inner).set_send_buffer_size(BUFFER_BYTES);
        let _ = nix::sys::socket::setsockopt(&inner, sockopt::UdpGroSegment, &true);
        let segments = match nix::sys::socket::getsockopt(&inner, sockopt::UdpGsoSegment) {
            Ok(_) => SEGMENTS_MAX,
            Err(_) => 1,
        };
        let (odd, segments_max) = (AtomicU64::new(0), AtomicUsize::new(segments));
        Self { inner, peer, waking: Waking::default(), is_behind_switch: false, odd, segments_max }
    }

    /// The address that it is bound to.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    /// Bytes that the socket can buffer: half of the kernel's limit, which also counts its own overhead.
    pub(crate) fn receive_buffer_bytes(&self) -> usize {
        socket2::SockRef::from(&self.inner).recv_buffer_size().unwrap_or(128 << 10) / 2
    }

    /// The largest datagram that the first link takes, as far as the system knows it.
    pub(crate) fn datagram_bytes(&self) -> u16 {
        let mtu = self.peer.and_then(|_| nix::sys::socket::getsockopt(&self.inner, sockopt::IpMtu).ok());
        let mtu = mtu.and_then(|mtu| usize::try_from(mtu).ok()).unwrap_or(usize::MAX);
        let overhead = if self.peer.is_some_and(|peer| peer.is_ipv4()) { OVERHEAD_V4 } else { OVERHEAD_V6 };
        u16::try_from(mtu.saturating_sub(overhead).min(DATAGRAM_BYTES_MAX)).unwrap_or(u16::MAX)
    }

    pub(crate) fn segments_max(&self) -> usize {
        self.segments_max.load(Ordering::Relaxed)
    }

    /// Blocking receives return [`Received::Nothing`] after this time; never, without one.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn set_receive_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.inner.set_read_timeout(timeout)
    }

    /// The one peer, if there is only one.
    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// Ends every blocked receive, now and from now on.
    pub fn shut_down(&self) {
        // An unconnected socket answers that it is not connected, and ends its receives all the same.
        let _ = socket2::SockRef::from(&self.inner).shutdown(std::net::Shutdown::Read);
    }

    pub(crate) fn raw_fd(&self) -> i32 {
        self.inner.as_raw_fd()
    }

    /// Waits for datagrams.
    ///
    /// # Errors
    ///
    /// The socket cannot be used any more.
    #[inline(always)]
    pub fn receive(&self, into: &mut [u8]) -> io::Result<Received> {
        match self.peer {
            Some(peer) if !self.is_behind_switch && self.waits() => {
                match rustix::net::recv(&self.inner, into, RecvFlags::empty()) {
                    Ok((bytes, _)) => Ok(Received::Bytes(bytes, peer, None)),
                    Err(error) => received(Err(error.into())),
                }
            }
            peer => self.receive_elsewise(into, peer),
        }
    }

    /// As [`Socket::receive`], of any but a connected socket whose receives wait.
    #[inline(never)]
    fn receive_elsewise(&self, into: &mut [u8], peer: Option<SocketAddr>) -> io::Result<Received> {
        match peer {
            _ if self.is_behind_switch => self.receive_single(into, MsgFlags::empty()),
            Some(peer) => self.look(into, peer),
            None => addressed(recvfrom(self.inner.as_raw_fd(), into)),
        }
    }

    /// Takes datagrams that are there, without waiting.
    ///
    /// # Errors
    ///
    /// As [`Socket::receive`].
    pub fn try_receive(&self, into: &mut [u8]) -> io::Result<Received> {
        if self.is_behind_switch {
            return self.receive_single(into, MsgFlags::MSG_DONTWAIT);
        }
        let mut slices = [io::IoSliceMut::new(into)];
        let got = recvmsg::<SockaddrStorage>(self.inner.as_raw_fd(), &mut slices, None, MsgFlags::MSG_DONTWAIT);
        addressed(got.map(|got| (got.bytes, got.address)))
    }

    /// Whether nothing waits to be received. Where that cannot be told, something might.
    pub(crate) fn is_silent(&self) -> bool {
        // In vain this takes less time than a receive that also asks for the sender.
        recv(self.inner.as_raw_fd(), &mut [0], MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT) == Err(Errno::EAGAIN)
    }

    /// Whether [`Socket::scatter`] may be used: where each datagram has to be looked at first, it may not.
    pub(crate) fn takes_places(&self) -> bool {
        !self.is_behind_switch && self.waits()
    }

    /// Waits for one datagram, which fills three places in turn.
    ///
    /// # Errors
    ///
    /// As [`Socket::receive`].
    pub(crate) fn scatter(&self, places: [&mut [u8]; 3]) -> io::Result<Received> {
        let mut slices = places.map(io::IoSliceMut::new);
        let got = recvmsg::<SockaddrStorage>(self.inner.as_raw_fd(), &mut slices, None, MsgFlags::empty());
        addressed(got.map(|got| (got.bytes, got.address)))
    }

    /// Sends a batch. Datagrams that the system does not take are lost, as they might be in the network; `false` says
    /// that they are too large for the link.
    #[inline(always)]
    pub(crate) fn send(&self, transmit: &Transmit, datagrams: &Datagrams) -> bool {
        if !self.has_way() {
            return true;
        }
        match (transmit.segments, transmit.from, datagrams.contiguous()) {
            (1, None, Some(bytes)) if self.peer.is_some() => {
                rustix::net::send(&self.inner, bytes, SendFlags::NOSIGNAL) != Err(rustix::io::Errno::MSGSIZE)
            }
            _ => self.send_elsewise(transmit, datagrams),
        }
    }

    /// As [`Socket::send`], of any but a single datagram in one piece to the one peer.
    #[inline(never)]
    fn send_elsewise(&self, transmit: &Transmit, datagrams: &Datagrams) -> bool {
        if let (1, None, Some(bytes), None) = (transmit.segments, transmit.from, datagrams.contiguous(), self.peer) {
            let sent = self.inner.send_to(bytes, transmit.to);
            return !sent.is_err_and(|error| error.raw_os_error() == Some(nix::libc::EMSGSIZE));
        }
        self.send_gathered(transmit, datagrams)
    }

    /// Sends datagrams to the one peer that stand one after the other, all of `segment_bytes` but the last, which may be
    /// shorter. As [`Socket::send`].
    pub(crate) fn send_joined(&self, bytes: &[u8], segment_bytes: usize) -> bool {
        if !self.has_way() {
            return true;
        }
        let send = |bytes| self.inner.send(bytes).map_err(|error| error.raw_os_error().unwrap_or_default());
        if bytes.len() <= segment_bytes {
            return send(bytes) != Err(nix::libc::EMSGSIZE);
        }
        let segment = u16::try_from(segment_bytes).unwrap_or(u16::MAX);
        let control = [ControlMessage::UdpGsoSegments(&segment)];
        let slices = [IoSlice::new(bytes)];
        match sendmsg::<SockaddrStorage>(self.inner.as_raw_fd(), &slices, &control, MsgFlags::empty(), None) {
            Err(Errno::EMSGSIZE) => false,
            Err(error) if self.refused_segments(error) => {
                bytes.chunks(segment_bytes.max(1)).all(|datagram| send(datagram) != Err(nix::libc::EMSGSIZE))
            }
            Ok(_) | Err(_) => true,
        }
    }

    /// Sends a datagram from one of this machine's addresses.
    pub(super) fn send_from(&self, from: Ipv6Addr, to: SocketAddr, datagram: &[u8]) {
        let source = packet_info(from);
        let control = [ControlMessage::Ipv6PacketInfo(&source)];
        // Lost, as it might be in the network.
        let to = SockaddrStorage::from(to);
        let _ = sendmsg(self.inner.as_raw_fd(), &[IoSlice::new(datagram)], &control, MsgFlags::empty(), Some(&to));
    }

    /// Sends datagrams that stand one after another, all of `segment_bytes` but the last, which may be shorter: by as few system
    /// calls as there can be, and without waiting. Says whether the system took all.
    pub fn send_run(&self, to: SocketAddr, bytes: &[u8], segment_bytes: usize) -> bool {
        let segment_bytes = segment_bytes.max(1);
        let to = SockaddrStorage::from(to);
        let mut rest = bytes;
        while !rest.is_empty() {
            let segments = self.segments_max().min(RUN_BYTES_MAX / segment_bytes).max(1);
            let (batch, later) = rest.split_at(rest.len().min(segments * segment_bytes));
            if !self.send_segments(&to, batch, segment_bytes) {
                return false;
            }
            rest = later;
        }
        true
    }

    fn send_segments(&self, to: &SockaddrStorage, bytes: &[u8], segment_bytes: usize) -> bool {
        let send = |bytes: &[u8], control: &[ControlMessage<'_>]| {
            sendmsg(self.inner.as_raw_fd(), &[IoSlice::new(bytes)], control, MsgFlags::MSG_DONTWAIT, Some(to))
        };
        if bytes.len() <= segment_bytes {
            // Cheaper than a message with its parts.
            return sendto(self.inner.as_raw_fd(), bytes, to, MsgFlags::MSG_DONTWAIT).is_ok();
        }
        let segment = u16::try_from(segment_bytes).unwrap_or(u16::MAX);
        match send(bytes, &[ControlMessage::UdpGsoSegments(&segment)]) {
            Ok(_) => true,
            Err(error) if self.refused_segments(error) => {
                bytes.chunks(segment_bytes).all(|datagram| send(datagram, &[]).is_ok())
            }
            Err(_) => false,
        }
    }

    /// Whether an error says that the segments are larger than the path takes; or that this system or device cannot segment at
    /// all: from then on every datagram is sent by itself.
    fn refused_segments(&self, error: Errno) -> bool {
        let is_unable = matches!(error, Errno::EIO | Errno::ENOPROTOOPT | Errno::EOPNOTSUPP);
        if is_unable {
            self.segments_max.store(1, Ordering::Relaxed);
        }
        is_unable || error == Errno::EINVAL
    }

    fn send_gathered(&self, transmit: &Transmit, datagrams: &Datagrams) -> bool {
        let to = SockaddrStorage::from(transmit.to);
        let to = self.peer.is_none().then_some(&to);
        let segment = u16::try_from(transmit.segment_bytes).unwrap_or(u16::MAX);
        let source = transmit.from.map(packet_info).unwrap_or_else(|| packet_info(Ipv6Addr::UNSPECIFIED));
        let control = [ControlMessage::Ipv6PacketInfo(&source), ControlMessage::UdpGsoSegments(&segment)];
        let first = usize::from(transmit.from.is_none());
        let last = if transmit.segments > 1 { 2 } else { 1 };
        let control = control.get(first..last).unwrap_or_default();
        let mut slices = Vec::with_capacity(2 * transmit.segments + 2);
        datagrams.gather(&mut slices);
        match sendmsg(self.inner.as_raw_fd(), &slices, control, MsgFlags::empty(), to) {
            Ok(_) => true,
            Err(Errno::EMSGSIZE) => false,
            Err(error) if transmit.segments > 1 && self.refused_segments(error) => self.send_each(transmit, datagrams),
            Err(_) => true,
        }
    }

    fn send_each(&self, transmit: &Transmit, datagrams: &Datagrams) -> bool {
        let all = datagrams.to_vec();
        let to = SockaddrStorage::from(transmit.to);
        let to = self.peer.is_none().then_some(&to);
        let source = transmit.from.map(packet_info);
        let control = source.as_ref().map(ControlMessage::Ipv6PacketInfo);
        all.chunks(transmit.segment_bytes.max(1)).all(|datagram| {
            let slices = [IoSlice::new(datagram)];
            let sent = sendmsg(self.inner.as_raw_fd(), &slices, control.as_slice(), MsgFlags::empty(), to);
            sent != Err(Errno::EMSGSIZE)
        })
    }
}

/// What says from which address a datagram is sent.
fn packet_info(from: Ipv6Addr) -> nix::libc::in6_pktinfo {
    nix::libc::in6_pktinfo { ipi6_addr: nix::libc::in6_addr { s6_addr: from.octets() }, ipi6_ifindex: 0 }
}

/// The given address of this machine, or any of the kind of the peer; any port.
fn at(peer: SocketAddr, local: Option<IpAddr>) -> SocketAddr {
    match (local, peer) {
        (Some(local), _) => (local, 0).into(),
        (None, SocketAddr::V4(_)) => ([0, 0, 0, 0], 0).into(),
        (None, SocketAddr::V6(_)) => ([0u16; 8], 0).into(),
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}
