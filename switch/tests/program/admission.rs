//! Section 2: who may send.

use bifrost_rpc::wire::{Flags, PacketType};

use super::frame::{ICMP6, IPV6, Packet, ethernet, ipv6};
use super::rack::{
    CLIENT, FIRST_SERVER, FIRST_TO_CALLEE, INSTANCE, MEMORY, OBJECT, READ, Rack, SECOND_SERVER, SERVICE, STRANGER,
    TO_CALLEE, from_memory, memory, method, to_memory, to_service,
};
use super::setup::lpm;

const FORGED: u8 = 35;
const BLOCKED: u8 = 36;

#[test]
fn a_source_counts_at_its_own_port_and_mac_address_only() {
    let mut rack = Rack::new();
    let call = to_service(PacketType::Call, FIRST_TO_CALLEE).method(method("ping")).instance(INSTANCE);
    rack.delivers(&call, SECOND_SERVER);
    rack.drops(&call.clone().source(FIRST_SERVER.address), FORGED);
    rack.drops(&call.clone().from(FIRST_SERVER).source(CLIENT.address), FORGED);
    let mut wrong_port = CLIENT;
    wrong_port.port = 3;
    rack.drops(&call.clone().from(wrong_port), FORGED);
    let mut wrong_mac = CLIENT;
    wrong_mac.mac = FIRST_SERVER.mac;
    rack.drops(&call.from(wrong_mac), FORGED);
}

#[test]
fn a_service_address_is_a_source_at_the_nodes_that_serve_it() {
    let mut rack = Rack::new();
    for server in [FIRST_SERVER, SECOND_SERVER] {
        let reply = Packet::new(server, CLIENT.address, PacketType::Reply, Flags::FIRST).source(SERVICE);
        rack.delivers(&reply, CLIENT);
    }
    rack.drops(&to_service(PacketType::Ping, TO_CALLEE).source(SERVICE), FORGED);
}

#[test]
fn the_memorys_answers_come_from_its_own_port() {
    let mut rack = Rack::new();
    let answer = from_memory(OBJECT, READ, PacketType::Memory);
    rack.drops(&Packet { from: FIRST_SERVER, ..answer.clone() }, FORGED);
    rack.drops(&answer.source(super::rack::FAR), FORGED);
}

#[test]
fn a_stranger_announces_itself_and_does_nothing_else() {
    let mut rack = Rack::new();
    let open = to_service(PacketType::Open, FIRST_TO_CALLEE).method(method("ping")).from(STRANGER);
    rack.redirects(&open.clone().kind(PacketType::Control), 10);
    rack.drops(&open, FORGED);
    rack.drops(&to_memory(0, 0, PacketType::Open).from(STRANGER), FORGED);
    rack.drops(&to_memory(0, 0, PacketType::Control).from(STRANGER), FORGED);
    let icmp = ipv6(STRANGER.address, memory(0, 0), ICMP6, 64, &[0x80; 8]);
    rack.drops_frame(STRANGER.port, &ethernet(MEMORY.mac, STRANGER.mac, IPV6, &icmp), FORGED);
}

#[test]
fn a_strangers_ordinary_traffic_passes() {
    let icmp = ipv6(STRANGER.address, FIRST_SERVER.address, ICMP6, 64, &[0x80; 8]);
    Rack::new().passes(STRANGER.port, &ethernet(FIRST_SERVER.mac, STRANGER.mac, IPV6, &icmp), &[FIRST_SERVER.port]);
}

#[test]
fn a_blocked_source_sends_nothing_but_announcements() {
    let mut rack = Rack::new();
    let ping = to_service(PacketType::Ping, TO_CALLEE).instance(INSTANCE);
    let icmp = ipv6(CLIENT.address, FIRST_SERVER.address, ICMP6, 64, &[0x80; 8]);
    let icmp = ethernet(FIRST_SERVER.mac, CLIENT.mac, IPV6, &icmp);
    let key = [lpm(&CLIENT.address.octets(), 128)];
    let block = rack.engine.table_add("blocked_source", &key, "block", &[], 0).unwrap();
    rack.drops(&ping, BLOCKED);
    rack.drops(&to_memory(OBJECT, READ, PacketType::Memory), BLOCKED);
    rack.drops_frame(CLIENT.port, &icmp, BLOCKED);
    rack.redirects(&to_service(PacketType::Control, Flags(0)), 11);
    rack.engine.table_delete("blocked_source", block).unwrap();
    rack.delivers(&ping, SECOND_SERVER);
    rack.passes(CLIENT.port, &icmp, &[FIRST_SERVER.port]);
}

#[test]
fn a_blocked_destination_gets_nothing() {
    let mut rack = Rack::new();
    let block = rack.engine.table_add("blocked_destination", &[lpm(&memory(0, 0).octets(), 48)], "block", &[], 0);
    rack.drops(&to_memory(OBJECT, READ, PacketType::Memory), BLOCKED);
    rack.drops(&to_memory(0, 0, PacketType::Open), BLOCKED);
    rack.engine.table_delete("blocked_destination", block.unwrap()).unwrap();
    rack.delivers(&to_memory(OBJECT, READ, PacketType::Memory), MEMORY);
    let key = [lpm(&FIRST_SERVER.address.octets(), 128)];
    rack.engine.table_add("blocked_destination", &key, "block", &[], 0).unwrap();
    let icmp = ipv6(CLIENT.address, FIRST_SERVER.address, ICMP6, 64, &[0x80; 8]);
    rack.drops_frame(CLIENT.port, &ethernet(FIRST_SERVER.mac, CLIENT.mac, IPV6, &icmp), BLOCKED);
}

#[test]
fn every_entry_that_a_packet_meets_counts_it() {
    let mut rack = Rack::new();
    let read = to_memory(OBJECT, READ, PacketType::Memory);
    rack.delivers(&read, MEMORY);
    rack.delivers(&read, MEMORY);
    let entries = rack.engine.table_entries("memory_access").unwrap();
    let count = rack.engine.table_count("memory_access", entries[0].handle).unwrap();
    assert_eq!((count.packets, count.bytes), (2, 2 * read.frame().len() as u64));
}
