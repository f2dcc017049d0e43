//! Ending a blocked receive, without ending the socket.

use super::Socket;
use std::io;
use std::net::UdpSocket;
use std::sync::atomic::Ordering;

impl Socket {
    /// Whether [`Socket::wake`] ends a blocked receive: a connected socket's, where datagrams of others do not count.
    pub(crate) fn can_wake(&self) -> bool {
        self.peer.is_some() && !self.is_behind_switch
    }

    /// Ends a blocked receive, or else the next one: it brings no bytes. For a moment another socket of this process is the peer;
    /// what comes from the peer, or is sent to it, in that moment is lost, as it might be in the network. To wait with a
    /// time-out instead costs each receive more than a hundredth of a round trip.
    ///
    /// # Errors
    ///
    /// Those of the system, which may give no further socket, or have lost this one's address.
    pub(crate) fn wake(&self) -> io::Result<()> {
        let Some(peer) = self.peer.filter(|_| self.can_wake()) else { return Ok(()) };
        let own = self.inner.local_addr()?;
        let mut any_port = own;
        any_port.set_port(0);
        let other = UdpSocket::bind(any_port)?;
        let woken = self.inner.connect(other.local_addr()?).and_then(|()| other.send_to(&[], own));
        self.is_astray.store(self.inner.connect(peer).is_err(), Ordering::Release);
        woken.map(drop)
    }

    /// Whether what is sent goes to the peer. Where there was no way to it after [`Socket::wake`], it is looked for again.
    pub(super) fn has_way(&self) -> bool {
        if !self.is_astray.load(Ordering::Acquire) {
            return true;
        }
        let is_found = self.peer.is_none_or(|peer| self.inner.connect(peer).is_ok());
        self.is_astray.store(!is_found, Ordering::Release);
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
    fn a_blocked_receive_is_ended_and_the_socket_goes_on() {
        for ip in [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()] {
            let (peer, socket) = pair(ip);
            let to = peer.local_addr().unwrap();
            std::thread::scope(|scope| {
                let blocked = scope.spawn(|| socket.receive(&mut [0; 64]).unwrap());
                std::thread::park_timeout(SILENT);
                socket.wake().unwrap();
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
        socket.wake().unwrap();
        assert_eq!(bytes_of(socket.receive(&mut [0; 64]).unwrap()).map(|(bytes, _)| bytes), Some(0));
    }

    #[test]
    fn a_socket_that_has_gone_astray_finds_its_peer_again() {
        let (peer, socket) = pair(Ipv6Addr::LOCALHOST.into());
        let other = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).unwrap();
        socket.inner.connect(other.local_addr().unwrap()).unwrap();
        socket.is_astray.store(true, Ordering::Release);
        assert!(socket.send_joined(b"there", 100));
        peer.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        assert_eq!(peer.recv(&mut [0; 64]).unwrap(), 5);
        assert!(!socket.is_astray.load(Ordering::Acquire));
    }

    #[test]
    fn sockets_of_many_peers_are_not_woken() {
        let socket = Socket::bind((Ipv6Addr::LOCALHOST, 0).into()).unwrap();
        assert!(!socket.can_wake() && socket.wake().is_ok());
        socket.set_receive_timeout(Some(SILENT)).unwrap();
        assert_eq!(socket.receive(&mut [0; 64]).unwrap(), Received::Nothing);
    }
}
