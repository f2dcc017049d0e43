//! The way to the memory servers: a link whose cable is the control plane's port.
//!
//! What it sends leaves the switch by the server's own port, since the tables let nothing else than Bifröst pass to the memory. What the servers answer
//! comes as a packet-in for the control plane's own address, and only from the port where the server is.

use super::headers::packet_out;
use super::waker::Waker;
use crate::gatekeeper::Way;
use bifrost_rpc::FramePort;
use bifrost_rpc::wire::frame::{FRAME_HEADERS_BYTES, Mac};
use bifrost_rpc::wire::{Pointer, control::gatekeeper_address};
use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv6Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;
use std::time::Duration;

const ETHERTYPE_IPV6: [u8; 2] = [0x86, 0xdd];
/// Answers that wait to be read. More are lost, and asked for again.
const WAITING_MAX: usize = 4096;

/// The cable, shared by the link and whoever has the port.
#[derive(Debug)]
pub(super) struct Cable {
    port: Arc<dyn FramePort>,
    memory_prefix: u8,
    own: Ipv6Addr,
    /// Where each memory server is.
    places: Mutex<BTreeMap<u8, (u16, Mac)>>,
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    is_closed: AtomicBool,
    /// The thread that looks what has come.
    poller: Mutex<Option<ThreadId>>,
    waker: Arc<Waker>,
}

#[derive(Debug, Default)]
struct Waiting {
    frames: VecDeque<Vec<u8>>,
    /// Threads that wait for some: without any, nobody has to be told, which would cost a system call.
    readers: usize,
}

/// A lock that a panic elsewhere does not poison: what is behind it is whole at each step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cable {
    pub(super) fn new(port: Arc<dyn FramePort>, prefix: Ipv6Addr, memory_prefix: u8, waker: Arc<Waker>) -> Arc<Self> {
        Arc::new(Self {
            port,
            memory_prefix,
            own: gatekeeper_address(prefix),
            places: Mutex::default(),
            waiting: Mutex::default(),
            arrived: Condvar::new(),
            is_closed: AtomicBool::new(false),
            poller: Mutex::default(),
            waker,
        })
    }

    /// The calling thread looks what has come, from now on; when others have taken something in, it is woken to look at what became of that.
    pub(super) fn poll_here(&self) {
        *lock(&self.poller) = Some(std::thread::current().id());
    }

    /// Whether nothing waits to be read.
    pub(super) fn is_empty(&self) -> bool {
        lock(&self.waiting).frames.is_empty()
    }

    /// The control plane's address.
    pub(super) fn own(&self) -> Ipv6Addr {
        self.own
    }

    /// A memory server is there, or no longer.
    pub(super) fn set_place(&self, server: u8, at: Option<(u16, Mac)>) {
        let mut places = lock(&self.places);
        match at {
            Some(place) => drop(places.insert(server, place)),
            None => drop(places.remove(&server)),
        }
    }

    /// Takes in a frame for the control plane's own address; says whether it was an answer of a memory server.
    pub(super) fn deliver(&self, port: u16, frame: &[u8]) -> bool {
        // Whether the rest of it is sound the link finds.
        let Some((source, destination)) = addresses(frame) else { return false };
        if destination != self.own {
            return false;
        }
        let from = self.server(source).and_then(|server| self.place(server));
        if from.is_none_or(|(place, _)| place != port) {
            return false;
        }
        let mut waiting = lock(&self.waiting);
        if waiting.frames.len() < WAITING_MAX {
            waiting.frames.push_back(frame.to_vec());
            if waiting.readers > 0 {
                self.arrived.notify_one();
            }
        }
        true
    }

    /// Nothing more will come.
    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        self.arrived.notify_all();
    }

    fn place(&self, server: u8) -> Option<(u16, Mac)> {
        lock(&self.places).get(&server).copied()
    }

    /// The memory server whose root pointer an address is.
    fn server(&self, address: Ipv6Addr) -> Option<u8> {
        let pointer = Pointer::from_bytes(address.octets());
        (pointer == Pointer::new(self.memory_prefix, pointer.server(), 0)).then(|| pointer.server())
    }

    /// A frame on its way to a memory server, with what the switch is told; `None`: it is for none that is there.
    fn packet(&self, frame: &[u8]) -> Option<Vec<u8>> {
        let (_, destination) = addresses(frame)?;
        let (port, mac) = self.place(self.server(destination)?)?;
        let rest = frame.get(mac.len()..)?;
        Some([&packet_out(Way::Port(port))[..], &mac, rest].concat())
    }
}

/// Source and destination of an IPv6 frame.
fn addresses(frame: &[u8]) -> Option<(Ipv6Addr, Ipv6Addr)> {
    let (headers, _) = frame.split_first_chunk::<FRAME_HEADERS_BYTES>()?;
    let at = |at: usize| headers.get(at..).and_then(<[u8]>::first_chunk::<16>).copied().map(Ipv6Addr::from);
    if headers[12..14] == ETHERTYPE_IPV6 { at(22).zip(at(38)) } else { None }
}

/// The link's end.
#[derive(Debug)]
pub(super) struct CableEnd(pub(super) Arc<Cable>);

impl FramePort for CableEnd {
    fn send(&self, frames: &mut dyn Iterator<Item = &[u8]>) {
        let packets: Vec<Vec<u8>> = frames.filter_map(|frame| self.0.packet(frame)).collect();
        self.0.port.send(&mut packets.iter().map(Vec::as_slice));
    }

    fn receive(&self, wait: Duration, take: &mut dyn FnMut(&[u8])) -> bool {
        let mut waiting = lock(&self.0.waiting);
        let must_wait = |waiting: &mut Waiting| waiting.frames.is_empty() && !self.0.is_closed.load(Ordering::Acquire);
        if !wait.is_zero() && must_wait(&mut waiting) {
            waiting.readers += 1;
            let waited = self.0.arrived.wait_timeout_while(waiting, wait, must_wait);
            waiting = waited.unwrap_or_else(PoisonError::into_inner).0;
            waiting.readers -= 1;
        }
        let frames = std::mem::take(&mut waiting.frames);
        drop(waiting);
        frames.iter().for_each(|frame| take(frame));
        if !frames.is_empty() && *lock(&self.0.poller) != Some(std::thread::current().id()) {
            self.0.waker.tell_answers();
        }
        !frames.is_empty() || !self.0.is_closed.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests;
