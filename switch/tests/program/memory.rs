//! Section 5: memory.

use bifrost_rpc::wire::{Flags, PacketType, Pointer};

use super::frame::{ICMP6, IPV6, Packet, TCP, UDP, ethernet, ipv6, udp};
use super::rack::{
    ALLOC, CLIENT, FIRST, FIRST_SERVER, FIRST_TO_CALLEE, FREE, MEMORY, MEMORY_REPLY, OBJECT, READ, Rack, SWITCH,
    TO_CALLEE, WRITE, access, from_memory, memory, to_memory,
};

const FOREIGN: u8 = 37;
const MISMATCH: u8 = 38;
const MALFORMED: u8 = 39;
const NO_ACCESS: u8 = 40;
const ALLOC_REASON: u8 = 7;
const FREE_REASON: u8 = 8;

const ABOUT_OPERATION: [PacketType; 4] = [PacketType::Memory, PacketType::Ack, PacketType::Ping, PacketType::Cancel];

#[test]
fn what_an_entry_allows_passes_and_nothing_else_does() {
    let mut rack = Rack::new();
    for kind in ABOUT_OPERATION {
        rack.delivers(&to_memory(OBJECT, READ, kind), MEMORY);
        rack.delivers(&to_memory(OBJECT, READ, kind).flags(TO_CALLEE), MEMORY);
        rack.drops(&to_memory(OBJECT, WRITE, kind), NO_ACCESS);
        rack.drops(&to_memory(OBJECT + 1, READ, kind), NO_ACCESS);
        rack.drops(&to_memory(OBJECT, READ, kind).from(FIRST_SERVER), NO_ACCESS);
    }
}

#[test]
fn an_operation_is_dropped_again_when_its_entry_is_removed() {
    let mut rack = Rack::new();
    let write = to_memory(OBJECT, WRITE, PacketType::Memory);
    rack.drops(&write, NO_ACCESS);
    let entry = rack.engine.table_add("memory_access", &access(OBJECT, WRITE), "allow", &[], 0).unwrap();
    rack.delivers(&write, MEMORY);
    rack.engine.table_delete("memory_access", entry).unwrap();
    rack.drops(&write, NO_ACCESS);
}

#[test]
fn the_argument_of_an_operation_is_in_no_key() {
    let address = Pointer::new(0xfd, 1, OBJECT).with_operation(READ, 3).address();
    let read = Packet { to: address, ..to_memory(OBJECT, READ, PacketType::Memory).pointer(address) };
    Rack::new().delivers(&read, MEMORY);
}

#[test]
fn an_unknown_server_or_operation_gets_nothing() {
    let mut rack = Rack::new();
    let elsewhere = Pointer::new(0xfd, 2, 0).address();
    rack.drops(&Packet { to: elsewhere, ..to_memory(0, 0, PacketType::Open).pointer(elsewhere) }, 0);
    rack.drops(&to_memory(OBJECT, 5, PacketType::Memory), MALFORMED);
}

#[test]
fn pointer_and_address_must_be_equal() {
    let mut rack = Rack::new();
    for other in [memory(OBJECT + 1, READ), memory(OBJECT, WRITE), memory(OBJECT, 0)] {
        rack.drops(&to_memory(OBJECT, READ, PacketType::Memory).pointer(other), MISMATCH);
        rack.drops(&from_memory(OBJECT, READ, PacketType::Memory).pointer(other), MISMATCH);
    }
}

#[test]
fn sessions_are_the_servers_and_no_objects() {
    let mut rack = Rack::new();
    for kind in [PacketType::Open, PacketType::Close, PacketType::Ack, PacketType::Ping] {
        rack.delivers(&to_memory(0, 0, kind), MEMORY);
        rack.drops(&to_memory(5, 0, kind), MALFORMED);
        let argument = Pointer::new(0xfd, 1, 0).with_operation(0, 1).address();
        rack.drops(&Packet { to: argument, ..to_memory(0, 0, kind).pointer(argument) }, MALFORMED);
    }
    rack.drops(&to_memory(0, 0, PacketType::Cancel), MALFORMED);
    rack.drops(&to_memory(0, 0, PacketType::Memory), MALFORMED);
}

#[test]
fn an_alloc_is_redirected_where_it_begins_and_is_at_no_object() {
    let mut rack = Rack::new();
    let alloc = to_memory(0, ALLOC, PacketType::Memory);
    rack.redirects(&alloc, ALLOC_REASON);
    rack.delivers(&alloc.flags(TO_CALLEE), MEMORY);
    rack.drops(&to_memory(3, ALLOC, PacketType::Memory), MALFORMED);
    for kind in [PacketType::Ack, PacketType::Ping, PacketType::Cancel] {
        rack.delivers(&to_memory(0, ALLOC, kind), MEMORY);
        rack.drops(&to_memory(3, ALLOC, kind), MALFORMED);
    }
}

