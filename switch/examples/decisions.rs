//! How many decisions Gatekeeper's state machine takes in a second on one core, in a world that does at once what it says: each call passes a
//! pointer (a decision), and its answer ends the lease (another).
//!
//! `cargo run --release -p bifrost-switch --example decisions [CALLS]`

#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "an example that measures")]

use bifrost_rpc::control::{ControlPacket, SealedControl};
use bifrost_rpc::endpoint::Time;
use bifrost_rpc::wire::control::{
    Announce, ControlMessage, MemoryServer, NodeKind, Serve, ServeState, gatekeeper_address,
};
use bifrost_rpc::wire::frame::{FrameAddresses, Sum};
use bifrost_rpc::wire::{Flags, Header, MethodField, PacketType, Pointer, RACK_PORT};
use bifrost_switch::gatekeeper::{
    Answered, Config, Gatekeeper, Input, Output, Reason, Record, ServerObject, ServerTable,
};
use bifrost_switch::rules::rack::Mac;
use bifrost_switch::rules::topology::{Fabric, Topology};
use bifrost_switch::rules::{Intent, Sizes};
use std::collections::BTreeSet;
use std::net::Ipv6Addr;
use std::time::Instant;

const PREFIX: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 1, 0, 0, 0, 0);
const SWITCH: [u8; 6] = [2, 0xb1, 0xf0, 0, 0, 1];
const OBJECT: Pointer = Pointer::new(0xfd, 1, 1 << 32 | 1);
const NOW: Time = Time::from_nanos(1_000_000_000);
const INSTANCE: u32 = 7;

fn address(n: u8) -> Ipv6Addr {
    Ipv6Addr::from_bits(PREFIX.to_bits() | u128::from(n))
}

fn addresses(n: u8, source: Ipv6Addr, destination: Ipv6Addr) -> FrameAddresses {
    let source_mac = [2, 0, 0, 0, 0, n];
    let (source_port, destination_port) = (RACK_PORT, RACK_PORT);
    FrameAddresses { source_mac, destination_mac: SWITCH, source, destination, source_port, destination_port }
}

/// A rack of two nodes and a memory server, and what was last said to a node.
struct World {
    gatekeeper: Gatekeeper,
    records: Vec<Record>,
    heard: Option<ControlMessage>,
    is_listening: bool,
}

impl World {
    fn new(records: Vec<Record>) -> Self {
        let mac = Mac(SWITCH);
        let fabric = Fabric { prefix: PREFIX, memory_prefix: 0xfd, mac, flood: BTreeSet::new(), places: Vec::new() };
        let rules = Intent::new(Topology::new(fabric), Sizes::default()).expect("an empty rack has room");
        let config = Config { is_open_to_all: true, ..Config::new(rules) };
        let gatekeeper = Gatekeeper::new(config, records.clone(), NOW, &[1; 48]);
        let mut world = Self { gatekeeper, records, heard: None, is_listening: true };
        world.run();
        world
    }

    /// Does all that is to be done.
    fn run(&mut self) {
        while let Some(output) = self.gatekeeper.poll_output() {
            let input = match output {
                Output::Change { batch, .. } | Output::Reconcile { batch, .. } => {
                    Input::Changed { batch, is_done: true }
                }
                Output::Memory { server, sequence, .. } => {
                    Input::Memory { server, sequence, answered: Answered::Applied(1) }
                }
                Output::ReadTable { server } => {
                    let control = Some((address(1), 1));
                    let object = ServerObject { pointer: OBJECT, control, freed: false, leases: vec![] };
                    let page = ServerTable { boot: 1, objects: vec![object], ended: vec![], more: false };
                    Input::Table { server, page }
                }
                Output::Log { number, record } => {
                    self.records.push(record);
                    Input::Logged(number)
                }
                Output::Send { frame, .. } if self.is_listening => {
                    self.hear(&frame);
                    continue;
                }
                Output::Send { .. } | Output::Server { .. } | Output::Deposed => continue,
            };
            self.gatekeeper.handle(NOW, input);
        }
    }

