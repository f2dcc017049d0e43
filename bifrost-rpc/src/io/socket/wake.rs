//! Ending a blocked receive, without ending the socket.

use super::told::received;
use super::{Received, Socket};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::MsgFlags;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often a socket is looked at whose receives do not wait any more.
const LOOK: Duration = Duration::from_millis(1);

/// What ends a socket's receives.
#[derive(Debug, Default)]
pub(super) struct Waking {
    /// Sends the datagram that ends them. It is made when it is needed first, and kept.
    helper: Mutex<Option<UdpSocket>>,
    /// There was no way to the peer when the socket was last connected to it.
    is_astray: AtomicBool,
    /// They do not wait any more.
    is_looked_at: AtomicBool,
}

impl Waking {
    fn helper(&self) -> MutexGuard<'_, Option<UdpSocket>> {
        self.helper.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Socket {
    /// Whether [`Socket::wake`] ends a blocked receive: a connected socket's, where datagrams of others do not count.
    pub(crate) fn can_wake(&self) -> bool {
        self.peer.is_some() && !self.is_behind_switch
    }

    /// Makes what [`Socket::wake`] needs: from here on it needs no further file descriptor.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub(crate) fn prepare_wake(&self) -> io::Result<()> {
        self.made(&mut self.waking.helper()).map(drop)
    }

    fn made<'a>(&self, helper: &'a mut Option<UdpSocket>) -> io::Result<&'a UdpSocket> {
        if helper.is_none() {
            let mut own = self.inner.local_addr()?;
            own.set_port(0);
            *helper = Some(UdpSocket::bind(own)?);
        }
        helper.as_ref().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Ends a blocked receive, or else the next one: it brings no bytes. For a moment another socket of this process is the peer;
    /// what comes from the peer, or is sent to it, in that moment is lost, as it might be in the network. To wait with a
    /// time-out instead costs each receive more than a hundredth of a round trip.
    ///
    /// Where that cannot be done, because the system gives no further socket or has lost this one's address, it is as with
    /// [`Socket::wake_for_good`].
    pub(crate) fn wake(&self) {
        let Some(peer) = self.peer.filter(|_| self.can_wake()) else { return };
        let mut helper = self.waking.helper();
        let woken = self.made(&mut helper).and_then(|helper| {
            let (own, other) = (self.inner.local_addr()?, helper.local_addr()?);
            let woken = self.inner.connect(other).and_then(|()| helper.send_to(&[], own));
            self.waking.is_astray.store(self.inner.connect(peer).is_err(), Ordering::Release);
            woken
        });
        drop(helper);
        if woken.is_err() {
            self.wake_for_good();
        }
    }

    /// Ends a blocked receive, whatever the system gives. From then on the socket is looked at each millisecond instead.
    pub(crate) fn wake_for_good(&self) {
        if !self.can_wake() {
            return;
        }
        self.waking.is_looked_at.store(true, Ordering::Release);
        self.shut_down();
    }

    /// Whether receives wait.
    pub(super) fn waits(&self) -> bool {
        !self.waking.is_looked_at.load(Ordering::Relaxed)
    }

    /// A receive of a socket whose receives do not wait.
    pub(super) fn look(&self, into: &mut [u8], peer: SocketAddr) -> io::Result<Received> {
        match nix::sys::socket::recv(self.inner.as_raw_fd(), into, MsgFlags::MSG_DONTWAIT) {
            Ok(bytes @ 1..) => Ok(Received::Bytes(bytes, peer, None)),
            other => {
                std::thread::park_timeout(LOOK);
                received(other.map_err(io::Error::from).map(|_| (0, peer)))
            }
        }
    }

    /// As [`Socket::receive`] of a connected socket; waits so long at most.
    pub(crate) fn receive_within(&self, wait: Duration, into: &mut [u8]) -> io::Result<Received> {
        let mut sockets = [PollFd::new(self.inner.as_fd(), PollFlags::POLLIN)];
        // One whose receives do not wait looks as if something were there.
        if self.waits() && poll(&mut sockets, PollTimeout::try_from(wait).unwrap_or(PollTimeout::MAX)) == Ok(0) {
            return Ok(Received::Nothing);
        }
        if self.waits() { self.try_receive(into) } else { self.receive(into) }
    }

    /// Whether what is sent goes to the peer. Where there was no way to it after [`Socket::wake`], it is looked for again.
    #[inline]
    pub(super) fn has_way(&self) -> bool {
        !self.waking.is_astray.load(Ordering::Acquire) || self.finds_way()
    }

    #[cold]
    fn finds_way(&self) -> bool {
        let _helper = self.waking.helper();
        let is_found = self.peer.is_none_or(|peer| self.inner.connect(peer).is_ok());
        self.waking.is_astray.store(!is_found, Ordering::Release);
        is_found
    }
}

#[cfg(test)]
mod tests {
    use super::super::Received;
    use super::*;
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
    use std::time::Duration;

    const SILENT: Duration = Duration::from_millis(50);

    fn pair(ip: IpAddr) -> (UdpSocket, Socket) {
        let peer = UdpSocket::bind((ip, 0)).unwrap();
        let socket = Socket::connect(peer.local_addr().unwrap(), None).unwrap();
        (peer, socket)
    }

