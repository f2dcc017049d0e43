//! Busy clients: each has a connected socket and a thread of its own.

use super::shard::Shard;
use crate::endpoint::Time;
use crate::io::{PortSocket, RECEIVE_BYTES, Socket};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

/// Datagrams from one peer, less those of too many others between them, that make it a busy one.
const BUSY_STREAK: u32 = 128;
/// Peers that can be on the way to being busy at a time. With more of them threads would take turns where one thread serves all that has come.
const CANDIDATES: usize = 2;
/// How often busy peers are looked at; one that sent nothing since the last time is busy no more.
const BUSY_CHECK: Duration = Duration::from_secs(2);

/// Who may become busy: peers that send more than a third of all that comes (the algorithm of Misra and Gries for frequent
/// items), counted for as long as they do.
#[derive(Debug, Default)]
pub(super) struct Candidates([Option<(SocketAddr, u32)>; CANDIDATES]);

impl Candidates {
    /// A peer has sent a datagram; says whether it is busy by now. It is no candidate any more then.
    pub(super) fn has_become_busy(&mut self, peer: SocketAddr) -> bool {
        let mut free = None;
        for slot in &mut self.0 {
            match slot {
                Some((candidate, count)) if *candidate == peer => {
                    *count += 1;
                    let is_busy = *count >= BUSY_STREAK;
                    if is_busy {
                        *slot = None;
                    }
                    return is_busy;
                }
                Some(_) => {}
                None => free = Some(slot),
            }
        }
        match free {
            Some(slot) => *slot = Some((peer, 1)),
            None => self.0.iter_mut().for_each(count_down),
        }
        false
    }
}

fn count_down(slot: &mut Option<(SocketAddr, u32)>) {
    *slot = slot.and_then(|(candidate, count)| (count > 1).then(|| (candidate, count - 1)));
}

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

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(port: u16) -> SocketAddr {
        ([127, 0, 0, 1], port).into()
    }

    /// Which peers become busy of datagrams in this order, repeated.
    fn busy_of(order: &[u16], rounds: usize) -> Vec<u16> {
        let mut candidates = Candidates::default();
        let all = std::iter::repeat_n(order, rounds).flatten();
        all.filter(|port| candidates.has_become_busy(peer(**port))).copied().collect()
    }

    #[test]
    fn peers_that_take_turns_become_busy() {
        assert!(busy_of(&[1], 127).is_empty());
        assert_eq!(busy_of(&[1], 128), [1]);
        assert_eq!(busy_of(&[1, 2], 128), [1, 2]);
        assert_eq!(busy_of(&[1, 1, 1, 2, 2, 3], 400).first(), Some(&1));
    }

    #[test]
    fn of_many_that_send_alike_none_becomes_busy() {
        assert!(busy_of(&[1, 2, 3], 10_000).is_empty());
        assert!(busy_of(&(0..100).collect::<Vec<_>>(), 1000).is_empty());
    }

    #[test]
    fn one_that_sends_most_becomes_busy_whatever_the_others_send() {
        let mut others = 1000..;
        let order: Vec<u16> = (0..600).flat_map(|_| [1, others.next().unwrap()]).collect();
        assert_eq!(busy_of(&order, 1).first(), Some(&1));
    }
}
