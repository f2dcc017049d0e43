//! Random and damaged frames at every kind of port: what leaves is what the program alone would send, and nothing else.

use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::time::Duration;

use bifrost_switch::SharedEngine;
use bifrost_switch::daemon::{Frames, PortKind, Switch, SwitchBuilder, TunnelPort};
use bifrost_switch::engine::Outputs;

use super::node::{Node, WAIT};
use super::rack::Rack;
use super::traffic::Traffic;

/// The ports that the traffic comes in by, the control plane's among them.
const PORTS: [u32; 6] = [1, 2, 3, 4, 7, 510];

fn builder() -> SwitchBuilder {
    Switch::builder(SharedEngine::new(Rack::new().engine))
}

/// What leaves by each port.
type Sent = BTreeMap<u32, Vec<Vec<u8>>>;

fn expect(rack: &mut Rack, port: u32, frame: &[u8], sent: &mut Sent) {
    let mut out = Outputs::default();
    rack.engine.process(0, port, frame, &mut out);
    for (port, frame) in out.packets().filter(|(port, _)| PORTS.contains(port)) {
        sent.entry(port).or_default().push(frame.to_vec());
    }
}

/// So many frames through in-process ports.
fn run_in_process(frames: usize, seed: u64) {
    let switch = PORTS.iter().fold(builder(), |builder, &port| builder.port(port, PortKind::Local)).start().unwrap();
    let ports = PORTS.map(|port| switch.local(port).unwrap());
    let (mut alone, mut traffic, mut batch) = (Rack::new(), Traffic::new(seed), Frames::new());
    for _ in 0..frames / 50 {
        let mut expected = Sent::new();
        for _ in 0..50 {
            let (port, frame) = traffic.frame();
            expect(&mut alone, port, &frame, &mut expected);
            ports.iter().find(|local| local.number() == port).unwrap().send(&frame);
        }
        for port in &ports {
            port.receive_all(&mut batch, Duration::ZERO);
            let expected = expected.remove(&port.number()).unwrap_or_default();
            assert!(batch.iter().eq(expected.iter().map(Vec::as_slice)), "port {}, seed {seed}", port.number());
        }
        assert!(expected.is_empty());
    }
    let report = switch.shutdown();
    let received: u64 = report.ports.values().map(|port| port.counts.received.frames).sum();
    assert_eq!(received, frames as u64);
    assert!(report.ports.values().all(|port| port.counts.lost.frames == 0 && port.fault.is_none()));
}

/// So many frames through tunnels, with datagrams in between that are no frames of theirs.
fn run_tunnels(frames: usize, seed: u64) {
    let tunnel = |builder: SwitchBuilder, &port: &u32| builder.port(port, PortKind::Tunnel(TunnelPort::default()));
    let switch = PORTS.iter().fold(builder(), tunnel).tunnels("[::1]:0".parse().unwrap(), None).start().unwrap();
    let address = switch.tunnel_address().unwrap();
    let mut nodes: BTreeMap<u32, Node> = (1u8..)
        .zip(PORTS)
        .map(|(seed, port)| (port, Node::attached(address, u16::try_from(port).unwrap(), None, seed)))
        .collect();
    let stranger = UdpSocket::bind("[::1]:0").unwrap();
    let (mut alone, mut traffic) = (Rack::new(), Traffic::new(seed));
    for _ in 0..frames / 20 {
        let mut expected = Sent::new();
        for _ in 0..20 {
            let (port, frame) = traffic.frame();
            expect(&mut alone, port, &frame, &mut expected);
            let (node, datagram) = (&nodes[&port], nodes[&port].datagram(&frame));
            match traffic.below(4) {
                0 => stranger.send_to(&datagram, address).unwrap(),
                1 => node.socket.send_to(&datagram[..datagram.len() - 1], address).unwrap(),
                2 => node.socket.send_to(&frame, address).unwrap(),
                _ => 0,
            };
            node.send(&frame);
        }
        for (port, expected) in expected {
            let node = nodes.get_mut(&port).unwrap();
            assert_eq!(node.receive(expected.len(), WAIT), expected, "port {port}, seed {seed}");
        }
    }
    for (port, node) in &mut nodes {
        assert_eq!(node.receive(1, Duration::from_millis(20)), [[0u8; 0]; 0], "port {port}");
    }
    let report = switch.shutdown();
    let received: u64 = report.ports.values().map(|port| port.counts.received.frames).sum();
    assert_eq!(received, frames as u64, "strangers' frames, and parts of frames, are none");
    assert!(report.tunnels.foreign > 0 && report.tunnels.malformed > 0);
}

#[test]
fn in_process_ports_take_any_frame() {
    run_in_process(50_000, 1);
}

#[test]
fn tunnels_take_any_datagram() {
    run_tunnels(2_000, 2);
}

/// Minutes: `cargo test -p bifrost-switch --release --test program -- --ignored`.
#[test]
#[ignore = "takes minutes"]
fn a_million_frames_leave_no_memory_behind() {
    run_in_process(100_000, 3);
    let before = resident_bytes();
    run_in_process(1_000_000, 4);
    run_tunnels(1_000_000, 5);
    assert!(resident_bytes() < before + (32 << 20), "{before} bytes before, {} after", resident_bytes());
}

/// Memory of this process; 0 where the system does not tell.
fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096
}
