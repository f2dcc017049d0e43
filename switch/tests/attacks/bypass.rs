//! The same with the switch bypassed: frames that are put straight into the memory server's cable, in a rack with a key.

use crate::counts::Count;
use crate::frames::{Ask, ROOT, address, addresses, frame, mac, made, other_protocol, packet, parse};
use crate::grants::grant;
use crate::leases::{Lending, Lent};
use crate::rack::Rack;
use crate::raw::{Raw, Session};
use crate::rights::SECRET;
use crate::seal;
use crate::service::call_message;
use crate::{WAIT, until};
use bifrost_rpc::memory::Pointer;
use bifrost_rpc::node::Node;
use bifrost_rpc::wire::frame::FrameAddresses;
use bifrost_rpc::wire::{
    Flags, Header, MEMORY_CONTROL_PORT, MemoryFields, MemoryStatus, OpenBody, OpenedBody, PacketType,
};

const KEY: seal::Secret = [9; 32];

fn rack() -> Rack {
    Rack::with_key(Some(KEY))
}

/// An honest node's object, and a node that has no right to it but a session of its own.
struct Behind {
    rack: Rack,
    owner: Node,
    object: Pointer,
    thief: Raw,
    session: Session,
}

impl Behind {
    fn begin() -> Self {
        let rack = rack();
        let (owner, mut thief) = (rack.node(1), rack.raw(2));
        let object = owner.memory().alloc_and_write(SECRET).unwrap();
        let session = thief.open_memory();
        Self { rack, owner, object, thief, session }
    }

    fn is_stopped(&mut self, asked: &Ask<'_>, by: Count) {
        let frame = self.thief.request(&self.session, asked);
        self.rack.counted(by, || self.rack.memory.cable.put(&frame));
    }

    fn finish(self) {
        self.rack.assert_unchanged(&self.owner, self.object, SECRET);
    }
}

#[test]
fn nothing_is_done_without_a_grant() {
    let mut behind = Behind::begin();
    let object = behind.object;
    for asked in [Ask::read(object, 4), Ask::write(object, b"evil"), Ask::free(object)] {
        behind.is_stopped(&asked, Count::Refusal("NoRight"));
    }
    behind.finish();
}

#[test]
fn nothing_is_done_after_free() {
    let mut behind = Behind::begin();
    let own = made(&behind.thief.ask(&behind.session, &Ask::alloc(b"mine")).header);
    let freed = behind.thief.ask(&behind.session, &Ask::free(own));
    assert_eq!(MemoryFields::of(&freed.header).status, MemoryStatus::Ok);
    for asked in [Ask::read(own, 4), Ask::write(own, b"evil"), Ask::free(own)] {
        behind.is_stopped(&asked, Count::Refusal("NoSuchObject"));
    }
    behind.finish();
}

#[test]
fn a_lessee_only_reads_and_only_until_its_reply() {
    let mut lent = Lent::begin(rack());
    let third = lent.third.open_memory();
    let frame = lent.third.request(&third, &Ask::read(lent.object, 4));
    lent.rack.counted(Count::Refusal("NoRight"), || lent.rack.memory.cable.put(&frame));
    for asked in [Ask::write(lent.object, b"evil"), Ask::free(lent.object)] {
        let frame = lent.callee.request(&lent.session, &asked);
        lent.rack.counted(Count::Refusal("NoRight"), || lent.rack.memory.cable.put(&frame));
    }
    lent.assert_readable();
    lent.end();
    let frame = lent.callee.request(&lent.session, &Ask::read(lent.object, 4));
    lent.rack.counted(Count::Refusal("NoRight"), || lent.rack.memory.cable.put(&frame));
    lent.rack.assert_unchanged(&lent.owner, lent.object, SECRET);
}