    fn bytes_of(received: Received) -> Option<(usize, SocketAddr)> {
        match received {
            Received::Bytes(bytes, from, _) => Some((bytes, from)),
            _ => None,
        }
    }

    #[test]
    fn to_see_whether_something_waits_takes_nothing() {
        for ip in [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()] {
            let (peer, socket) = pair(ip);
            assert!(socket.is_silent());
            peer.send_to(b"farewell", socket.inner.local_addr().unwrap()).unwrap();
            // It may take its time.
            assert!((0..1_000_000).any(|_| !socket.is_silent()));
            assert!(!socket.is_silent());
            let mut buffer = [0; 64];
            let (bytes, _) = bytes_of(socket.try_receive(&mut buffer).unwrap()).unwrap();
            assert_eq!(&buffer[..bytes], b"farewell");
            assert!(socket.is_silent());
        }
    }

    #[test]
    fn a_blocked_receive_is_ended_and_the_socket_goes_on() {
        for ip in [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()] {
            let (peer, socket) = pair(ip);
            let to = peer.local_addr().unwrap();
            std::thread::scope(|scope| {
                let blocked = scope.spawn(|| socket.receive(&mut [0; 64]).unwrap());
                std::thread::park_timeout(SILENT);
                socket.wake();
                assert_eq!(bytes_of(blocked.join().unwrap()).map(|(bytes, _)| bytes), Some(0));
            });
            // Both ways are as before.
            socket.inner.send(b"there").unwrap();
            let (bytes, from) = peer.recv_from(&mut [0; 64]).unwrap();
            assert_eq!((bytes, from.port()), (5, socket.local_addr().unwrap().port()));
            peer.send_to(b"back", from).unwrap();
            assert_eq!(bytes_of(socket.receive(&mut [0; 64]).unwrap()), Some((4, to)));
        }
    }

    #[test]
    fn a_receive_that_is_ended_before_it_begins_does_not_block() {
        let (_peer, socket) = pair(Ipv6Addr::LOCALHOST.into());
        socket.wake();
        assert_eq!(bytes_of(socket.receive(&mut [0; 64]).unwrap()).map(|(bytes, _)| bytes), Some(0));
    }

    #[test]
    fn a_socket_that_has_gone_astray_finds_its_peer_again() {
        let (peer, socket) = pair(Ipv6Addr::LOCALHOST.into());
        let other = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).unwrap();
        socket.inner.connect(other.local_addr().unwrap()).unwrap();
        socket.waking.is_astray.store(true, Ordering::Release);
        assert!(socket.send_joined(b"there", 100));
        peer.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        assert_eq!(peer.recv(&mut [0; 64]).unwrap(), 5);
        assert!(!socket.waking.is_astray.load(Ordering::Acquire));
    }

    #[test]
    fn threads_that_wake_at_once_do_not_undo_each_others_wakes() {
        let (peer, socket) = pair(Ipv6Addr::LOCALHOST.into());
        for _ in 0..200 {
            std::thread::scope(|scope| (0..4).for_each(|_| _ = scope.spawn(|| socket.wake())));
            for _ in 0..4 {
                assert_eq!(bytes_of(socket.receive(&mut [0; 64]).unwrap()).map(|(bytes, _)| bytes), Some(0));
            }
        }
        socket.inner.send(b"there").unwrap();
        assert_eq!(peer.recv(&mut [0; 64]).unwrap(), 5);
    }

    #[test]
    fn a_socket_that_was_woken_for_good_is_looked_at_and_goes_on() {
        let (peer, socket) = pair(Ipv6Addr::LOCALHOST.into());
        std::thread::scope(|scope| {
            let blocked = scope.spawn(|| socket.receive(&mut [0; 64]).unwrap());
            std::thread::park_timeout(SILENT);
            socket.wake_for_good();
            assert_eq!(bytes_of(blocked.join().unwrap()).map(|(bytes, _)| bytes), Some(0));
        });
        assert!(bytes_of(socket.receive(&mut [0; 64]).unwrap()).is_none_or(|(bytes, _)| bytes == 0));
        peer.send_to(b"back", socket.local_addr().unwrap()).unwrap();
        let brought = std::iter::repeat_with(|| bytes_of(socket.receive(&mut [0; 64]).unwrap()));
        let first = brought.take(20_000).flatten().find(|(bytes, _)| *bytes > 0);
        assert_eq!(first, Some((4, peer.local_addr().unwrap())));
    }

    #[test]
    fn a_receive_may_wait_for_a_limited_time() {
        let (peer, socket) = pair(Ipv6Addr::LOCALHOST.into());
        assert_eq!(socket.receive_within(SILENT, &mut [0; 64]).unwrap(), Received::Nothing);
        peer.send_to(b"back", socket.local_addr().unwrap()).unwrap();
        let received = socket.receive_within(Duration::from_secs(20), &mut [0; 64]).unwrap();
        assert_eq!(bytes_of(received).map(|(bytes, _)| bytes), Some(4));
    }

    #[test]
    fn sockets_of_many_peers_are_not_woken() {
        let socket = Socket::bind((Ipv6Addr::LOCALHOST, 0).into()).unwrap();
        assert!(!socket.can_wake());
        socket.wake();
        socket.wake_for_good();
        socket.set_receive_timeout(Some(SILENT)).unwrap();
        assert_eq!(socket.receive(&mut [0; 64]).unwrap(), Received::Nothing);
    }
}
