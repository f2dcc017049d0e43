//! Section 4: calls.

use bifrost_rpc::wire::{Flags, MethodField, PacketType};

use super::frame::{Packet, udp_sum};
use super::rack::{
    CLIENT, CONTROL_PLANE, FIRST, FIRST_SERVER, FIRST_TO_CALLEE, HELD, INSTANCE, REWRITTEN, Rack, SECOND_SERVER,
    SERVICE, TO_CALLEE, answer, delivered, memory, method, packet_in, setup, to_service,
};

const MALFORMED: u8 = 39;
const UNSERVED: u8 = 3;
const TRACKED: u8 = 4;
const LEASE: u8 = 5;

fn call(name: &str) -> Packet {
    to_service(PacketType::Call, FIRST_TO_CALLEE).method(method(name)).instance(INSTANCE)
}

#[test]
fn an_open_goes_to_an_instance_of_its_methods_service() {
    let open = to_service(PacketType::Open, FIRST_TO_CALLEE).method(method("ping"));
    Rack::new().delivers(&open, FIRST_SERVER);
}

#[test]
fn a_call_goes_to_the_instance_that_it_names() {
    Rack::new().delivers(&call("ping"), SECOND_SERVER);
}

#[test]
fn a_call_to_an_instance_that_is_gone_goes_to_one_that_serves_its_method() {
    Rack::new().delivers(&call("ping").instance(0x99), FIRST_SERVER);
}

#[test]
fn without_a_method_an_instance_that_is_gone_is_looked_for_by_address() {
    let ping = to_service(PacketType::Ping, TO_CALLEE);
    Rack::new().delivers(&ping.clone().instance(INSTANCE), SECOND_SERVER);
    Rack::new().delivers(&ping.instance(0x99), FIRST_SERVER);
}

#[test]
fn a_packet_to_a_callee_with_a_method_pays_no_heed_to_its_address() {
    let elsewhere = Packet { to: CLIENT.address, ..call("ping").instance(0) };
    Rack::new().delivers(&elsewhere, FIRST_SERVER);
}

#[test]
fn an_instance_that_is_restored_is_held_for() {
    Rack::new().redirects(&call("ping").instance(HELD), 6);
}

#[test]
fn instances_share_sessions_by_a_hash_of_client_and_nonce() {
    let mut setup = setup();
    setup.entries.retain(|entry| entry.table != "rpc_place");
    setup.place(FIRST_SERVER, 0, 1);
    setup.place(SECOND_SERVER, 0x8000, 1);
    let mut rack = Rack::with(&setup);
    let mut seen = [0, 0];
    for nonce in 0..64 {
        let mut open = to_service(PacketType::Open, FIRST_TO_CALLEE).method(method("ping"));
        open.header.rpc = nonce;
        let input = [open.header.client.to_be_bytes(), nonce.to_be_bytes()].concat();
        let share = crc::Crc::<u16>::new(&crc::CRC_16_ARC).checksum(&input);
        rack.delivers(&open, if share < 0x8000 { FIRST_SERVER } else { SECOND_SERVER });
        seen[usize::from(share >> 15)] += 1;
    }
    assert!(seen.iter().all(|&count| count > 16), "{seen:?}");
}

#[test]
fn a_method_that_nobody_serves_is_redirected_and_its_later_fragments_are_dropped() {
    let mut rack = Rack::new();
    rack.redirects(&call("other").instance(0), UNSERVED);
    rack.drops(&call("other").instance(0).flags(TO_CALLEE), 0);
}

#[test]
fn a_service_without_a_place_is_served_by_nobody() {
    let mut setup = setup();
    setup.entries.retain(|entry| entry.table != "rpc_place");
    let mut rack = Rack::with(&setup);
    rack.redirects(&call("ping").instance(0), UNSERVED);
    rack.drops(&call("ping").instance(0).flags(TO_CALLEE), 0);
    rack.delivers(&call("ping"), SECOND_SERVER);
}

#[test]
fn the_length_of_a_methods_name_counts() {
    let wrong = MethodField::from_wire(8, *method("ping").bytes());
    Rack::new().redirects(&call("ping").method(wrong), UNSERVED);
}