#[test]
fn the_controller_does_not_write_while_it_is_leased_and_the_switch_bypassed() {
    let mut lending = Lending::begin(rack());
    let object = lending.alloc(b"lent");
    let (_, call) = lending.caller.call(&lending.session, &call_message(object), &[object]);
    lending.caller.send(&call);
    assert_eq!(lending.keep.looked.recv_timeout(WAIT).unwrap().unwrap(), b"lent");
    let frame = lending.caller.request(&lending.memory, &Ask::write(object, b"late"));
    lending.rack.counted(Count::Refusal("Leased"), || lending.rack.memory.cable.put(&frame));
    assert_eq!(lending.caller.ask(&lending.memory, &Ask::read(object, 4)).body, b"lent");
    lending.keep.go.send(()).unwrap();
}

#[test]
fn an_ended_incarnation_is_refused_behind_the_switch() {
    let mut behind = Behind::begin();
    let own = made(&behind.thief.ask(&behind.session, &Ask::alloc(b"mine")).header);
    behind.rack.declare_dead(2);
    for asked in [Ask::read(own, 4), Ask::write(behind.object, b"evil"), Ask::alloc(b"more")] {
        behind.is_stopped(&asked, Count::Refusal("EndedIncarnation"));
    }
    behind.finish();
}

#[test]
fn a_recorded_packet_does_not_open_again() {
    let mut behind = Behind::begin();
    let own = made(&behind.thief.ask(&behind.session, &Ask::alloc(b"zero")).header);
    let recorded = behind.thief.request(&behind.session, &Ask::write(own, b"one."));
    let rpc = parse(&recorded).unwrap().1.rpc;
    behind.thief.exchange("the answer", &recorded, |heard| heard.header.rpc == rpc);
    behind.thief.ask(&behind.session, &Ask::write(own, b"two."));
    behind.rack.counted(Count::Unauthentic, || behind.rack.memory.cable.put(&recorded));
    assert_eq!(behind.thief.ask(&behind.session, &Ask::read(own, 4)).body, b"two.");
    behind.finish();
}

#[test]
fn the_pointer_is_the_address_behind_the_switch() {
    let mut behind = Behind::begin();
    let own = made(&behind.thief.ask(&behind.session, &Ask::alloc(b"mine")).header);
    let write = Ask::write(own, b"evil");
    let header = behind.thief.operation(&behind.session, &write);
    let sealed = seal::seal(&behind.session.keys.unwrap()[0], header, write.data);
    for to in [behind.object.with_operation(3, 0), own.with_operation(2, 0), ROOT] {
        let frame = frame(&addresses(2, to.address()), &sealed);
        behind.rack.counted(Count::Misplaced, || behind.rack.memory.cable.put(&frame));
    }
    behind.finish();
}

#[test]
fn other_protocols_are_dropped_behind_the_switch() {
    let behind = Behind::begin();
    let to = addresses(2, Ask::write(behind.object, b"").pointer().address());
    for odd in [other_protocol(&to, 58, &[128, 0, 0, 0]), other_protocol(&to, 6, &[0; 20]), frame(&to, b"no packet")] {
        behind.rack.counted(Count::Odd, || behind.rack.memory.cable.put(&odd));
    }
    behind.finish();
}

/// An OPEN of a memory session.
fn open(client: u64, incarnation: u32, token: Vec<u8>) -> (Header, Vec<u8>) {
    let header = Header {
        flags: Flags::FIRST.with(Flags::TO_CALLEE),
        pointers: 1,
        pointer: ROOT.to_bytes(),
        client,
        rpc: 77,
        incarnation,
        ..Header::new(PacketType::Open)
    };
    let body = OpenBody { previous: 0, random: [0; 32], datagram_bytes: 1232, message_bytes_max: 1 << 20, token };
    (header, body.to_bytes())
}

/// From the owner's place to the memory server.
fn forged(to: std::net::Ipv6Addr) -> FrameAddresses {
    FrameAddresses { source_mac: mac(2), source: address(1), ..addresses(2, to) }
}

