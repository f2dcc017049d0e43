//! Section 7: to and from the control plane.

use bifrost_rpc::wire::{Flags, PacketType};

use super::frame::{ICMP6, IPV6, Packet, ethernet, ipv6};
use super::rack::{
    ALLOC, CLIENT, CONTROL_PLANE, FIRST_SERVER, FIRST_TO_CALLEE, FREE, HELD, INSTANCE, MEMORY, OBJECT, Rack,
    SECOND_SERVER, STRANGER, SWITCH, TO_CALLEE, WRITE, answer, delivered, from_memory, method, to_memory, to_service,
};
use super::setup::lpm;

const UNSOUND: u8 = 45;

fn packet_out(mode: u8, port: u16, frame: &[u8]) -> Vec<u8> {
    [&[mode, 0], &port.to_be_bytes()[..], &[0; 4], frame].concat()
}

#[test]
fn a_packet_that_was_redirected_can_be_sent_on() {
    let mut rack = Rack::new();
    let call = to_service(PacketType::Call, FIRST_TO_CALLEE).method(method("redirected")).instance(INSTANCE);
    rack.routes(&call.clone().flags(FIRST_TO_CALLEE.with(Flags::LEASED)), SECOND_SERVER);
    rack.routes(&call.method(method("other")).instance(0), FIRST_SERVER);
    rack.routes(&answer(PacketType::Reply, Flags::FIRST.with(Flags::LEASED)), CLIENT);
    rack.routes(&to_memory(0, ALLOC, PacketType::Memory), MEMORY);
    rack.routes(&to_memory(OBJECT, FREE, PacketType::Memory), MEMORY);
    rack.routes(&from_memory(0, ALLOC, PacketType::Memory), CLIENT);
}

#[test]
fn checks_of_sources_and_access_are_not_the_control_planes() {
    let mut rack = Rack::new();
    rack.routes(&to_memory(OBJECT, WRITE, PacketType::Memory), MEMORY);
    rack.routes(&to_service(PacketType::Ping, TO_CALLEE).from(STRANGER), FIRST_SERVER);
    rack.engine.table_add("blocked_destination", &[lpm(&CLIENT.address.octets(), 128)], "block", &[], 0).unwrap();
    rack.routes(&answer(PacketType::Refused, Flags(0)), CLIENT);
}

#[test]
fn control_and_held_of_the_control_plane_go_where_they_are_sent() {
    let mut rack = Rack::new();
    rack.routes(&to_memory(0, 0, PacketType::Control).from(STRANGER), MEMORY);
    rack.routes(&to_service(PacketType::Control, TO_CALLEE).from(STRANGER), FIRST_SERVER);
    rack.routes(&answer(PacketType::Held, Flags(0)), CLIENT);
    rack.routes(&from_memory(OBJECT, WRITE, PacketType::Held).flags(Flags(0)), CLIENT);
}

#[test]
fn a_mismatch_is_dropped_whoever_sends_it() {
    let mismatch = to_memory(OBJECT, WRITE, PacketType::Memory).pointer(super::rack::FAR).frame();
    Rack::new().drops_frame(CONTROL_PLANE, &packet_out(0, 0, &mismatch), 38);
}

#[test]
fn calls_of_the_control_plane_are_not_mirrored() {
    let call = to_service(PacketType::Call, FIRST_TO_CALLEE).method(method("mirrored")).instance(INSTANCE);
    Rack::new().routes(&call, SECOND_SERVER);
}

#[test]
fn a_held_instance_is_held_for_from_the_control_plane_too() {
    let frame = to_service(PacketType::Call, FIRST_TO_CALLEE).method(method("ping")).instance(HELD).frame();
    let (verdict, out) = Rack::new().take(CONTROL_PLANE, &packet_out(0, 0, &frame));
    assert_eq!((verdict, out.len()), (6, 1));
}

#[test]
fn ordinary_frames_of_the_control_plane_are_forwarded() {
    let icmp = ipv6(STRANGER.address, FIRST_SERVER.address, ICMP6, 64, &[0x80; 8]);
    let frame = ethernet(FIRST_SERVER.mac, SWITCH, IPV6, &icmp);
    let out = vec![(FIRST_SERVER.port, frame.clone())];
    assert_eq!(Rack::new().take(CONTROL_PLANE, &packet_out(0, 0, &frame)), (33, out));
}

#[test]
fn a_frame_for_a_port_goes_out_as_it_is() {
    let mut rack = Rack::new();
    let concealed = ethernet(SWITCH, SWITCH, IPV6, &ipv6(CLIENT.address, CLIENT.address, 60, 1, b""));
    for frame in [b"whatever it is, as it is".to_vec(), concealed, to_memory(1, WRITE, PacketType::Memory).frame()] {
        let out = vec![(3, frame.clone())];
        assert_eq!(rack.take(CONTROL_PLANE, &packet_out(1, 3, &frame)), (33, out));
    }
}

#[test]
fn an_unsound_packet_out_is_dropped() {
    let mut rack = Rack::new();
    let frame = to_service(PacketType::Ping, TO_CALLEE).frame();
    rack.drops_frame(CONTROL_PLANE, &packet_out(2, 3, &frame), UNSOUND);
    rack.drops_frame(CONTROL_PLANE, &packet_out(255, 3, &frame), UNSOUND);
    rack.drops_frame(CONTROL_PLANE, &packet_out(1, 511, &frame), UNSOUND);
    rack.drops_frame(CONTROL_PLANE, &packet_out(1, 0x203, &frame), UNSOUND);
    for length in 0..22 {
        rack.drops_frame(CONTROL_PLANE, &vec![1; length], UNSOUND);
        rack.drops_frame(CONTROL_PLANE, &vec![0; length], UNSOUND);
    }
}

#[test]
fn a_packet_out_header_from_a_node_is_no_such_header() {
    let frame = packet_out(1, 3, &Packet::new(CLIENT, SECOND_SERVER.address, PacketType::Ping, TO_CALLEE).frame());
    let (_, out) = Rack::new().take(CLIENT.port, &frame);
    assert!(out.iter().all(|(_, bytes)| *bytes == frame), "flooded like any frame of an unknown type");
}

#[test]
fn a_packet_of_the_control_plane_takes_new_addresses_like_any() {
    let ping = to_service(PacketType::Ping, TO_CALLEE).from(STRANGER).frame();
    let (_, out) = Rack::new().take(CONTROL_PLANE, &packet_out(0, 0, &ping));
    assert_eq!(out, [delivered(&ping, FIRST_SERVER)]);
}
