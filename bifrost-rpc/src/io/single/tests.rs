//! Datagrams that are one packet, and others; by hand, and as the kernel brings them.

use super::super::{RECEIVE_BYTES, Received, Socket};
use super::{is_one_packet, keep_single};
use crate::wire::{Header, PacketType};
use proptest::prelude::*;
use std::net::{Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

fn packet(body: &[u8]) -> Vec<u8> {
    let header = Header { body_len: u16::try_from(body.len()).unwrap(), ..Header::new(PacketType::Ping) };
    [&header.to_bytes()[..], body].concat()
}

#[test]
fn only_a_datagram_that_is_one_packet_is_taken() {
    let whole = packet(b"12345678");
    assert!(is_one_packet(&whole) && is_one_packet(&packet(b"")));
    assert!(!is_one_packet(&[&whole[..], &packet(b"")].concat()), "one behind another");
    assert!(!is_one_packet(&[&whole[..], b"x"].concat()), "something behind it");
    for cut in 0..whole.len() {
        assert!(!is_one_packet(&whole[..cut]) && !is_one_packet(&whole[cut + 1..]), "a piece of {cut} bytes");
    }
    let mut later = whole;
    later[2] = 2;
    assert!(is_one_packet(&later), "its sender is told that the version is not spoken");
}

proptest! {
    /// Whatever stands between them, and wherever a datagram ends.
    #[test]
    fn what_is_one_packet_is_kept_and_nothing_else(
        segments in prop::collection::vec(prop_oneof![
            3 => Just(packet(&[7; 40])),
            1 => Just([packet(&[1; 20]), vec![0; 20]].concat()),
            1 => prop::collection::vec(any::<u8>(), 144),
        ], 0..6),
        last in prop_oneof![Just(packet(b"")), Just(packet(&[3; 12])), prop::collection::vec(any::<u8>(), 1..143)],
    ) {
        let whole = packet(&[7; 40]).len();
        let segments: Vec<Vec<u8>> = segments.into_iter().map(|mut segment| { segment.resize(whole, 0); segment }).collect();
        let all: Vec<&[u8]> = segments.iter().map(Vec::as_slice).chain([last.as_slice()]).collect();
        let expected: Vec<u8> = all.iter().filter(|one| is_one_packet(one)).flat_map(|one| one.iter().copied()).collect();
        let odd = all.iter().filter(|one| !is_one_packet(one)).count();
        let mut buffer = all.concat();
        let (kept, dropped) = keep_single(&mut buffer, whole);
        prop_assert_eq!((&buffer[..kept], dropped), (&expected[..], odd as u64));
    }

    #[test]
    fn no_segment_size_is_too_odd(mut buffer in prop::collection::vec(any::<u8>(), 0..400), segment in 0_usize..500) {
        let bytes = buffer.len();
        prop_assert!(keep_single(&mut buffer, segment).0 <= bytes);
    }
}

/// Sockets of the kernel behind a switch: a server's, and a client's with its peer.
fn sockets() -> [(Socket, Socket); 2] {
    let here: SocketAddr = (Ipv6Addr::LOCALHOST, 0).into();
    let server = Socket::bind_native(here).unwrap();
    let sender = Socket::connect(server.local_addr().unwrap(), None).unwrap();
    let other = Socket::bind(here).unwrap();
    let client = Socket::unconnected(other.local_addr().unwrap(), Some(here.ip())).unwrap().behind_switch();
    let to_client = Socket::connect(client.local_addr().unwrap(), None).unwrap();
    let sockets = [(server, sender), (client, to_client)];
    sockets.iter().for_each(|(socket, _)| socket.set_receive_timeout(Some(Duration::from_secs(10))).unwrap());
    sockets
}

/// All that comes until the last datagram, which is empty of body, and how many were dropped.
fn receive_until(socket: &Socket, bytes: usize) -> (Vec<u8>, u64) {
    let (mut all, mut buffer) = (Vec::new(), vec![0; RECEIVE_BYTES]);
    while all.len() < bytes {
        let Received::Bytes(kept, ..) = socket.receive(&mut buffer).unwrap() else { panic!("nothing came") };
        all.extend_from_slice(&buffer[..kept]);
    }
    (all, socket.odd())
}

#[test]
fn a_packet_behind_another_in_a_datagram_does_not_come_in() {
    for (socket, sender) in sockets() {
        let (first, second, last) = (packet(b"seen"), packet(b"not seen"), packet(b"last"));
        let two = [&first[..], &second].concat();
        assert!(sender.send_joined(&two, two.len()) && sender.send_joined(&last, last.len()));
        assert_eq!(receive_until(&socket, last.len()), (last, 1));
    }
}

#[test]
fn a_packet_in_pieces_does_not_come_in() {
    for (socket, sender) in sockets() {
        // As one send with segments the kernel brings them joined again.
        let (whole, last) = (packet(&[5; 200]), packet(b"last"));
        let segment = whole.len() / 4;
        assert!(sender.send_joined(&whole, segment) && sender.send_joined(&last, last.len()));
        assert_eq!(receive_until(&socket, last.len()), (last, 4));
    }
}

#[test]
fn packets_that_the_kernel_joins_all_come_in() {
    for (socket, sender) in sockets() {
        let mut all: Vec<u8> = (0..20).flat_map(|number| packet(&[number; 1000])).collect();
        all.extend(packet(b"the last is shorter"));
        assert!(sender.send_joined(&all, packet(&[0; 1000]).len()));
        let bytes = all.len();
        assert_eq!(receive_until(&socket, bytes), (all, 0));
    }
}

#[test]
fn without_a_switch_packets_may_come_behind_each_other() {
    let socket = Socket::bind((Ipv6Addr::LOCALHOST, 0).into()).unwrap();
    let sender = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).unwrap();
    let two = [packet(b"one"), packet(b"two")].concat();
    sender.send_to(&two, socket.local_addr().unwrap()).unwrap();
    let bytes = two.len();
    assert_eq!(receive_until(&socket, bytes), (two, 0));
}
