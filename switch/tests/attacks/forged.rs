//! Forged addresses, recorded packets, pointers in the wrong place, other protocols.

use crate::counts::Count;
use crate::frames::{Ask, ROOT, address, addresses, frame, mac, made, other_protocol, packet, parse};
use crate::rack::Rack;
use crate::rights::{SECRET, Theft};
use bifrost_rpc::wire::control::ControlMessage;
use bifrost_rpc::wire::frame::FrameAddresses;
use bifrost_rpc::wire::{MemoryFields, MemoryStatus};

/// The same frame from another source.
fn from(frame: &[u8], source_mac: [u8; 6], port: u32) -> Vec<u8> {
    let (addresses, header, body) = parse(frame).unwrap();
    let forged = FrameAddresses { source_mac, source: address(port), ..addresses };
    crate::frames::frame(&forged, &packet(header, &body))
}

#[test]
fn a_forged_source_address_is_not_admitted() {
    let Theft { rack, owner, object, mut thief, session } = Theft::begin();
    let asked = Ask::read(object, SECRET.len() as u64);
    let request = thief.request(&session, &asked);
    for source_mac in [mac(2), mac(1)] {
        let forged = from(&request, source_mac, 1);
        rack.counted(Count::Verdict("dropped_not_admitted"), || thief.send(&forged));
    }
    // Were it admitted it would find the owner's right in the switch, and at the memory server only a session of another.
    let forged = from(&request, mac(2), 1);
    let before = rack.count(Count::Strays);
    crate::until("it passes", || {
        rack.admit(2, address(1));
        thief.send(&forged);
        rack.count(Count::Strays) > before
    });
    rack.assert_unchanged(&owner, object, SECRET);
}

#[test]
fn a_recorded_write_is_done_once() {
    let Theft { rack, owner, object, thief, .. } = Theft::begin();
    let mut writer = rack.raw(3);
    let session = writer.open_memory();
    let own = made(&writer.ask(&session, &Ask::alloc(b"zero")).header);
    let recorded = writer.request(&session, &Ask::write(own, b"one."));
    let rpc = parse(&recorded).unwrap().1.rpc;
    let wrote = writer.exchange("the answer", &recorded, |heard| heard.header.rpc == rpc);
    assert_eq!(MemoryFields::of(&wrote.header).status, MemoryStatus::Ok);
    // From the writer's own port, before the answer was acknowledged and after.
    rack.counted(Count::Duplicates, || writer.send(&recorded));
    assert_eq!(MemoryFields::of(&writer.ask(&session, &Ask::write(own, b"two.")).header).status, MemoryStatus::Ok);
    rack.counted(Count::Duplicates, || writer.send(&recorded));
    // From another port.
    rack.counted(Count::Verdict("dropped_not_admitted"), || thief.send(&recorded));
    let forged = from(&recorded, mac(2), 2);
    rack.counted(Count::Verdict("dropped_no_access"), || thief.send(&forged));
    assert_eq!(writer.ask(&session, &Ask::read(own, 4)).body, b"two.");
    thief.send(&recorded);
    rack.assert_unchanged(&owner, object, SECRET);
}

#[test]
fn a_recorded_announcement_brings_nobody_in() {
    let rack = Rack::start();
    let mut node = rack.raw(2);
    assert_eq!(node.ask_control(1, ControlMessage::Leave), ControlMessage::Confirmed);
    let announcement = node.join();
    assert_eq!(node.ask_control(2, ControlMessage::Leave), ControlMessage::Confirmed);
    let joined = rack.count(Count::Control("nodes_joined"));
    let before = rack.count(Count::Control("packets_stranger"));
    node.send(&announcement);
    crate::until("it is read", || rack.count(Count::Control("packets_stranger")) > before);
    let status = rack.status();
    let node = status.nodes.iter().find(|node| node.name == "n2").unwrap();
    assert_eq!((node.state.as_str(), node.incarnation), ("left", 2));
    assert_eq!(rack.count(Count::Control("nodes_joined")), joined);
}

