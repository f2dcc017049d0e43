//! Section 1: what is Bifröst, what is concealed, what is ordinary.

use bifrost_rpc::wire::{MethodField, PacketType};

use super::frame::{ICMP6, IPV4, IPV6, Packet, SERVICE_VLAN, TCP, UDP, VLAN, ethernet, ipv4, ipv6, tagged, udp};
use super::rack::{
    CLIENT, FIRST_SERVER, FIRST_TO_CALLEE, INSTANCE, OBJECT, READ, Rack, SECOND_SERVER, from_memory, memory, method,
    to_memory, to_service,
};

const CONCEALED: u8 = 34;
const FRAGMENT: u8 = 44;

fn call() -> Packet {
    to_service(PacketType::Call, FIRST_TO_CALLEE).method(method("ping")).instance(INSTANCE)
}

/// From the client to the first server.
fn to_server(kind: u16, rest: &[u8]) -> Vec<u8> {
    ethernet(FIRST_SERVER.mac, CLIENT.mac, kind, rest)
}

fn over_ipv6(next: u8, rest: &[u8]) -> Vec<u8> {
    to_server(IPV6, &ipv6(CLIENT.address, FIRST_SERVER.address, next, 64, rest))
}

#[track_caller]
fn is_concealed(frame: &[u8]) {
    Rack::new().drops_frame(CLIENT.port, frame, CONCEALED);
}

#[track_caller]
fn is_ordinary(frame: &[u8]) {
    Rack::new().passes(CLIENT.port, frame, &[FIRST_SERVER.port]);
}

#[test]
fn a_rack_packet_comes_from_or_goes_to_the_rack_port() {
    let mut rack = Rack::new();
    for ports in [(40_000, 7400), (7400, 40_000), (7400, 7400)] {
        rack.delivers(&Packet { ports, ..call() }, SECOND_SERVER);
    }
    let elsewhere = Packet { ports: (40_000, 7401), mac: FIRST_SERVER.mac, ..call() };
    is_ordinary(&elsewhere.frame());
}

#[test]
fn another_identifier_or_version_or_less_than_64_bytes_are_ordinary() {
    is_ordinary(&Packet { version: Some(2), mac: FIRST_SERVER.mac, ..call() }.frame());
    let payload = call().payload();
    is_ordinary(&over_ipv6(UDP, &udp(7400, 53, &payload[..63])));
    is_ordinary(&over_ipv6(UDP, &udp(7400, 53, b"")));
    is_ordinary(&over_ipv6(UDP, &udp(53, 7400, b"\xb1\xf1\x01")));
    let frame = to_service(PacketType::Ping, FIRST_TO_CALLEE).instance(INSTANCE).frame();
    let (verdict, _) = Rack::new().take(CLIENT.port, &frame[..62 + 64]);
    assert_eq!(verdict, 32, "64 bytes are enough");
}

#[test]
fn udp_behind_extension_headers_is_concealed() {
    for extension in [0, 43, 51, 60] {
        is_concealed(&over_ipv6(extension, &[&[UDP, 0, 1, 4, 0, 0, 0, 0], &udp(5, 6, b"")[..]].concat()));
        for further in [0, 43, FRAGMENT, 51, 60] {
            is_concealed(&over_ipv6(extension, &[further, 0, 1, 4, 0, 0, 0, 0]));
        }
    }
}

#[test]
fn listener_reports_and_the_like_behind_extension_headers_pass() {
    is_ordinary(&over_ipv6(0, &[ICMP6, 0, 5, 2, 0, 0, 1, 0, 0x8f, 0, 0, 0]));
    is_ordinary(&over_ipv6(60, &[&[TCP, 0, 1, 4, 0, 0, 0, 0], &[0; 20][..]].concat()));
}

#[test]
fn a_packet_that_ends_within_its_extension_or_fragment_header_is_concealed() {
    is_concealed(&over_ipv6(60, b""));
    is_concealed(&over_ipv6(FRAGMENT, &[ICMP6, 0, 0]));
    is_concealed(&over_ipv6(FRAGMENT, &[UDP, 0, 0, 1, 0, 0, 0, 1, 0x1c]));
}

