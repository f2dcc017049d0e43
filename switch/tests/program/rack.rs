//! A small rack: a client, two servers, a memory server, and the switch between them.

use std::net::Ipv6Addr;

use bifrost_rpc::wire::{Flags, MethodField, PacketType, Pointer};
use bifrost_switch::engine::{Engine, MatchParam, Outputs};

use super::frame::{Mac, Packet, Station};
use super::setup::{Group, Setup, exact, lpm};

pub(crate) const SWITCH: Mac = [2, 0xb1, 0xf0, 0, 0, 1];
/// The control plane's port.
pub(crate) const CONTROL_PLANE: u32 = 510;

pub(crate) const CLIENT: Station = station(1, 0xc1);
pub(crate) const FIRST_SERVER: Station = station(2, 0x51);
pub(crate) const SECOND_SERVER: Station = station(3, 0x52);
/// Its address is the memory's, see [`memory`].
pub(crate) const MEMORY: Station = station(4, 0x3e);
/// A machine at a port that nobody told the switch of.
pub(crate) const STRANGER: Station = station(7, 0x99);
/// The service's address. Both servers own it.
pub(crate) const SERVICE: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0x5e, 1);
/// Routed to the second server.
pub(crate) const FAR: Ipv6Addr = Ipv6Addr::new(0xfd01, 0, 0, 0, 0, 0, 0, 1);

/// An instance at the second server.
pub(crate) const INSTANCE: u32 = 0x33;
/// One whose node does not own the service's address.
pub(crate) const REWRITTEN: u32 = 0x44;
/// One that is being restored.
pub(crate) const HELD: u32 = 0x55;

/// The object that the client may read.
pub(crate) const OBJECT: u64 = 77;
pub(crate) const ALLOC: u8 = 1;
pub(crate) const READ: u8 = 2;
pub(crate) const WRITE: u8 = 3;
pub(crate) const FREE: u8 = 4;

pub(crate) const TO_CALLEE: Flags = Flags::TO_CALLEE;
pub(crate) const FIRST: Flags = Flags::FIRST;
pub(crate) const FIRST_TO_CALLEE: Flags = Flags::FIRST.with(Flags::TO_CALLEE);
pub(crate) const MEMORY_REPLY: Flags = Flags::FIRST.with(Flags::MEMORY_REPLY);

/// Verdicts that are no reasons.
pub(crate) const FORWARDED: u8 = 32;
pub(crate) const PASSED: u8 = 33;

const fn station(port: u32, id: u16) -> Station {
    let number = port.to_be_bytes();
    Station { port, mac: [2, 0, 0, 0, 0, number[3]], address: Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, id) }
}

/// A method that is not tracked, one that is mirrored, one that is redirected, and one that nobody serves.
pub(crate) fn method(name: &str) -> MethodField {
    MethodField::new("Ping", name)
}

/// The address of an operation on an object of server 1.
pub(crate) fn memory(object: u64, operation: u8) -> Ipv6Addr {
    Pointer::new(0xfd, 1, object).with_operation(operation, 0).address()
}

/// A packet from the client to the service.
pub(crate) fn to_service(kind: PacketType, flags: Flags) -> Packet {
    Packet::new(CLIENT, SERVICE, kind, flags)
}

/// A packet from the first server, which answers for the service.
pub(crate) fn answer(kind: PacketType, flags: Flags) -> Packet {
    Packet::new(FIRST_SERVER, CLIENT.address, kind, flags).source(SERVICE)
}

/// A packet from the client to an object, whose pointer is its destination.
pub(crate) fn to_memory(object: u64, operation: u8, kind: PacketType) -> Packet {
    let address = memory(object, operation);
    Packet::new(CLIENT, address, kind, FIRST_TO_CALLEE).pointer(address)
}

/// A packet from an object to the client.
pub(crate) fn from_memory(object: u64, operation: u8, kind: PacketType) -> Packet {
    let address = memory(object, operation);
    Packet::new(MEMORY, CLIENT.address, kind, MEMORY_REPLY).source(address).pointer(address)
}

/// The rack's entries.
pub(crate) fn setup() -> Setup {
    let mut setup = Setup::default();
    for node in [CLIENT, FIRST_SERVER, SECOND_SERVER] {
        setup.admit(node, node.address, 128);
        setup.add("node", &[exact(&node.address.octets())], "deliver", &[&port(node), &node.mac]);
        setup.add("l2", &[exact(&node.mac)], "forward", &[&port(node)]);
    }
    setup.admit(FIRST_SERVER, SERVICE, 128);
    setup.admit(SECOND_SERVER, SERVICE, 128);
    setup.admit(MEMORY, memory(0, 0), 48);
    setup.add("memory_server", &[exact(&[1])], "deliver", &[&port(MEMORY), &MEMORY.mac]);
    setup.add("node", &[exact(&SERVICE.octets())], "deliver", &[&port(FIRST_SERVER), &FIRST_SERVER.mac]);
    for (name, tracking) in [("ping", 0), ("mirrored", 0x05), ("redirected", 0x0a)] {
        let key = [exact(&[method(name).name_len()]), exact(method(name).bytes())];
        setup.add("rpc_service", &key, "serve", &[&[0, 7], &[tracking]]);
    }
    setup.place(FIRST_SERVER, 0, 0);
    let second: [&[u8]; 2] = [&port(SECOND_SERVER), &SECOND_SERVER.mac];
    setup.add("rpc_instance", &[exact(&INSTANCE.to_be_bytes())], "deliver", &second);
    let rewrites: [&[u8]; 3] = [second[0], second[1], &SECOND_SERVER.address.octets()];
    setup.add("rpc_instance", &[exact(&REWRITTEN.to_be_bytes())], "deliver_to", &rewrites);
    setup.add("rpc_instance", &[exact(&HELD.to_be_bytes())], "hold", &[]);
    let source = [exact(&SECOND_SERVER.address.octets()), exact(&7401u16.to_be_bytes())];
    setup.add("service_source", &source, "answer_as", &[&SERVICE.octets()]);
    setup.add("ipv6_route", &[lpm(&FAR.octets(), 16)], "deliver", &second);
    setup.add("ipv4_route", &[lpm(&[10, 0, 0, 0], 8)], "deliver", &second);
    setup.add("memory_access", &access(OBJECT, READ), "allow", &[]);
    setup.mirrors.push((1, CONTROL_PLANE));
    setup.groups.push(Group { group: 1, rid: 0, ports: (1..=4).collect() });
    setup
}

