//! Busy clients: each has a connected socket and a thread of its own.

use super::shard::Shard;
use crate::endpoint::Time;
use crate::io::{PortSocket, RECEIVE_BYTES, Socket};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

/// Datagrams in a row from one peer that make it a busy one.
pub(super) const BUSY_STREAK: u32 = 128;
/// How often busy peers are looked at; one that sent nothing since the last time is busy no more.
const BUSY_CHECK: Duration = Duration::from_secs(2);

/// A peer that sends so much that it has a connected socket and a thread of its own: the system then need not look up
/// the route for each answer, and other peers' calls run beside its.
#[derive(Debug)]
pub(super) struct BusyPeer {
    pub(super) socket: PortSocket,
    /// Datagrams taken in.
    pub(super) received: AtomicU32,
    /// What `received` was when it was last looked at.
    seen: AtomicU32,
}

impl Shard {
    pub(super) fn busy(&self) -> MutexGuard<'_, Vec<Arc<BusyPeer>>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a peer a socket and a thread of its own.
    pub(super) fn make_busy(self: &Arc<Self>, peer: SocketAddr) {
        let mut busy = self.busy();
        let is_stopped = self.is_stopped.load(Ordering::Acquire);
        if is_stopped || busy.len() >= self.busy_max || busy.iter().any(|other| other.socket.peer() == Some(peer)) {
            return;
        }
        // Where it cannot be had, the peer goes on being served with the others.
        let Ok(socket) = Socket::join_for(self.address, peer).map(PortSocket::from) else { return };
        if self.port.drain(&socket, &mut vec![0; RECEIVE_BYTES], usize::MAX).is_err() {
            return;
        }
        let (received, seen) = (AtomicU32::new(0), AtomicU32::new(u32::MAX));
        let peer = Arc::new(BusyPeer { socket, received, seen });
        let (shard, own) = (Arc::clone(self), Arc::clone(&peer));
        let thread = std::thread::Builder::new().name("bifrost-busy".into());
        let receive = move || {
            shard.receive(&own.socket, Some(&own));
            shard.busy().retain(|other| !Arc::ptr_eq(other, &own));
        };
        if thread.spawn(receive).is_ok() {
            busy.push(peer);
            self.timer.wake_by(Some(self.now().plus(BUSY_CHECK)));
        }
    }

    /// Ends the sockets of peers that are busy no more. Returns when to look again.
    pub(super) fn check_busy(&self) -> Option<Time> {
        let busy = self.busy();
        for peer in busy.iter() {
            let received = peer.received.load(Ordering::Relaxed);
            if peer.seen.swap(received, Ordering::Relaxed) == received {
                peer.socket.shut_down();
            }
        }
        (!busy.is_empty()).then(|| self.now().plus(BUSY_CHECK))
    }
}
