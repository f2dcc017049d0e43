//! Tunnel ports, over loopback.

use crate::WAIT;
use crate::node::Node;
use crate::program::{engine, frame, mac};
use bifrost_rpc::Key;
use bifrost_rpc::tunnel::{DetachReason, NodeState};
use bifrost_rpc::wire::tunnel::Identity;
use bifrost_switch::daemon::{PortKind, StartError, Switch, SwitchBuilder, TunnelPort};
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

const SHORT: Duration = Duration::from_millis(200);

fn key(byte: u8) -> Key {
    Key::from_hex(&format!("{byte:02x}").repeat(32)).unwrap()
}

fn tunnel(number: u16) -> PortKind {
    PortKind::Tunnel(TunnelPort {
        node: format!("n{number}"),
        mac: mac(number),
        address: Some("fd00::1".parse().unwrap()),
        switch_mac: [2, 0xb1, 0xf0, 0, 0, 1],
        key: None,
    })
}

fn builder(ports: &[u16], key: Option<Key>) -> SwitchBuilder {
    let builder = Switch::builder(engine(ports)).tunnels("[::1]:0".parse().unwrap(), key);
    ports.iter().fold(builder, |builder, &port| builder.port(port.into(), tunnel(port)))
}

fn start(ports: &[u16], key: Option<Key>) -> (Switch, SocketAddr) {
    let switch = builder(ports, key).start().unwrap();
    let address = switch.tunnel_address().unwrap();
    (switch, address)
}

#[test]
fn frames_go_from_node_to_node() {
    let key = key(7);
    let (switch, address) = start(&[1, 2, 3], Some(key.clone()));
    let mut one = Node::new(address, Identity::Node("n1".into()), Some(&key), 1);
    assert!(one.wait(|state| matches!(state, NodeState::Attached(..))));
    let (_, seat) = one.seat();
    assert_eq!((seat.port, seat.mac, seat.mtu), (1, mac(1), 9000));
    assert_eq!((seat.switch_mac, seat.address), ([2, 0xb1, 0xf0, 0, 0, 1], "fd00::1".parse().unwrap()));
    let mut two = Node::attached(address, 2, Some(&key), 2);
    let mut three = Node::attached(address, 3, Some(&key), 3);
    let (to_two, to_all) = (frame(1, mac(2), b"hello"), frame(1, [0xff; 6], b"all"));
    one.send(&to_two);
    assert_eq!(two.receive(1, WAIT), [&to_two[..]]);
    one.send(&to_all);
    for node in [&mut one, &mut two, &mut three] {
        assert_eq!(node.receive(1, WAIT), [&to_all[..]]);
    }
    one.send(&frame(1, mac(9), b"nobody"));
    two.send(&frame(2, mac(1), b"back"));
    assert_eq!(one.receive(1, WAIT), [frame(2, mac(1), b"back")]);
    let counts = switch.shutdown().ports;
    assert_eq!((counts[&1].counts.received.frames, counts[&2].counts.sent.frames), (3, 2));
    assert!(one.wait(|state| state == NodeState::Asking(Some(DetachReason::Closed))), "nodes are told of the end");
}

#[test]
fn joined_frames_are_taken_apart_and_joined_again() {
    let (switch, address) = start(&[1, 2], None);
    let one = Node::attached(address, 1, None, 1);
    let mut two = Node::attached(address, 2, None, 2);
    // As the kernel hands them over where several datagrams came at once.
    let frames: Vec<_> = (0..40u8).map(|i| frame(1, mac(2), &[i; 500])).chain([frame(1, mac(2), b"short")]).collect();
    let joined: Vec<u8> = frames.iter().flat_map(|frame| one.datagram(frame)).collect();
    one.socket.send_to(&joined, address).unwrap();
    assert_eq!(two.receive(frames.len(), WAIT), frames);
    assert_eq!(switch.shutdown().ports[&2].counts.sent.frames, 41);
}

#[test]
fn frames_from_any_other_address_are_dropped() {
    let key = key(7);
    let (switch, address) = start(&[1, 2], Some(key.clone()));
    let one = Node::attached(address, 1, Some(&key), 1);
    let mut two = Node::attached(address, 2, Some(&key), 2);
    let foreign = UdpSocket::bind("[::1]:0").unwrap();
    // What one may say, nobody else may, nor may one say what two may.
    foreign.send_to(&one.datagram(&frame(1, mac(2), b"forged")), address).unwrap();
    one.socket.send_to(&two.datagram(&frame(2, mac(2), b"forged")), address).unwrap();
    foreign.send_to(b"no tunnel's", address).unwrap();
    assert_eq!(two.receive(1, SHORT), [[0u8; 0]; 0]);
    one.send(&frame(1, mac(2), b"mine"));
    assert_eq!(two.receive(1, WAIT), [frame(1, mac(2), b"mine")]);
    let report = switch.shutdown();
    assert_eq!((report.tunnels.foreign, report.tunnels.malformed), (2, 1));
    assert_eq!(report.ports[&1].counts.received.frames, 1);
}

