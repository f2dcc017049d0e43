//! Section 6: ordinary traffic.

use super::frame::{ARP, ICMP6, IPV4, IPV6, TCP, UDP, ethernet, ipv4, ipv6, sum, udp};
use super::rack::{CLIENT, FAR, FIRST_SERVER, Rack, SECOND_SERVER, SWITCH, delivered};
use super::setup::exact;

const HOP_LIMIT: u8 = 44;

fn to_server(kind: u16, rest: &[u8]) -> Vec<u8> {
    ethernet(FIRST_SERVER.mac, CLIENT.mac, kind, rest)
}

#[test]
fn frames_to_a_machine_pass_untouched() {
    let mut rack = Rack::new();
    let jumbo = udp(5000, 53, &[b'q'; 8900]);
    let frames = [
        to_server(IPV6, &ipv6(CLIENT.address, FIRST_SERVER.address, ICMP6, 64, &[0x80, 0, 1])),
        to_server(IPV6, &ipv6(CLIENT.address, FIRST_SERVER.address, UDP, 1, &jumbo)),
        to_server(IPV6, &ipv6("fe80::1".parse().unwrap(), "ff02::1".parse().unwrap(), ICMP6, 255, &[0x87, 0])),
        to_server(IPV4, &ipv4(TCP, 1, 5, 0, &[0; 20])),
        to_server(ARP, &[0; 28]),
        to_server(0x88cc, b""),
        to_server(IPV6, &[0x60]),
        to_server(IPV4, &[0x45, 0]),
    ];
    for frame in frames {
        rack.passes(CLIENT.port, &frame, &[FIRST_SERVER.port]);
    }
}

#[test]
fn what_has_no_entry_floods_all_ports_but_its_own() {
    let mut rack = Rack::new();
    for mac in [[0xff; 6], [0x33, 0x33, 0, 0, 0, 1], [2, 0, 0, 0, 9, 9]] {
        rack.passes(1, &ethernet(mac, CLIENT.mac, ARP, &[0; 28]), &[2, 3, 4]);
        rack.passes(4, &ethernet(mac, CLIENT.mac, ARP, &[0; 28]), &[1, 2, 3]);
        rack.passes(7, &ethernet(mac, CLIENT.mac, ARP, &[0; 28]), &[1, 2, 3, 4]);
    }
}

#[test]
fn the_table_can_be_told_to_flood_elsewhere() {
    let mut rack = Rack::new();
    rack.engine.table_set_default("l2", "flood", &[vec![0, 9]]).unwrap();
    let frame = ethernet([0xff; 6], CLIENT.mac, ARP, &[0; 28]);
    assert_eq!(rack.take(1, &frame), (33, vec![]), "a group without members");
    rack.engine.table_add("l2", &[exact(&[0xff; 6])], "flood", &[vec![0, 1]], 0).unwrap();
    rack.passes(1, &frame, &[2, 3, 4]);
}

#[test]
fn a_routed_ipv6_packet_loses_a_hop_and_with_none_left_is_dropped() {
    let mut rack = Rack::new();
    let packet = |hops: u8| ethernet(SWITCH, CLIENT.mac, IPV6, &ipv6(CLIENT.address, FAR, UDP, hops, &udp(5, 6, b"")));
    assert_eq!(rack.take(1, &packet(9)), (32, vec![delivered(&packet(8), SECOND_SERVER)]));
    assert_eq!(rack.take(1, &packet(2)), (32, vec![delivered(&packet(1), SECOND_SERVER)]));
    rack.drops_frame(1, &packet(1), HOP_LIMIT);
    rack.drops_frame(1, &packet(0), HOP_LIMIT);
}

#[test]
fn a_routed_ipv4_packet_loses_a_hop_and_keeps_its_checksum_right() {
    let mut rack = Rack::new();
    let packet = |hops: u8, words: u8| ethernet(SWITCH, CLIENT.mac, IPV4, &ipv4(TCP, hops, words, 0, &[7; 20]));
    for hops in 2..=255 {
        for words in [5, 7] {
            assert_eq!(rack.take(1, &packet(hops, words)).1, [delivered(&packet(hops - 1, words), SECOND_SERVER)]);
        }
    }
    rack.drops_frame(1, &packet(1, 5), HOP_LIMIT);
    let (_, out) = rack.take(1, &packet(64, 5));
    assert_eq!(sum(&out[0].1[14..34]), 0xffff);
}

#[test]
fn what_has_no_route_or_is_for_the_switch_itself_is_dropped() {
    let mut rack = Rack::new();
    let nowhere = ipv6(CLIENT.address, "fd02::1".parse().unwrap(), ICMP6, 64, b"x");
    rack.drops_frame(1, &ethernet(SWITCH, CLIENT.mac, IPV6, &nowhere), 0);
    rack.drops_frame(1, &ethernet(SWITCH, CLIENT.mac, ARP, &[0; 28]), 0);
}

#[test]
fn the_switchs_mac_address_is_what_the_rack_says() {
    let mut rack = Rack::new();
    let mac = [2, 0, 0, 0, 0xaa, 0xaa];
    rack.engine.table_set_default("rack", "configure", &[vec![0xfd], mac.to_vec()]).unwrap();
    let packet = |hops| ipv6(CLIENT.address, FAR, TCP, hops, &[0; 20]);
    let out = ethernet(SECOND_SERVER.mac, mac, IPV6, &packet(8));
    assert_eq!(rack.take(1, &ethernet(mac, CLIENT.mac, IPV6, &packet(9))), (32, vec![(3, out)]));
    rack.passes(1, &ethernet(SWITCH, CLIENT.mac, IPV6, &packet(9)), &[2, 3, 4]);
}

#[test]
fn what_is_no_frame_is_dropped() {
    let mut rack = Rack::new();
    for length in 0..14 {
        rack.drops_frame(1, &vec![0; length], 0);
    }
}