    fn hear(&mut self, frame: &[u8]) {
        let Some(packet) = SealedControl::of_frame(frame).and_then(|(_, sealed)| sealed.open(None)) else { return };
        if let ControlMessage::Query { .. } = packet.message {
            let told = ControlMessage::Outstanding { calls: vec![], more: false };
            let to = FrameAddresses::parse(frame).map(|(addresses, _)| addresses.destination);
            let n = to.map_or(0, |to| to.octets()[15]);
            self.say(n, address(n), packet.incarnation, packet.number, told);
        } else {
            self.heard = Some(packet.message);
        }
    }

    fn say(&mut self, n: u8, from: Ipv6Addr, incarnation: u32, number: u64, message: ControlMessage) {
        let packet = ControlPacket { number, incarnation, message };
        let frame = packet.to_frame(&addresses(n, from, gatekeeper_address(PREFIX)), None);
        self.gatekeeper.handle(NOW, Input::Packet { reason: Reason::Control, port: n.into(), frame: &frame });
        self.run();
    }

    fn join(&mut self, n: u8, memory: Option<MemoryServer>) {
        let root = memory.map(|memory| Pointer::new(0xfd, memory.server, 0).to_bytes().into());
        let from: Ipv6Addr = root.unwrap_or(address(n));
        let mut announce = Announce {
            nonce: [n; 16],
            token: None,
            name: format!("n{n}"),
            kind: NodeKind::Compute,
            capacity: 0,
            specification: String::new(),
            addresses: vec![from],
            owns_service_addresses: true,
            memory,
        };
        self.say(n, from, 0, 1, ControlMessage::Announce(announce.clone()));
        if let Some(ControlMessage::Challenge(token)) = self.heard.take() {
            announce.token = Some(token);
            self.say(n, from, 0, 2, ControlMessage::Announce(announce));
        }
        assert!(matches!(self.heard.take(), Some(ControlMessage::Welcome(_))), "n{n} is taken in");
    }
}

/// A packet of a call that passes the object.
fn packet(kind: PacketType, rpc: u64) -> Vec<u8> {
    let is_call = kind == PacketType::Call;
    let flags = Flags::FIRST.with(Flags::LEASED);
    let mut header = Header {
        flags: if is_call { flags.with(Flags::TO_CALLEE) } else { flags },
        method: MethodField::new("Test", "run"),
        client: 77,
        rpc,
        session: 99,
        instance: INSTANCE,
        incarnation: 1,
        lowest: rpc,
        ..Header::new(kind)
    };
    if is_call {
        header.set_pointers(&[OBJECT]);
    }
    let (n, other) = if is_call { (1, 2) } else { (2, 1) };
    let bytes = header.to_bytes();
    let mut sum = Sum::default();
    sum.add(&bytes);
    let headers = addresses(n, address(n), address(other)).headers(bytes.len(), sum).expect("it is short");
    [&headers[..], &bytes].concat()
}

fn main() {
    let calls: u64 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(200_000);
    let mut first = World::new(Vec::new());
    first.join(1, None);
    first.join(2, None);
    first.join(3, Some(MemoryServer { server: 1, boot: 1 }));
    let methods = vec![(MethodField::new("Test", "run"), 0)];
    let serve = Serve { service: "Test".into(), instance: INSTANCE, state: ServeState::Open, methods, more: false };
    first.say(2, address(2), 1, 1 << 32 | 3, ControlMessage::Serve(serve));
    // One that begins anew finds the object at the memory server.
    let mut world = World::new(first.records);
    assert!(world.gatekeeper.is_ready() && world.gatekeeper.objects(None).count() == 1, "the object is there");
    world.is_listening = false;
    let frames: Vec<_> =
        (1..=calls).map(|rpc| (packet(PacketType::Call, rpc), packet(PacketType::Reply, rpc))).collect();
    let start = Instant::now();
    for (call, reply) in &frames {
        for (port, frame) in [(1, call), (2, reply)] {
            world.gatekeeper.handle(NOW, Input::Packet { reason: Reason::Lease, port, frame });
            world.run();
        }
    }
    let elapsed = start.elapsed();
    let counts = world.gatekeeper.call_counts();
    assert_eq!((counts.released, counts.ended), (calls, calls), "each was released and has ended: {counts:?}");
    let decisions = 2 * calls;
    println!("{decisions} decisions in {elapsed:?}: {:.0} a second", decisions as f64 / elapsed.as_secs_f64());
}