#[test]
fn nobody_has_another_nodes_session() {
    let mut behind = Behind::begin();
    let put = |frame: &[u8]| behind.rack.memory.cable.put(frame);
    // A session in the owner's name, and in that of another life: without a key, and with one's own.
    let own = behind.thief.memory_key().unwrap();
    for (from, incarnation) in [(forged(ROOT.address()), 1), (addresses(2, ROOT.address()), 2)] {
        let (header, body) = open(5, incarnation, Vec::new());
        behind.rack.counted(Count::Unauthentic, || put(&frame(&from, &packet(header, &body))));
        let sealed = seal::seal_open(&own, [1; 24], header, &body);
        behind.rack.counted(Count::Unauthentic, || put(&frame(&from, &sealed)));
    }
    // Its own session from the owner's address, and for another life.
    let asked = Ask::read(behind.object, 4);
    let header = behind.thief.operation(&behind.session, &asked);
    let key = behind.session.keys.unwrap()[0];
    let to = asked.pointer().address();
    behind.rack.counted(Count::Strays, || put(&frame(&forged(to), &seal::seal(&key, header, &[]))));
    let other_life = Header { incarnation: 2, ..behind.thief.operation(&behind.session, &asked) };
    behind.rack.counted(Count::Strays, || put(&frame(&addresses(2, to), &seal::seal(&key, other_life, &[]))));
    behind.finish();
}

/// What the key is for: without it, whoever bypasses the switch is who he says, as the documentation admits.
#[test]
fn without_a_key_a_forged_address_is_believed_behind_the_switch() {
    let rack = Rack::start();
    let owner = rack.node(1);
    let object = owner.memory().alloc_and_write(SECRET).unwrap();
    let cable = &rack.memory.cable;
    let opened = |token: Vec<u8>| {
        let (header, body) = open(5, owner.incarnation(), token);
        cable.put(&frame(&forged(ROOT.address()), &packet(header, &body)));
        let mut said = None;
        until("OPENED", || {
            let heard = std::iter::from_fn(|| cable.heard()).filter_map(|frame| parse(&frame));
            said = said.take().or(heard.filter(|(_, header, _)| header.rpc == 77).last());
            said.is_some()
        });
        said.unwrap()
    };
    let (_, _, body) = opened(Vec::new());
    let (_, session, _) = opened(OpenedBody::parse(&body).unwrap().token);
    assert_ne!(session.session, 0);
    let asked = Ask::read(object, SECRET.len() as u64);
    let header = Header {
        client: 5,
        rpc: 1,
        lowest: 1,
        packet: 1,
        instance: session.instance,
        session: session.session,
        incarnation: owner.incarnation(),
        ..asked.header()
    };
    cable.put(&frame(&forged(asked.pointer().address()), &packet(header, &[])));
    let is_stolen = |frame: &[u8]| parse(frame).is_some_and(|(_, header, body)| header.client == 5 && body == SECRET);
    until("the owner's bytes", || std::iter::from_fn(|| cable.heard()).any(|frame| is_stolen(&frame)));
}

#[test]
fn a_grant_needs_the_racks_key() {
    let behind = Behind::begin();
    let controls = behind.rack.memory.daemon.memory().metrics().controls;
    let put = |frame: &[u8]| behind.rack.memory.cable.put(frame);
    let to = FrameAddresses { destination_port: MEMORY_CONTROL_PORT, ..addresses(2, ROOT.address()) };
    let open = Header { kind: PacketType::Open, ..grant(7) };
    let (_, body) = self::open(7, 1, Vec::new());
    behind.rack.counted(Count::FrontUnauthentic, || put(&frame(&to, &packet(open, &body))));
    let sealed = seal::seal_open(&behind.thief.memory_key().unwrap(), [1; 24], open, &body);
    behind.rack.counted(Count::FrontUnauthentic, || put(&frame(&to, &sealed)));
    behind.rack.counted(Count::FrontStrays, || put(&frame(&to, &packet(grant(7), b"call"))));
    assert_eq!(behind.rack.memory.daemon.memory().metrics().controls, controls, "a control message was applied");
    behind.finish();
}