#[test]
fn a_free_is_redirected_and_what_is_about_it_passes() {
    let mut rack = Rack::new();
    rack.redirects(&to_memory(OBJECT, FREE, PacketType::Memory), FREE_REASON);
    rack.redirects(&to_memory(OBJECT, FREE, PacketType::Memory).flags(TO_CALLEE), FREE_REASON);
    for kind in [PacketType::Ack, PacketType::Ping, PacketType::Cancel] {
        rack.delivers(&to_memory(OBJECT, FREE, kind), MEMORY);
    }
}

#[test]
fn calls_answers_and_control_do_not_go_to_the_memory() {
    use PacketType::*;
    let mut rack = Rack::new();
    for kind in [Call, Reply, Exception, Oneway, Open, Opened, Held, Refused, Done, Pong, Close] {
        rack.drops(&to_memory(OBJECT, READ, kind), MALFORMED);
    }
    rack.drops(&Packet { kind: Some(17), ..to_memory(OBJECT, READ, Memory) }, MALFORMED);
    rack.drops(&to_memory(OBJECT, READ, Control), 41);
}

#[test]
fn what_goes_to_the_memory_says_so_in_its_flags() {
    let mut rack = Rack::new();
    for flags in [FIRST, MEMORY_REPLY, FIRST_TO_CALLEE.with(Flags::MEMORY_REPLY)] {
        rack.drops(&to_memory(OBJECT, READ, PacketType::Memory).flags(flags), MALFORMED);
    }
    for flags in [FIRST, FIRST_TO_CALLEE, MEMORY_REPLY.with(TO_CALLEE)] {
        rack.drops(&from_memory(OBJECT, READ, PacketType::Memory).flags(flags), MALFORMED);
    }
}

#[test]
fn memory_does_not_operate_on_memory() {
    let packet = Packet { to: memory(OBJECT, READ), ..from_memory(OBJECT, READ, PacketType::Memory) };
    Rack::new().drops(&packet.flags(FIRST_TO_CALLEE), MALFORMED);
}

#[test]
fn other_protocols_do_not_reach_the_memory_whatever_their_mac_address() {
    let (mut rack, to) = (Rack::new(), memory(OBJECT, READ));
    let bodies = [(ICMP6, vec![0x80; 8]), (TCP, vec![0; 20]), (UDP, udp(5000, 53, b"query")), (59, vec![])];
    for (next, body) in &bodies {
        for mac in [SWITCH, MEMORY.mac, [0xff; 6]] {
            let frame = ethernet(mac, CLIENT.mac, IPV6, &ipv6(CLIENT.address, to, *next, 64, body));
            rack.drops_frame(CLIENT.port, &frame, FOREIGN);
        }
    }
}

#[test]
fn answers_pass_to_the_node_that_they_are_for() {
    let mut rack = Rack::new();
    for operation in [READ, WRITE] {
        rack.delivers(&from_memory(OBJECT, operation, PacketType::Memory), CLIENT);
        rack.delivers(&from_memory(OBJECT, operation, PacketType::Refused).flags(FIRST), CLIENT);
    }
    for kind in [PacketType::Opened, PacketType::Pong, PacketType::Refused, PacketType::Ack] {
        rack.delivers(&from_memory(0, 0, kind).flags(FIRST), CLIENT);
    }
    rack.drops(&Packet { to: "fd00::77".parse().unwrap(), ..from_memory(OBJECT, READ, PacketType::Memory) }, 0);
}

#[test]
fn the_control_plane_sees_the_answers_to_allocs_and_frees_first() {
    let mut rack = Rack::new();
    for (operation, reason) in [(ALLOC, ALLOC_REASON), (FREE, FREE_REASON)] {
        rack.redirects(&from_memory(0, operation, PacketType::Memory), reason);
        rack.redirects(&from_memory(0, operation, PacketType::Refused).flags(Flags(0)), reason);
        rack.delivers(&from_memory(0, operation, PacketType::Memory).flags(Flags::MEMORY_REPLY), CLIENT);
        rack.delivers(&from_memory(0, operation, PacketType::Ack), CLIENT);
    }
}

#[test]
fn the_memory_calls_nobody_and_holds_nothing() {
    let mut rack = Rack::new();
    for kind in [PacketType::Call, PacketType::Reply, PacketType::Open, PacketType::Held, PacketType::Done] {
        rack.drops(&from_memory(OBJECT, READ, kind).flags(FIRST), MALFORMED);
    }
    rack.drops(&from_memory(OBJECT, READ, PacketType::Memory).flags(FIRST), MALFORMED);
}

#[test]
fn control_from_the_memory_is_redirected() {
    Rack::new().redirects(&from_memory(0, 0, PacketType::Control).flags(Flags(0)), 9);
}

#[test]
fn the_memorys_prefix_is_what_the_rack_says() {
    let mut rack = Rack::new();
    let read = to_memory(OBJECT, READ, PacketType::Memory);
    rack.engine.table_set_default("rack", "configure", &[vec![0xfc], SWITCH.to_vec()]).unwrap();
    rack.drops(&read, 42);
    rack.engine.table_reset_default("rack").unwrap();
    rack.delivers(&read, MEMORY);
}
