//! A link for which the kernel makes the frames: UDP sockets, one for each port, of the network namespace that they are opened in.
//!
//! The kernel joins datagrams and tells how long each was: what is not one packet is dropped, as from frames.

use super::demux::{Brought, Demux, TICK, Wait};
use super::slot::Seat;
use crate::endpoint::{Datagrams, Transmit};
use crate::io::{Received, Socket};
use crate::wire::frame::FrameAddresses;
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::MsgFlags;
use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// Frames that the kernel makes have the Ethernet addresses that it knows.
const NO_MAC: [u8; 6] = [0; 6];

/// The sockets of a link, by their ports.
#[derive(Debug)]
pub(super) struct Sockets {
    ready: Epoll,
    by_port: RwLock<BTreeMap<u16, Arc<Socket>>>,
    /// The node's own: it is there as long as the link.
    own: Arc<Socket>,
    own_port: u16,
    /// Segments of one send at most, as far as any socket has found out.
    segments_max: AtomicUsize,
}

impl Sockets {
    /// Opens the node's own.
    pub(super) fn open(port: u16) -> io::Result<Self> {
        let ready = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let own = Arc::new(Socket::bind_native((Ipv6Addr::UNSPECIFIED, port).into())?);
        let own_port = own.local_addr()?.port();
        let segments_max = AtomicUsize::new(own.segments_max());
        ready.add(&*own, EpollEvent::new(EpollFlags::EPOLLIN, own_port.into()))?;
        let by_port = RwLock::new(BTreeMap::from([(own_port, Arc::clone(&own))]));
        Ok(Self { ready, by_port, own, own_port, segments_max })
    }

    /// Opens a port, which the node may share with one of its sockets.
    pub(super) fn bind(&self, port: u16) -> io::Result<()> {
        if port == self.own_port {
            return Ok(());
        }
        let socket = Socket::bind_native((Ipv6Addr::UNSPECIFIED, port).into())?;
        self.ready.add(&socket, EpollEvent::new(EpollFlags::EPOLLIN, port.into()))?;
        self.by_port.write().unwrap_or_else(PoisonError::into_inner).insert(port, Arc::new(socket));
        Ok(())
    }

    /// Closes a port.
    pub(super) fn unbind(&self, port: u16) {
        if port == self.own_port {
            return;
        }
        if let Some(socket) = self.by_port.write().unwrap_or_else(PoisonError::into_inner).remove(&port) {
            // One that cannot be taken out goes with the last that uses it.
            let _ = self.ready.delete(&*socket);
        }
    }

    fn at(&self, port: u16) -> Option<Arc<Socket>> {
        self.by_port.read().unwrap_or_else(PoisonError::into_inner).get(&port).cloned()
    }

    /// See [`Carrier::send`](super::carrier::Carrier::send).
    pub(super) fn send(&self, addresses: &FrameAddresses, datagrams: &Datagrams, segment_bytes: usize) -> bool {
        // Its socket is closed: nobody waits for an answer.
        let Some(socket) = self.at(addresses.source_port) else { return true };
        let to = (addresses.destination, addresses.destination_port).into();
        let segments = datagrams.len().div_ceil(segment_bytes.max(1));
        let fits = socket.send(&Transmit { to, from: Some(addresses.source), segment_bytes, segments }, datagrams);
        self.segments_max.fetch_min(socket.segments_max(), Ordering::Relaxed);
        fits
    }

    /// Sends what is in a frame; lost, it is sent again.
    pub(super) fn send_frame(&self, frame: &[u8]) {
        let Ok((addresses, payload)) = FrameAddresses::parse(frame) else { return };
        if let Some(socket) = self.at(addresses.source_port) {
            socket.send_from(addresses.source, (addresses.destination, addresses.destination_port).into(), payload);
        }
    }

    /// See [`Carrier::lead`](super::carrier::Carrier::lead).
    pub(super) fn lead(
        &self,
        demux: &Demux,
        seat: Option<&Seat>,
        into: &mut [u8],
        wait: Wait,
    ) -> io::Result<Option<Brought>> {
        let Some((port, socket)) = self.wait(wait != Wait::No)? else { return Ok(None) };
        let told = socket.receive_told(into, MsgFlags::MSG_DONTWAIT)?;
        let Received::Bytes(bytes, SocketAddr::V6(from), Some(destination)) = told.received else { return Ok(None) };
        let addresses = FrameAddresses {
            source_mac: NO_MAC,
            destination_mac: NO_MAC,
            source: *from.ip(),
            destination,
            source_port: from.port(),
            destination_port: port,
        };
        let mut brought = Brought::default();
        let segment_bytes = told.segment_bytes.max(1);
        // An empty datagram is one, too.
        for start in (0..bytes.max(1)).step_by(segment_bytes) {
            let end = bytes.min(start + segment_bytes);
            let payload = &into[start..end];
            if !demux.is_single(payload) {
                continue;
            }
            if !Demux::is_own(seat, &addresses, payload, &mut brought) {
                demux.leave(seat, &addresses, payload);
                continue;
            }
            if brought.filled != start {
                into.copy_within(start..end, brought.filled);
            }
            brought.filled += end - start;
        }
        Ok(Some(brought))
    }

    /// The next socket at which something is. They take turns.
    fn wait(&self, may_wait: bool) -> io::Result<Option<(u16, Arc<Socket>)>> {
        let wait =
            if may_wait { EpollTimeout::try_from(TICK).unwrap_or(EpollTimeout::ZERO) } else { EpollTimeout::ZERO };
        let mut event = [EpollEvent::empty()];
        match self.ready.wait(&mut event, wait) {
            Ok(0) | Err(Errno::EINTR) => Ok(None),
            Ok(_) => Ok(u16::try_from(event[0].data()).ok().and_then(|port| Some((port, self.at(port)?)))),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn receive_buffer_bytes(&self) -> usize {
        self.own.receive_buffer_bytes()
    }

    pub(super) fn segments_max(&self) -> usize {
        self.segments_max.load(Ordering::Relaxed)
    }

    /// Readable when one of the sockets is.
    pub(super) fn as_fd(&self) -> i32 {
        self.ready.0.as_raw_fd()
    }
}
