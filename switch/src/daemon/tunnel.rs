//! Tunnel ports: whole Ethernet frames in UDP datagrams, all through one socket. `docs/tunnel.md` says what is on the wire.

use super::counts::Tally;
use super::fabric::Link;
use super::forwarder::Forwarder;
use super::frames::{Frames, HEADROOM_BYTES};
use bifrost_rpc::Key;
use bifrost_rpc::endpoint::Time;
use bifrost_rpc::tunnel::{PortEvent, SwitchEnd};
use bifrost_rpc::udp::{RECEIVE_BYTES, Received, Socket};
use bifrost_rpc::wire::tunnel::{Seat, TUNNEL_HEADER_BYTES, TunnelHeader, TunnelKind};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Bytes of an Ethernet header, which do not count in an MTU.
const ETHERNET_BYTES: usize = 14;
/// Datagrams that are taken in before what comes of them is sent.
const TOGETHER_MAX: usize = 32;
/// How often it is tried whether more than one waits, while only one does: one datagram in so many.
const TRY_EVERY: u32 = 8;
/// How often it is seen to leases that have run out.
const LOOK: Duration = Duration::from_millis(250);

const _: () = assert!(HEADROOM_BYTES == TUNNEL_HEADER_BYTES, "frames are kept with room for the tunnel's header");

/// What came to the tunnels' socket and went to no port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TunnelCounts {
    /// Frames from an outer address that is not attached by the number that they carry.
    pub foreign: u64,
    /// Datagrams that are no tunnel's, end early, or are longer than agreed on.
    pub malformed: u64,
}

/// The socket of all tunnels, and who is attached.
#[derive(Debug)]
pub(crate) struct Tunnels {
    socket: Socket,
    address: SocketAddr,
    /// One for each key: what is sealed with one is nothing to the others.
    ends: Mutex<Vec<SwitchEnd>>,
    /// The keys of `ends`.
    keys: Vec<Option<Key>>,
    lease: Duration,
    /// The end that each port belongs to.
    end_of: BTreeMap<u16, usize>,
    links: BTreeMap<u16, Arc<Tunnel>>,
    foreign: AtomicU64,
    malformed: AtomicU64,
}

/// One tunnel, as frames leave by it.
#[derive(Debug, Default)]
pub(crate) struct Tunnel {
    bound: Mutex<Option<Bound>>,
}

/// Where frames go, the number that they carry, and the longest.
#[derive(Clone, Copy, Debug)]
struct Bound {
    to: SocketAddr,
    attachment: u32,
    frame_bytes_max: usize,
}

impl Tunnels {
    pub(crate) fn bind(address: SocketAddr, lease: Duration) -> io::Result<Self> {
        let socket = Socket::bind(address)?;
        let address = socket.local_addr()?;
        Ok(Self {
            socket,
            address,
            ends: Mutex::default(),
            keys: Vec::new(),
            lease,
            end_of: BTreeMap::new(),
            links: BTreeMap::new(),
            foreign: AtomicU64::new(0),
            malformed: AtomicU64::new(0),
        })
    }