#[test]
fn the_pointer_in_the_header_is_the_address() {
    let Theft { rack, owner, object, mut thief, session } = Theft::begin();
    let own = made(&thief.ask(&session, &Ask::alloc(b"mine")).header);
    let (mine, theirs) = (Ask::write(own, b"evil"), Ask::write(object, b"evil"));
    for (header_of, sent_to) in
        [(theirs, mine), (mine, theirs), (mine, Ask::read(own, 4)), (theirs, Ask::alloc(b"evil"))]
    {
        let header = thief.operation(&session, &header_of);
        let frame = thief.frame(sent_to.pointer().address(), header, header_of.data);
        rack.counted(Count::Verdict("dropped_pointer"), || thief.send(&frame));
    }
    rack.assert_unchanged(&owner, object, SECRET);
    assert_eq!(thief.ask(&session, &Ask::read(own, 4)).body, b"mine");
}

#[test]
fn no_packet_for_the_memory_comes_behind_another() {
    let Theft { rack, owner, object, mut thief, session } = Theft::begin();
    let own = made(&thief.ask(&session, &Ask::alloc(b"mine")).header);
    let mine = packet(thief.operation(&session, &Ask::read(own, 4)), &[]);
    let write = Ask::write(object, b"evil");
    let theirs = packet(thief.operation(&session, &write), write.data);
    let to = Ask::read(own, 4).pointer().address();
    let joined = frame(&addresses(2, to), &[mine, theirs].concat());
    rack.counted(Count::Odd, || thief.send(&joined));
    rack.assert_unchanged(&owner, object, SECRET);
}

/// Pieces that are no Bifröst packets to the switch, which joined would be one.
#[test]
fn no_packet_is_put_together_from_pieces() {
    let Theft { rack, owner, object, mut thief, session } = Theft::begin();
    let server = rack.node(4);
    let write = Ask::write(object, b"evil");
    let whole = packet(thief.operation(&session, &write), write.data);
    for piece in whole.chunks(60) {
        let to = FrameAddresses { destination_mac: mac(4), ..addresses(2, server.link().address()) };
        let before = server.link().odd_frames();
        thief.send(&frame(&to, piece));
        crate::until("the piece is dropped", || server.link().odd_frames() == before + 1);
        let to_memory = frame(&addresses(2, write.pointer().address()), piece);
        rack.counted(Count::Verdict("dropped_to_memory"), || thief.send(&to_memory));
    }
    rack.assert_unchanged(&owner, object, SECRET);
}

#[test]
fn other_protocols_do_not_reach_the_memory() {
    let Theft { rack, owner, object, thief, .. } = Theft::begin();
    let to = addresses(2, Ask::write(object, b"").pointer().address());
    const ECHO: [u8; 8] = [128, 0, 0, 0, 0, 1, 0, 1];
    for (protocol, payload) in [(58, &ECHO[..]), (6, &[0; 20]), (59, &[]), (89, &[0; 64])] {
        let frame = other_protocol(&to, protocol, payload);
        rack.counted(Count::Verdict("dropped_to_memory"), || thief.send(&frame));
    }
    let plain = FrameAddresses { source_port: 5000, destination_port: 5000, ..to };
    rack.counted(Count::Verdict("dropped_to_memory"), || thief.send(&frame(&plain, b"evil")));
    rack.counted(Count::Verdict("dropped_to_memory"), || thief.send(&frame(&to, b"no packet")));
    // UDP behind an extension header.
    let udp = frame(&to, b"evil")[54..].to_vec();
    let hidden = other_protocol(&to, 60, &[&[17, 0, 1, 4, 0, 0, 0, 0][..], &udp].concat());
    rack.counted(Count::Verdict("dropped_concealed"), || thief.send(&hidden));
    let root = addresses(2, ROOT.address());
    rack.counted(Count::Verdict("dropped_to_memory"), || thief.send(&other_protocol(&root, 58, &ECHO)));
    rack.assert_unchanged(&owner, object, SECRET);
}
