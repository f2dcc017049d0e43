//! A socket's place at a link: what waits there for its reader.

use super::super::Received;
use super::binding::{Binding, sender};
use crate::wire::frame::FrameAddresses;
use std::collections::VecDeque;
use std::net::{Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Weak};

/// Bytes that wait at one socket for whoever reads there at most; more are lost, as in a kernel's buffer.
pub(super) const INBOX_BYTES: usize = 2 << 20;

/// A server that takes in what comes on whichever server's thread receives it.
pub(crate) trait Guest: Send + Sync {
    /// Takes a datagram in, and does what follows from it.
    fn take(self: Arc<Self>, from: SocketAddr, to: Ipv6Addr, datagram: &mut [u8]);
}

/// A datagram that waits for whoever reads at its socket.
#[derive(Debug)]
struct Waiting {
    from: SocketAddr,
    to: Ipv6Addr,
    payload: Vec<u8>,
}

/// A socket, as all of a link's see it.
pub(super) struct Slot {
    pub(super) binding: Arc<Binding>,
    inbox: VecDeque<Waiting>,
    pub(super) inbox_bytes: usize,
    pub(super) readers: usize,
    pub(super) arrived: Arc<Condvar>,
    pub(super) is_shut: bool,
    /// The next receive that would wait does not.
    pub(super) is_woken: bool,
    /// Why this socket is of no use any more.
    pub(super) failure: Option<String>,
    is_failed: Arc<AtomicBool>,
    pub(super) guest: Option<Weak<dyn Guest>>,
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slot").field("binding", &self.binding).finish_non_exhaustive()
    }
}

impl Slot {
    /// A new socket, and what its owner reads by.
    pub(super) fn new(binding: Arc<Binding>) -> (Self, Seat) {
        let (arrived, is_failed) = (Arc::new(Condvar::new()), Arc::new(AtomicBool::new(false)));
        let seat =
            Seat { binding: Arc::clone(&binding), arrived: Arc::clone(&arrived), is_failed: Arc::clone(&is_failed) };
        let slot = Self {
            binding,
            inbox: VecDeque::new(),
            inbox_bytes: 0,
            readers: 0,
            arrived,
            is_shut: false,
            is_woken: false,
            failure: None,
            is_failed,
            guest: None,
        };
        (slot, seat)
    }

    /// Ends it: who waits, or will, is told why.
    pub(super) fn fail(&mut self, why: &str) {
        self.failure.get_or_insert_with(|| why.to_owned());
        self.is_failed.store(true, Ordering::Release);
        self.arrived.notify_all();
    }

    /// Whether nothing waits here.
    pub(super) fn is_empty(&self) -> bool {
        self.inbox.is_empty()
    }

    /// Leaves a datagram for its reader, if it has room; whom to tell.
    pub(super) fn put(&mut self, addresses: &FrameAddresses, payload: &[u8]) -> Option<Arc<Condvar>> {
        if self.inbox_bytes + payload.len() > INBOX_BYTES {
            return None;
        }
        self.inbox_bytes += payload.len();
        self.inbox.push_back(Waiting { from: sender(addresses), to: addresses.destination, payload: payload.to_vec() });
        (self.readers > 0).then(|| Arc::clone(&self.arrived))
    }

    /// Takes datagrams of one sender out, as many as fit.
    pub(super) fn take(&mut self, into: &mut [u8]) -> Option<Received> {
        let (from, to) = self.inbox.front().map(|first| (first.from, first.to))?;
        let mut filled = 0;
        while let Some(next) = self.inbox.front() {
            let end = filled + next.payload.len();
            if (next.from, next.to) != (from, to) || (end > into.len() && filled > 0) {
                break;
            }
            let Some(waiting) = self.inbox.pop_front() else { break };
            self.inbox_bytes -= waiting.payload.len();
            // A single datagram fits: buffers are made for the largest.
            if let Some(place) = into.get_mut(filled..end) {
                place.copy_from_slice(&waiting.payload);
                filled = end;
            }
        }
        Some(Received::Bytes(filled, from, Some(to)))
    }
}

/// What a socket reads by: its binding, and by what it is woken.
#[derive(Debug, Clone)]
pub(super) struct Seat {
    pub(super) binding: Arc<Binding>,
    pub(super) arrived: Arc<Condvar>,
    is_failed: Arc<AtomicBool>,
}

impl Seat {
    /// Whether the socket was ended by [`Slot::fail`].
    pub(super) fn is_failed(&self) -> bool {
        self.is_failed.load(Ordering::Acquire)
    }
}