    /// Makes a port to which whoever knows the key can attach, as the node of this name or by the port's number.
    ///
    /// # Errors
    ///
    /// The system gives no random numbers.
    pub(crate) fn add(&mut self, node: &str, seat: Seat, key: Option<&Key>) -> io::Result<Arc<Tunnel>> {
        let index = match self.keys.iter().position(|known| known.as_ref() == key) {
            Some(index) => index,
            None => {
                let mut seed = [0; 32];
                getrandom::fill(&mut seed).map_err(|error| io::Error::other(format!("no random numbers: {error}")))?;
                self.ends().push(SwitchEnd::new(key, seed).with_lease(self.lease));
                self.keys.push(key.cloned());
                self.keys.len() - 1
            }
        };
        if let Some(end) = self.ends().get_mut(index) {
            end.add_port(node, seat);
        }
        self.end_of.insert(seat.port, index);
        let tunnel = Arc::new(Tunnel::default());
        self.links.insert(seat.port, Arc::clone(&tunnel));
        Ok(tunnel)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn ports(&self) -> impl Iterator<Item = u32> {
        self.links.keys().map(|&port| port.into())
    }

    pub(crate) fn counts(&self) -> TunnelCounts {
        TunnelCounts { foreign: self.foreign.load(Relaxed), malformed: self.malformed.load(Relaxed) }
    }

    fn ends(&self) -> MutexGuard<'_, Vec<SwitchEnd>> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The port that a frame came in by, and its MTU.
    fn port_of(&self, from: SocketAddr, attachment: u32) -> Option<(u16, u16)> {
        let ends = self.ends();
        let end = ends.get(self.end_of(attachment)?)?;
        let port = end.port_of(from, attachment)?;
        end.outer_of(port).map(|(_, _, mtu)| (port, mtu))
    }

    /// Counts a datagram that is none of a tunnel's; `false`, as it is not taken.
    fn refuse(&self) -> bool {
        self.malformed.fetch_add(1, Relaxed);
        false
    }

    /// The end of the port in an attachment's number.
    fn end_of(&self, attachment: u32) -> Option<usize> {
        let port = u16::try_from(attachment & 0xffff).ok()?;
        self.end_of.get(&port).copied()
    }

    /// Takes a message in. One by which a node asks to be attached does not say by which key.
    fn handle(&self, now: Time, from: SocketAddr, attachment: u32, message: &[u8]) {
        let mut ends = self.ends();
        match (attachment, self.end_of(attachment)) {
            (0, _) => ends.iter_mut().for_each(|end| end.handle(now, from, message)),
            (_, Some(index)) => ends.get_mut(index).into_iter().for_each(|end| end.handle(now, from, message)),
            (_, None) => {}
        }
        self.settle(&mut ends);
    }

    /// Ends the receiving thread.
    pub(crate) fn shut_down(&self) {
        self.socket.shut_down();
    }

    /// Receives until told to stop; then all nodes are told that their ports close.
    ///
    /// # Errors
    ///
    /// The socket cannot be used any more.
    pub(crate) fn run(&self, forwarder: &mut Forwarder) -> io::Result<()> {
        let mut buffer = vec![0; RECEIVE_BYTES];
        let mut until_try = TRY_EVERY;
        while !forwarder.is_stopped() {
            let received = self.socket.receive(&mut buffer)?;
            if let Received::Bytes(bytes, from, _) = received {
                self.take(from, buffer.get(..bytes).unwrap_or_default(), forwarder);
                // To look costs a system call, which is not spent on each datagram of those that come one by one.
                until_try -= 1;
                if until_try == 0 {
                    until_try = if self.take_waiting(&mut buffer, forwarder)? { 1 } else { TRY_EVERY };
                }
                forwarder.flush();
            }
        }
        let mut ends = self.ends();
        ends.iter_mut().for_each(SwitchEnd::close);
        self.settle(&mut ends);
        Ok(())
    }

    /// Sees to leases that have run out, until told to stop: on a thread of its own, so that none has to receive with a time-out.
    pub(crate) fn keep_leases(&self, forwarder: &Forwarder) {
        while !forwarder.is_stopped() {
            std::thread::park_timeout(LOOK);
            let mut ends = self.ends();
            ends.iter_mut().for_each(|end| end.handle_timeout(time(forwarder)));
            self.settle(&mut ends);
        }
    }

    /// Takes in what has come meanwhile; says whether there was something. What leaves goes together: sending costs more than all else.
    fn take_waiting(&self, buffer: &mut [u8], forwarder: &mut Forwarder) -> io::Result<bool> {
        for taken in 1..TOGETHER_MAX {
            let Received::Bytes(bytes, from, _) = self.socket.try_receive(buffer)? else { return Ok(taken > 1) };
            self.take(from, buffer.get(..bytes).unwrap_or_default(), forwarder);
        }
        Ok(true)
    }

    /// Takes datagrams apart that the kernel may have joined: all are from one address.
    fn take(&self, from: SocketAddr, bytes: &[u8], forwarder: &mut Forwarder) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let whole = rest;
            let Ok((header, body)) = TunnelHeader::take(&mut rest) else {
                self.refuse();
                return;
            };
            if header.kind == TunnelKind::Frame {
                rest = whole;
                let mut frames = Stretch { rest: &mut rest, attachment: header.attachment };
                match self.port_of(from, header.attachment) {
                    Some((port, mtu)) => {
                        let fits = |frame: &&[u8]| frame.len() <= ETHERNET_BYTES + usize::from(mtu);
                        let fitting = frames.by_ref().filter(|frame| fits(frame) || self.refuse());
                        forwarder.gather(port.into(), fitting);
                    }
                    None => {
                        self.foreign.fetch_add(frames.by_ref().count() as u64, Relaxed);
                    }
                }
                // None is left, unless the switch has stopped.
                frames.by_ref().for_each(drop);
            } else {
                let message = whole.get(..TUNNEL_HEADER_BYTES + body.len()).unwrap_or_default();
                self.handle(time(forwarder), from, header.attachment, message);
            }
        }
    }

    /// Carries out what the state machines want.
    fn settle(&self, ends: &mut [SwitchEnd]) {
        ends.iter_mut().for_each(|end| self.settle_one(end));
    }

    fn settle_one(&self, end: &mut SwitchEnd) {
        while let Some(event) = end.poll_event() {
            let (PortEvent::Attached(port, _) | PortEvent::Detached(port, _)) = event;
            let Some(link) = self.links.get(&port) else { continue };
            let bound = end.outer_of(port).map(|(to, attachment, mtu)| {
                let frame_bytes_max = ETHERNET_BYTES + usize::from(mtu);
                Bound { to, attachment, frame_bytes_max }
            });
            *link.bound.lock().unwrap_or_else(PoisonError::into_inner) = bound;
        }
        while let Some((to, message)) = end.poll_transmit() {
            // Lost, it is sent again when the node asks again.
            self.socket.send_run(to, &message, message.len());
        }
    }
}

