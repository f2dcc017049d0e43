//! Programs that use the kernel's network stack, in namespaces.

use super::namespace::Namespace;
use crate::WAIT;
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{Read, Write};
use std::net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

/// An echo request of so many bytes, as `ping` sends it. Says whether it was answered in time.
fn is_answered(from: &Namespace, to: &str, bytes: usize, wait: Duration) -> bool {
    let to: Ipv6Addr = to.parse().unwrap();
    let socket = from.within(|| Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::ICMPV6)).unwrap());
    socket.connect(&SocketAddr::from((to, 0)).into()).unwrap();
    socket.set_read_timeout(Some(wait)).unwrap();
    let mut request = vec![128, 0, 0, 0, 0xb1, 0xf0, 0, 1];
    request.resize(8 + bytes, 0x5a);
    socket.send(&request).unwrap();
    let (mut socket, mut got) = (socket, vec![0; 65_536]);
    // Neighbour discovery comes by this socket, too.
    while let Ok(count) = socket.read(&mut got) {
        if got[0] == 129 {
            assert_eq!(got[4..count], request[4..]);
            return true;
        }
    }
    false
}

/// The same, which must be answered.
pub(super) fn ping(from: &Namespace, to: &str, bytes: usize) {
    assert!(is_answered(from, to, bytes, WAIT), "{to} does not answer {bytes} bytes");
}

/// A datagram there and back.
pub(super) fn echo_udp(from: &Namespace, to: &Namespace, address: &str, bytes: usize) {
    let address: Ipv6Addr = address.parse().unwrap();
    let server = to.within(move || UdpSocket::bind((address, 0)).unwrap());
    let client = from.within(move || UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).unwrap());
    server.set_read_timeout(Some(WAIT)).unwrap();
    client.set_read_timeout(Some(WAIT)).unwrap();
    let (sent, mut got) = (vec![0x5a; bytes], vec![0; 65_536]);
    client.send_to(&sent, server.local_addr().unwrap()).unwrap();
    let (count, from) = server.recv_from(&mut got).unwrap();
    assert_eq!(got[..count], sent);
    server.send_to(&got[..count], from).unwrap();
    assert_eq!(client.recv(&mut got).unwrap(), bytes);
}

/// So many bytes there and back through a connection.
pub(super) fn echo_tcp(from: &Namespace, to: &Namespace, address: &str, bytes: usize) {
    let address: Ipv6Addr = address.parse().unwrap();
    let listener = to.within(move || TcpListener::bind((address, 0)).unwrap());
    let at = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(WAIT)).unwrap();
        let mut all = vec![0; bytes];
        stream.read_exact(&mut all).unwrap();
        stream.write_all(&all).unwrap();
    });
    let mut client = from.within(move || TcpStream::connect_timeout(&at, WAIT).unwrap());
    client.set_read_timeout(Some(WAIT)).unwrap();
    let sent: Vec<u8> = (0..bytes).map(|at| u8::try_from(at % 251).unwrap()).collect();
    client.write_all(&sent).unwrap();
    let mut got = vec![0; bytes];
    client.read_exact(&mut got).unwrap();
    assert!(got == sent);
    server.join().unwrap();
}
