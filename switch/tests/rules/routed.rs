//! Frames through the engine with the example rack's entries.

use super::{RACK, rules};
use bifrost_rpc::wire::{Flags, Header, MethodField, PacketType, Pointer, RACK_PORT, service_address};
use bifrost_switch::engine::{Engine, Outputs};
use bifrost_switch::rules::{CONTROL_PORT, Decision, Intent, Live, Operations, Scope};
use bifrost_switch::runtime::{Runtime, Settings};
use bifrost_switch::{PROGRAM, SharedEngine};
use std::net::Ipv6Addr;

const TO_CALLEE: Flags = Flags(Flags::FIRST.0 | Flags::TO_CALLEE.0);
const NOWHERE: [u32; 0] = [];
const SWITCH: [u8; 6] = [2, 0xb1, 0xf0, 0, 0, 1];
const C1: ([u8; 6], u32) = ([2, 0, 0, 0, 1, 1], 1);
const S1: ([u8; 6], u32) = ([2, 0, 0, 0, 2, 1], 2);
const S2: ([u8; 6], u32) = ([2, 0, 0, 0, 2, 2], 3);
const M1: ([u8; 6], u32) = ([2, 0, 0, 0, 3, 1], 4);

fn own(n: u16) -> Ipv6Addr {
    Ipv6Addr::new(0xfd00, 0xb1f0, 0, 1, 0, 0, 0, n)
}

fn service(name: &str) -> Ipv6Addr {
    service_address(own(0), name)
}

/// A switch with a rack's rules.
struct Rack {
    intent: Intent,
    engine: SharedEngine,
    runtime: Runtime,
}

impl Rack {
    fn new(text: &str) -> Self {
        let engine = SharedEngine::new(Engine::load(PROGRAM, 1).unwrap());
        let runtime = Runtime::new(engine.clone(), PROGRAM, Settings::default());
        let rack = Self { intent: rules(text), engine, runtime };
        rack.install();
        rack
    }

    fn install(&self) {
        let mut live = Live::read(&self.runtime, Scope::All).unwrap();
        let done = live.apply(&self.runtime, &live.changes(&self.intent.entries(), Scope::All));
        assert!(done.refused.is_empty(), "{done:?}");
    }

    fn decide(&mut self, decision: Decision) {
        self.intent.decide(decision).unwrap();
        self.install();
    }

    /// Sends a frame; what leaves, and where.
    fn send(&self, port: u32, frame: &[u8]) -> Vec<(u32, Vec<u8>)> {
        let mut out = Outputs::default();
        self.engine.with(|engine| engine.process(0, port, frame, &mut out));
        out.packets().map(|(port, frame)| (port, frame.to_vec())).collect()
    }

    /// Sends a packet from a machine's address; the ports by which it leaves.
    fn ports(&self, from: ([u8; 6], u32), source: Ipv6Addr, to: Ipv6Addr, header: &Header) -> Vec<u32> {
        self.send(from.1, &frame(from.0, source, to, header)).iter().map(|(port, _)| *port).collect()
    }
}

fn header(kind: PacketType, flags: Flags, method: MethodField) -> Header {
    Header { client: 1, rpc: 1, incarnation: 1, flags, method, ..Header::new(kind) }
}

fn call(service: &str, method: &str) -> Header {
    header(PacketType::Call, TO_CALLEE, MethodField::new(service, method))
}

fn frame(mac: [u8; 6], source: Ipv6Addr, to: Ipv6Addr, header: &Header) -> Vec<u8> {
    let payload = header.to_bytes();
    let length = u16::try_from(8 + payload.len()).unwrap().to_be_bytes();
    let ports = match header.flags.has(Flags::TO_CALLEE) {
        true => [40_000, RACK_PORT],
        false => [RACK_PORT, 40_000],
    };
    let udp = [&ports[0].to_be_bytes()[..], &ports[1].to_be_bytes(), &length, &[0, 0], &payload].concat();
    let ip = [&[0x60, 0, 0, 0], &length[..], &[17, 64], &source.octets(), &to.octets()].concat();
    [&SWITCH[..], &mac, &[0x86, 0xdd], &ip, &udp].concat()
}

#[test]
fn a_call_goes_to_who_serves_the_method() {
    let rack = Rack::new(RACK);
    let sent = rack.send(C1.1, &frame(C1.0, own(0xc1), service("Ping"), &call("Ping", "ping")));
    let [(port, frame)] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!((*port, &frame[..6], &frame[6..12]), (S1.1, &S1.0[..], &SWITCH[..]));
    // The caller's own address: `node`. The callee answers from the service's address.
    let answer = header(PacketType::Reply, Flags::FIRST, MethodField::new("Ping", "ping"));
    assert_eq!(rack.ports(S1, service("Ping"), own(0xc1), &answer), [C1.1]);
    // s2 does not serve it, and may not answer for it.
    assert_eq!(rack.ports(S2, service("Ping"), own(0xc1), &answer), NOWHERE);
    // A method that no manifest has waits at the control plane.
    assert_eq!(rack.ports(C1, own(0xc1), service("Pong"), &call("Pong", "pong")), [u32::from(CONTROL_PORT)]);
}