#[test]
fn calls_and_answers_with_pointers_or_leases_are_redirected_where_they_begin() {
    let mut rack = Rack::new();
    let leased = FIRST_TO_CALLEE.with(Flags::LEASED);
    for kind in [PacketType::Call, PacketType::Oneway] {
        rack.redirects(&call("ping").kind(kind).pointer(memory(77, 0)), LEASE);
        rack.redirects(&call("ping").kind(kind).flags(leased), LEASE);
        rack.delivers(&call("ping").kind(kind).flags(TO_CALLEE).pointer(memory(77, 0)), SECOND_SERVER);
        rack.delivers(&call("ping").kind(kind).flags(TO_CALLEE.with(Flags::LEASED)), SECOND_SERVER);
    }
    for kind in [PacketType::Reply, PacketType::Exception] {
        rack.redirects(&answer(kind, FIRST).pointer(memory(77, 0)), LEASE);
        rack.redirects(&answer(kind, FIRST.with(Flags::LEASED)), LEASE);
        rack.delivers(&answer(kind, Flags::LEASED), CLIENT);
    }
}

#[test]
fn what_ends_a_lease_is_redirected() {
    let mut rack = Rack::new();
    let cancel = to_service(PacketType::Cancel, TO_CALLEE).instance(INSTANCE);
    rack.redirects(&cancel.clone().flags(TO_CALLEE.with(Flags::LEASED)), LEASE);
    rack.delivers(&cancel, SECOND_SERVER);
    for kind in [PacketType::Done, PacketType::Refused] {
        rack.redirects(&answer(kind, Flags::LEASED), LEASE);
        rack.delivers(&answer(kind, Flags(0)), CLIENT);
    }
}

#[test]
fn tracked_calls_and_answers_are_redirected_where_they_begin() {
    let mut rack = Rack::new();
    for kind in [PacketType::Call, PacketType::Oneway] {
        rack.redirects(&call("redirected").kind(kind), TRACKED);
        rack.delivers(&call("redirected").kind(kind).flags(TO_CALLEE), SECOND_SERVER);
    }
    for kind in [PacketType::Reply, PacketType::Exception] {
        rack.redirects(&answer(kind, FIRST).method(method("redirected")), TRACKED);
        rack.delivers(&answer(kind, Flags(0)).method(method("redirected")), CLIENT);
    }
    rack.delivers(&call("redirected").kind(PacketType::Open), SECOND_SERVER);
}

#[test]
fn mirrored_calls_and_answers_go_on_and_the_control_plane_gets_their_first_256_bytes() {
    let mut rack = Rack::new();
    let mut long = call("mirrored");
    long.body = vec![b'y'; 1000];
    for (packet, to) in [(long, SECOND_SERVER), (answer(PacketType::Reply, FIRST).method(method("mirrored")), CLIENT)] {
        let (port, frame) = (packet.from.port, packet.frame());
        let (_, mut mirror) = packet_in(2, port, &frame);
        mirror.truncate(256);
        assert_eq!(rack.take(port, &frame), (32, vec![delivered(&frame, to), (CONTROL_PLANE, mirror)]));
    }
    rack.delivers(&call("mirrored").flags(TO_CALLEE), SECOND_SERVER);
    rack.delivers(&answer(PacketType::Reply, Flags(0)).method(method("mirrored")), CLIENT);
}

#[test]
fn an_answer_goes_to_its_callers_address() {
    let mut rack = Rack::new();
    for kind in [PacketType::Reply, PacketType::Exception, PacketType::Opened, PacketType::Ack, PacketType::Pong] {
        rack.delivers(&answer(kind, FIRST).method(method("ping")).instance(INSTANCE), CLIENT);
    }
    let nowhere = Packet { to: "fd00::77".parse().unwrap(), ..answer(PacketType::Reply, FIRST) };
    rack.drops(&nowhere, 0);
}

#[test]
fn a_type_goes_in_its_own_direction_only() {
    use PacketType::*;
    let mut rack = Rack::new();
    let to_callees = [Call, Oneway, Open, Ping, Close, Cancel];
    let to_callers = [Reply, Exception, Opened, Refused, Done, Pong];
    for kind in to_callees.into_iter().chain([Ack]) {
        rack.delivers(&call("ping").kind(kind), SECOND_SERVER);
    }
    for kind in to_callers {
        rack.drops(&call("ping").kind(kind), MALFORMED);
    }
    for kind in to_callees {
        rack.drops(&answer(kind, FIRST), MALFORMED);
    }
}