#[test]
fn who_does_not_know_the_key_does_not_attach() {
    let (switch, address) = start(&[1], Some(key(7)));
    for (other, seed) in [(Some(key(8)), 1), (None, 2)] {
        let mut node = Node::new(address, Identity::Port(1), other.as_ref(), seed);
        assert_eq!(node.receive(1, SHORT), [[0u8; 0]; 0]);
        assert_eq!(node.state(), NodeState::Asking(None));
    }
    drop(switch);
}

#[test]
fn each_port_may_have_a_key_of_its_own() {
    let (first, second) = (key(7), key(8));
    let own = TunnelPort { key: Some(second.clone()), ..TunnelPort::default() };
    let switch = builder(&[1], Some(first.clone())).port(2, PortKind::Tunnel(own)).start().unwrap();
    let address = switch.tunnel_address().unwrap();
    let mut one = Node::attached(address, 1, Some(&first), 1);
    let two = Node::attached(address, 2, Some(&second), 2);
    let mut thief = Node::new(address, Identity::Port(2), Some(&first), 3);
    assert!(thief.wait(|state| state == NodeState::Asking(Some(DetachReason::Unknown))), "{:?}", thief.state());
    two.send(&frame(2, mac(1), b"mine"));
    assert_eq!(one.receive(1, WAIT), [frame(2, mac(1), b"mine")]);
}

#[test]
fn nobody_attached_is_a_lost_frame_and_a_silent_node_is_forgotten() {
    let lease = Duration::from_millis(500);
    let switch = builder(&[1, 2], None).lease(lease).start().unwrap();
    let address = switch.tunnel_address().unwrap();
    let mut one = Node::attached(address, 1, None, 1);
    one.send(&frame(1, mac(2), b"lost"));
    let two = Node::attached(address, 2, None, 2);
    // One goes on; two falls silent.
    let lost = |switch: &Switch| switch.report().ports[&2].counts.lost.frames;
    let mut tries = 0;
    while lost(&switch) < 2 {
        one.receive(1, Duration::from_millis(50));
        one.send(&frame(1, mac(2), b"to two"));
        tries += 1;
        assert!(tries < 400, "two is never forgotten");
    }
    assert!(matches!(one.state(), NodeState::Attached(..)), "{:?}", one.state());
    // What two says then is a stranger's.
    let before = switch.report().tunnels.foreign;
    two.send(&frame(2, mac(1), b"late"));
    while switch.report().tunnels.foreign == before {
        one.step();
    }
    let mut again = Node::attached(address, 2, None, 3);
    one.send(&frame(1, mac(2), b"again"));
    assert_eq!(again.receive(1, WAIT), [frame(1, mac(2), b"again")]);
}

#[test]
fn who_attaches_later_with_the_key_takes_over() {
    let key = key(7);
    let (_switch, address) = start(&[1, 2], Some(key.clone()));
    let one = Node::attached(address, 1, Some(&key), 1);
    let mut first = Node::attached(address, 2, Some(&key), 2);
    let mut second = Node::attached(address, 2, Some(&key), 3);
    assert!(first.wait(|state| state == NodeState::Ended(DetachReason::TakenOver)));
    one.send(&frame(1, mac(2), b"to the second"));
    assert_eq!(second.receive(1, WAIT), [frame(1, mac(2), b"to the second")]);
    second.leave();
}

#[test]
fn frames_longer_than_agreed_on_are_lost() {
    let switch = builder(&[1, 2], None).port(3, PortKind::Local).mtu(1000).start().unwrap();
    let address = switch.tunnel_address().unwrap();
    let one = Node::attached(address, 1, None, 1);
    let mut two = Node::attached(address, 2, None, 2);
    assert_eq!(two.seat().1.mtu, 1000);
    for bytes in [1000, 1001, 999] {
        one.send(&frame(1, mac(2), &vec![0; bytes]));
        switch.local(3).unwrap().send(&frame(3, mac(2), &vec![1; bytes]));
    }
    let mut lengths: Vec<_> = two.receive(4, WAIT).iter().map(Vec::len).collect();
    lengths.sort_unstable();
    assert_eq!(lengths, [1013, 1013, 1014, 1014]);
    let report = switch.shutdown();
    assert_eq!((report.tunnels.malformed, report.ports[&2].counts.lost.frames), (1, 1));
}

#[test]
fn tunnels_need_a_free_address() {
    let error = Switch::builder(engine(&[1])).port(1, tunnel(1)).start().unwrap_err();
    assert!(matches!(error, StartError::NoTunnels(1)), "{error}");
    let (_switch, address) = start(&[1], None);
    let taken = Switch::builder(engine(&[1])).tunnels(address, None).start().unwrap_err();
    assert!(taken.to_string().starts_with(&format!("cannot listen on udp://{address}")), "{taken}");
}