/// Frames of one attachment that follow one another.
struct Stretch<'a, 'b> {
    rest: &'b mut &'a [u8],
    attachment: u32,
}

impl<'a> Iterator for Stretch<'a, '_> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let mut rest = *self.rest;
        let (header, frame) = TunnelHeader::take(&mut rest).ok()?;
        if header.kind != TunnelKind::Frame || header.attachment != self.attachment {
            return None;
        }
        *self.rest = rest;
        Some(frame)
    }
}

/// A tunnel with its socket.
#[derive(Debug)]
pub(crate) struct TunnelLink {
    pub(crate) tunnels: Arc<Tunnels>,
    pub(crate) tunnel: Arc<Tunnel>,
}

impl Link for TunnelLink {
    fn is_up(&self) -> bool {
        self.tunnel.bound.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn send(&self, frames: &mut Frames) -> Tally {
        let mut lost = Tally::default();
        let bound = *self.tunnel.bound.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Bound { to, attachment, frame_bytes_max }) = bound else {
            frames.iter().for_each(|frame| lost.add(frame));
            return lost;
        };
        frames.fill_headroom(|bytes| {
            let length = u16::try_from(bytes).unwrap_or(u16::MAX);
            TunnelHeader { kind: TunnelKind::Frame, length, attachment }.to_bytes()
        });
        for run in frames.runs() {
            let is_fit = run.datagram_bytes <= frame_bytes_max + HEADROOM_BYTES;
            if !is_fit || !self.tunnels.socket.send_run(to, run.bytes, run.datagram_bytes) {
                run.frames.filter_map(|index| frames.get(index)).for_each(|frame| lost.add(frame));
            }
        }
        lost
    }
}

/// The state machine's time: the switch's own, which begins a second after the origin.
fn time(forwarder: &Forwarder) -> Time {
    Time::from_nanos(forwarder.now().saturating_mul(1_000).saturating_add(1_000_000_000))
}