#[test]
fn memory_operations_between_nodes_and_unknown_types_are_dropped() {
    let mut rack = Rack::new();
    rack.drops(&call("ping").kind(PacketType::Memory), 42);
    rack.drops(&answer(PacketType::Memory, FIRST.with(Flags::MEMORY_REPLY)), 42);
    for kind in [0, 17, 255] {
        rack.drops(&Packet { kind: Some(kind), ..call("ping") }, MALFORMED);
        rack.drops(&Packet { kind: Some(kind), ..answer(PacketType::Reply, FIRST) }, MALFORMED);
    }
}

#[test]
fn held_is_the_control_planes_to_say() {
    let mut rack = Rack::new();
    rack.drops(&to_service(PacketType::Held, TO_CALLEE), 43);
    rack.drops(&answer(PacketType::Held, Flags(0)), 43);
}

#[test]
fn control_is_redirected_wherever_it_goes() {
    let mut rack = Rack::new();
    rack.redirects(&to_service(PacketType::Control, Flags(0)), 9);
    rack.redirects(&to_service(PacketType::Control, TO_CALLEE), 9);
    let nowhere = Packet { to: "fd00::77".parse().unwrap(), ..to_service(PacketType::Control, TO_CALLEE) };
    rack.redirects(&nowhere, 9);
}

#[test]
fn a_port_that_is_the_control_planes_makes_a_packet_in_of_the_frame_as_it_came() {
    let mut setup = setup();
    let place = setup.entries.iter_mut().find(|entry| entry.table == "rpc_place").unwrap();
    place.data = vec![CONTROL_PLANE.to_be_bytes()[2..].to_vec(), vec![2, 0, 0, 0, 0, 0xcc]];
    let (open, mac) = (call("ping").instance(0).frame(), [2, 0, 0, 0, 0, 0xcc]);
    let (verdict, out) = Rack::with(&setup).take(1, &open);
    let changed = [&mac[..], &super::rack::SWITCH, &open[12..]].concat();
    assert_eq!((verdict, out), (32, vec![packet_in(1, 1, &changed)]));
}

#[test]
fn a_rewritten_destination_keeps_the_checksum_right() {
    let before = call("ping").instance(REWRITTEN);
    let after = Packet { to: SECOND_SERVER.address, ..before.clone() };
    let out = vec![delivered(&after.frame(), SECOND_SERVER)];
    assert_eq!(Rack::new().take(1, &before.frame()), (32, out));
}

#[test]
fn a_rewritten_source_keeps_the_checksum_right() {
    let before = Packet { ports: (7401, 7400), ..answer(PacketType::Reply, FIRST) }.from(SECOND_SERVER);
    let after = before.clone().source(SERVICE);
    let out = vec![delivered(&after.frame(), CLIENT)];
    assert_eq!(Rack::new().take(3, &before.frame()), (32, out));
    let other_port = Packet { ports: (7402, 7400), ..before };
    Rack::new().delivers(&other_port, CLIENT);
}

#[test]
fn a_rewritten_packet_that_was_damaged_is_still_found_to_be() {
    let mut frame = call("ping").instance(REWRITTEN).frame();
    *frame.last_mut().unwrap() ^= 0x10;
    let (_, out) = Rack::new().take(1, &frame);
    assert_ne!(udp_sum(CLIENT.address, SECOND_SERVER.address, &out[0].1[54..]), 0);
}

#[test]
fn a_rewritten_checksum_is_right_for_many_addresses() {
    let mut setup = setup();
    let last = setup.entries.iter().position(|entry| entry.action == "deliver_to").unwrap();
    for i in 0..200u16 {
        let address = std::net::Ipv6Addr::new(i.wrapping_mul(331), !i, 0, 0xffff, i << 8, 0x8000, i, 0xfffe - i);
        setup.entries[last].data[2] = address.octets().to_vec();
        let (_, out) = Rack::with(&setup).take(1, &call("ping").instance(REWRITTEN).frame());
        assert_eq!(udp_sum(CLIENT.address, address, &out[0].1[54..]), 0, "{address}");
    }
}

#[test]
fn no_checksum_stays_none() {
    let before = Packet { has_checksum: false, ..call("ping").instance(REWRITTEN) };
    let after = Packet { to: SECOND_SERVER.address, ..before.clone() };
    assert_eq!(Rack::new().take(1, &before.frame()).1, [delivered(&after.frame(), SECOND_SERVER)]);
}