#[test]
fn the_first_fragment_of_what_may_be_a_rack_packet_is_concealed_and_others_pass() {
    let fragment = |next: u8, offset: u16, from: u16, to: u16| {
        let offset = offset.to_be_bytes();
        let header = [next, 0, offset[0], offset[1], 0, 0, 0, 1];
        over_ipv6(FRAGMENT, &[&header, &udp(from, to, &call().payload())[..]].concat())
    };
    for flags in [0, 1] {
        is_concealed(&fragment(UDP, flags, 5, 7400));
        is_concealed(&fragment(UDP, flags, 7400, 5));
        is_ordinary(&fragment(UDP, flags, 5, 74));
        is_ordinary(&fragment(TCP, flags, 5, 7400));
        is_ordinary(&fragment(UDP, 0x18 | flags, 5, 7400));
        for extension in [0, 43, FRAGMENT, 51, 60] {
            is_concealed(&fragment(extension, flags, 5, 74));
            is_ordinary(&fragment(extension, 0x18 | flags, 5, 7400));
        }
    }
}

#[test]
fn over_ipv4_only_what_is_no_rack_packet_passes() {
    let rack_packet = udp(53, 7400, &call().payload());
    is_ordinary(&to_server(IPV4, &ipv4(TCP, 64, 5, 0, &[0; 20])));
    is_ordinary(&to_server(IPV4, &ipv4(UDP, 64, 5, 0, &udp(53, 7400, b"hello"))));
    is_concealed(&to_server(IPV4, &ipv4(UDP, 64, 5, 0, &rack_packet)));
    is_concealed(&to_server(IPV4, &ipv4(UDP, 64, 5, 0, &udp(7400, 53, &call().payload()))));
    is_concealed(&to_server(IPV4, &ipv4(UDP, 64, 5, 0x2000, &udp(53, 7400, b"hello"))));
    is_concealed(&to_server(IPV4, &ipv4(UDP, 64, 5, 0x2000, &udp(7400, 53, b"hello"))));
    is_ordinary(&to_server(IPV4, &ipv4(UDP, 64, 5, 0x2000, &udp(53, 54, b"hello"))));
    is_ordinary(&to_server(IPV4, &ipv4(UDP, 64, 5, 0x2003, &rack_packet)));
}

#[test]
fn udp_behind_ipv4_options_is_concealed() {
    is_concealed(&to_server(IPV4, &ipv4(UDP, 64, 6, 0, &udp(53, 54, b"hello"))));
    is_ordinary(&to_server(IPV4, &ipv4(TCP, 64, 6, 0, &[0; 20])));
    is_ordinary(&to_server(IPV4, &ipv4(UDP, 64, 6, 0x2003, &udp(53, 54, b"hello"))));
}

#[test]
fn a_tag_conceals_rack_packets_and_memory_and_nothing_else() {
    let mut rack = Rack::new();
    for kind in [VLAN, SERVICE_VLAN] {
        is_concealed(&tagged(&call().frame(), kind, 0));
        is_concealed(&tagged(&to_memory(OBJECT, READ, PacketType::Memory).frame(), kind, 5));
        let from = from_memory(OBJECT, READ, PacketType::Memory);
        rack.drops_frame(from.from.port, &tagged(&from.frame(), kind, 5), CONCEALED);
        let icmp = to_server(IPV6, &ipv6(CLIENT.address, memory(1, 2), ICMP6, 64, &[0x80; 8]));
        is_concealed(&tagged(&icmp, kind, 5));
        is_ordinary(&tagged(&over_ipv6(ICMP6, &[0x80; 8]), kind, 5));
        is_ordinary(&tagged(&to_server(0x1234, b"what"), kind, 5));
    }
}

#[test]
fn ip_behind_two_tags_is_concealed() {
    for kinds in [[VLAN, VLAN], [SERVICE_VLAN, VLAN], [VLAN, SERVICE_VLAN]] {
        is_concealed(&tagged(&tagged(&over_ipv6(TCP, &[0; 20]), kinds[1], 1), kinds[0], 2));
    }
}

#[test]
fn a_methods_field_is_where_the_header_has_it() {
    let long = MethodField::new("AServiceWithALongName", "andAMethod");
    Rack::new().redirects(&call().method(long), 3);
}