impl Setup {
    fn admit(&mut self, node: Station, address: Ipv6Addr, bits: u32) {
        let key = [exact(&port(node)), exact(&node.mac), lpm(&address.octets(), bits)];
        self.add("port_security", &key, "admit", &[]);
    }

    /// A node as one of the service's, for shares with this prefix.
    pub(crate) fn place(&mut self, node: Station, share: u16, bits: u32) {
        let key = [exact(&[0, 7]), lpm(&share.to_be_bytes(), bits)];
        self.add("rpc_place", &key, "deliver", &[&port(node), &node.mac]);
    }
}

/// The client's right to do something with an object.
pub(crate) fn access(object: u64, operation: u8) -> [MatchParam; 4] {
    [exact(&[1]), exact(&object.to_be_bytes()), exact(&[operation]), exact(&CLIENT.address.octets())]
}

/// A port as action data and key.
pub(crate) fn port(station: Station) -> [u8; 2] {
    u16::try_from(station.port).unwrap().to_be_bytes()
}

/// The frame as it is delivered to a machine.
pub(crate) fn delivered(frame: &[u8], to: Station) -> (u32, Vec<u8>) {
    (to.port, [&to.mac[..], &SWITCH, &frame[12..]].concat())
}

/// The frame as the control plane gets it.
pub(crate) fn packet_in(reason: u8, port: u32, frame: &[u8]) -> (u32, Vec<u8>) {
    let port = u16::try_from(port).unwrap().to_be_bytes();
    let length = u32::try_from(frame.len()).unwrap().to_be_bytes();
    (CONTROL_PLANE, [&[reason, 0], &port[..], &length, frame].concat())
}

/// The rack's switch.
pub(crate) struct Rack {
    pub(crate) engine: Engine,
}

impl Rack {
    pub(crate) fn new() -> Self {
        Self::with(&setup())
    }

    pub(crate) fn with(setup: &Setup) -> Self {
        let mut engine = Engine::load(bifrost_switch::PROGRAM, 1).unwrap();
        setup.install(&mut engine);
        Self { engine }
    }

    /// The verdict on a frame, and what leaves the switch for it, in the order of ports.
    pub(crate) fn take(&mut self, port: u32, frame: &[u8]) -> (u8, Vec<(u32, Vec<u8>)>) {
        self.engine.clear_counters("verdicts").unwrap();
        let mut out = Outputs::default();
        self.engine.process(0, port, frame, &mut out);
        let counted = |&verdict: &u8| self.engine.counter("verdicts", verdict.into()).unwrap().packets == 1;
        let verdicts: Vec<u8> = (0..64).filter(counted).collect();
        let mut packets: Vec<_> = out.packets().map(|(port, bytes)| (port, bytes.to_vec())).collect();
        packets.sort();
        assert_eq!(verdicts.len(), 1, "a packet has one verdict");
        (verdicts[0], packets)
    }

    #[track_caller]
    pub(crate) fn delivers(&mut self, packet: &Packet, to: Station) {
        let frame = packet.frame();
        assert_eq!(self.take(packet.from.port, &frame), (FORWARDED, vec![delivered(&frame, to)]));
    }

    #[track_caller]
    pub(crate) fn redirects(&mut self, packet: &Packet, reason: u8) {
        let (port, frame) = (packet.from.port, packet.frame());
        assert_eq!(self.take(port, &frame), (reason, vec![packet_in(reason, port, &frame)]));
    }

    #[track_caller]
    pub(crate) fn drops(&mut self, packet: &Packet, verdict: u8) {
        self.drops_frame(packet.from.port, &packet.frame(), verdict);
    }

    #[track_caller]
    pub(crate) fn drops_frame(&mut self, port: u32, frame: &[u8], verdict: u8) {
        assert_eq!(self.take(port, frame), (verdict, vec![]));
    }

    /// A frame that leaves as it came.
    #[track_caller]
    pub(crate) fn passes(&mut self, port: u32, frame: &[u8], ports: &[u32]) {
        let expected: Vec<_> = ports.iter().map(|&port| (port, frame.to_vec())).collect();
        assert_eq!(self.take(port, frame), (PASSED, expected));
    }

    /// What the control plane sends into the switch by the forwarding tables.
    #[track_caller]
    pub(crate) fn routes(&mut self, packet: &Packet, to: Station) {
        let frame = packet.frame();
        let sent = [&[0; 8][..], &frame].concat();
        assert_eq!(self.take(CONTROL_PLANE, &sent), (FORWARDED, vec![delivered(&frame, to)]));
    }
}