#[test]
fn sessions_are_spread_evenly_over_instances() {
    let rack = Rack::new(RACK);
    let opened = |client: u64| {
        let header = Header { client, ..call("Arrays", "add") };
        rack.ports(C1, own(0xc1), service("Arrays"), &header)
    };
    let ports: Vec<u32> = (0..2000_u64).flat_map(|client| opened(client.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
    let at = |port: u32| ports.iter().filter(|found| **found == port).count();
    assert_eq!((ports.len(), at(S1.1) + at(S2.1)), (2000, 2000));
    assert!((900..1100).contains(&at(S1.1)), "{} of 2000 at s1", at(S1.1));
}

#[test]
fn a_named_instance_gets_what_is_its_own_and_a_held_one_nothing() {
    let mut rack = Rack::new(RACK);
    rack.decide(Decision::InstanceStarts {
        instance: 9,
        service: "Arrays".to_owned(),
        node: "s2".to_owned(),
        at: None,
    });
    let packet = |client| Header { instance: 9, client, ..call("Arrays", "add") };
    let ports = |rack: &Rack| -> Vec<u32> {
        (0..50).flat_map(|client| rack.ports(C1, own(0xc1), service("Arrays"), &packet(client))).collect()
    };
    assert_eq!(ports(&rack), [S2.1; 50]);
    rack.decide(Decision::InstanceHeld(9));
    assert_eq!(ports(&rack), [u32::from(CONTROL_PORT); 50]);
}

#[test]
fn a_dead_node_sends_and_gets_nothing() {
    let mut rack = Rack::new(RACK);
    rack.decide(Decision::NodeDies("s1".to_owned()));
    let answer = header(PacketType::Reply, Flags::FIRST, MethodField::new("Ping", "ping"));
    assert_eq!(rack.ports(S1, service("Ping"), own(0xc1), &answer), NOWHERE);
    assert_eq!(rack.ports(S1, own(0x51), own(0xc1), &answer), NOWHERE);
    assert_eq!(rack.ports(C1, own(0xc1), own(0x51), &answer), NOWHERE);
    // Its announcement reaches the control plane, and who called it waits there.
    let control = header(PacketType::Control, Flags::FIRST, MethodField::NONE);
    assert_eq!(rack.ports(S1, own(0x51), own(0xc1), &control), [u32::from(CONTROL_PORT)]);
    assert_eq!(rack.ports(C1, own(0xc1), service("Ping"), &call("Ping", "ping")), [u32::from(CONTROL_PORT)]);
    assert_eq!(rack.ports(C1, own(0xc1), service("Arrays"), &call("Arrays", "add")), [S2.1]);
}

#[test]
fn memory_is_reached_by_who_has_the_right() {
    let mut rack = Rack::new(RACK);
    let pointer = Pointer::new(0xfd, 1, 9);
    let mut bytes = pointer.to_bytes();
    bytes[6] = 2;
    let to = Ipv6Addr::from(bytes);
    let read = Header { pointer: bytes, pointers: 1, ..header(PacketType::Memory, TO_CALLEE, MethodField::NONE) };
    assert_eq!(rack.ports(C1, own(0xc1), to, &read), NOWHERE);
    let right = |rack: &mut Rack, is_granted: bool| {
        let (operations, source) = (Operations::READ, own(0xc1));
        rack.decide(match is_granted {
            true => Decision::Grant { pointer, operations, source },
            false => Decision::Revoke { pointer, operations, source },
        });
    };
    right(&mut rack, true);
    assert_eq!(rack.ports(C1, own(0xc1), to, &read), [M1.1]);
    assert_eq!(rack.ports(S1, own(0x51), to, &read), NOWHERE);
    right(&mut rack, false);
    assert_eq!(rack.ports(C1, own(0xc1), to, &read), NOWHERE);
}

#[test]
fn a_node_that_does_not_own_the_services_address_gets_its_own() {
    let rack = Rack::new(&RACK.replace(
        "serves = [\"Ping\", \"Echo\", \"Arrays\", \"SharedArrays\", \"Chain\", \"SharedChain\"]",
        "serves = [\"Ping\"]\nowns_service_addresses = false\n[[service]]\nname = \"Echo\"\nlater = true\n[[service]]\nname = \"Chain\"\nlater = true\n[[service]]\nname = \"SharedChain\"\nlater = true",
    ));
    let to = 38..54;
    let sent = rack.send(C1.1, &frame(C1.0, own(0xc1), service("Ping"), &call("Ping", "ping")));
    assert_eq!((sent[0].0, &sent[0].1[to]), (S1.1, &own(0x51).octets()[..]));
    let answer = header(PacketType::Reply, Flags::FIRST, MethodField::new("Ping", "ping"));
    let sent = rack.send(S1.1, &frame(S1.0, own(0x51), own(0xc1), &answer));
    assert_eq!((sent[0].0, &sent[0].1[22..38]), (C1.1, &service("Ping").octets()[..]));
    // Nothing is served yet of the others: they wait.
    assert_eq!(rack.ports(C1, own(0xc1), service("Echo"), &call("Echo", "echo")), [u32::from(CONTROL_PORT)]);
}

#[test]
fn ordinary_frames_are_forwarded_routed_and_flooded() {
    let rack = Rack::new(RACK);
    let ethernet = |to: [u8; 6], kind: [u8; 2], rest: &[u8]| [&to[..], &C1.0, &kind, rest].concat();
    let ports = |frame: &[u8]| rack.send(C1.1, frame).iter().map(|(port, _)| *port).collect::<Vec<_>>();
    assert_eq!(ports(&ethernet(S2.0, [8, 6], &[0; 46])), [S2.1]);
    assert_eq!(ports(&ethernet([0xff; 6], [8, 6], &[0; 46])), [2, 3, 4, 5, 6]);
    let ipv4 = [&[0x45, 0, 0, 20, 0, 0, 0, 0, 64, 1, 0, 0, 10, 0, 0, 1, 192, 0, 2, 1][..], &[0; 26]].concat();
    assert_eq!(ports(&ethernet(SWITCH, [8, 0], &ipv4)), [6]);
}
