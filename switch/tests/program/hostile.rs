//! Whatever comes in, nothing leaves that `docs/switch.md` forbids.

use std::net::Ipv6Addr;

use proptest::prelude::*;

use super::frame::{HEADER_AT, IPV4, IPV6, Mac, SERVICE_VLAN, UDP, VLAN};
use super::rack::{
    CLIENT, CONTROL_PLANE, FIRST_SERVER, MEMORY, OBJECT, READ, Rack, SECOND_SERVER, SERVICE, SWITCH, memory,
};
use super::setup::lpm;
use super::traffic::Traffic;

const FRAMES: usize = 500;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_leaves_that_is_forbidden(seed: u64) {
        let (mut rack, mut traffic) = (Rack::new(), Traffic::new(seed));
        for _ in 0..FRAMES {
            let (port, frame) = traffic.frame();
            let (_, out) = rack.take(port, &frame);
            for (to, sent) in &out {
                let problem = forbidden(port, &frame, *to, sent);
                prop_assert_eq!(problem, None, "from {} to {}: {}", port, to, hex(&frame));
            }
        }
    }

    #[test]
    fn any_bytes_are_taken(port in 0u32..512, frame in prop::collection::vec(any::<u8>(), 0..200)) {
        let (_, out) = Rack::new().take(port, &frame);
        prop_assert!(out.iter().all(|(to, _)| *to < 511));
    }
}

#[test]
fn the_traffic_has_something_for_every_verdict() {
    let (mut rack, mut traffic) = (Rack::new(), Traffic::new(1));
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..20_000 {
        let (port, frame) = traffic.frame();
        seen.insert(rack.take(port, &frame).0);
    }
    let rare = [1, 2, 11, 36];
    let expected: Vec<u8> = (0..12).chain(32..46).filter(|verdict| !rare.contains(verdict)).collect();
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), expected);
}

/// Which rule is broken by what leaves.
fn forbidden(port: u32, frame: &[u8], to: u32, sent: &[u8]) -> Option<&'static str> {
    // It says itself where to, and has no access to be granted.
    if port == CONTROL_PLANE {
        return None;
    }
    if ![1, 2, 3, 4, CONTROL_PLANE].contains(&to) {
        return Some("to a port that no table chose");
    }
    if to == CONTROL_PLANE {
        return forbidden_packet_in(port, frame, sent);
    }
    let addressed = frame.get(..6) == Some(&SWITCH[..]);
    let Some(seen) = end_sees(sent) else {
        if ip_destination(sent).is_some_and(|address| is_memory(&address)) {
            return Some("not Bifröst, to the memory");
        }
        return (sent != frame && !addressed).then_some("changed on its way");
    };
    if seen.is_hidden {
        return Some("may be Bifröst, and the tables cannot read it");
    }
    forbidden_bifrost(port, frame, to, sent)
}

fn forbidden_packet_in(port: u32, frame: &[u8], sent: &[u8]) -> Option<&'static str> {
    let (header, rest) = sent.split_at_checked(8)?;
    let is_mirror = header[0] == 2;
    if u32::from(header[2]) << 8 | u32::from(header[3]) != port {
        Some("a packet-in with a wrong port")
    } else if is_mirror && !(frame.starts_with(rest) && sent.len() == 256.min(frame.len() + 8)) {
        Some("a mirror that is not the beginning of the frame")
    } else if !is_mirror && rest != frame {
        Some("a packet-in that is not the frame as it came")
    } else {
        None
    }
}

/// A packet in the plain form that the tables read.
fn forbidden_bifrost(port: u32, frame: &[u8], to: u32, sent: &[u8]) -> Option<&'static str> {
    let (source, destination) = (address_at(sent, 22), address_at(sent, 38));
    let header = &sent[HEADER_AT..];
    let (kind, flags, pointer) = (header[3], header[5], address_at(header, 24));
    let mac: Mac = frame[6..12].try_into().unwrap();
    if !admitted(port, mac, address_at(frame, 22)) {
        return Some("from a source that is not admitted");
    }
    if kind == 6 || kind == 10 || kind == 0 || kind > 16 {
        return Some("CONTROL, HELD or an unknown type");
    }
    if is_memory(&destination) {
        return forbidden_operation(port, to, &source, &destination, &pointer, kind, flags);
    }
    let is_answer = is_memory(&source);
    if is_answer && (pointer != source || port != MEMORY.port || flags & 2 != 0) {
        return Some("from the memory, though it is not its answer");
    }
    if kind == 5 && !(is_answer && flags & 8 != 0) {
        return Some("MEMORY between nodes");
    }
    if is_answer && matches!(source[6], 1 | 4) && (kind == 11 || kind == 5 && flags & 1 != 0) {
        return Some("an answer to an alloc or a free that the control plane did not see");
    }
    let leases = flags & 4 != 0 || header[7] != 0;
    if (1..=4).contains(&kind) && flags & 1 != 0 && leases || matches!(kind, 12 | 16) && flags & 4 != 0 {
        return Some("a lease that the control plane did not see");
    }
    None
}

/// An operation that reaches the memory.
fn forbidden_operation(
    port: u32,
    to: u32,
    source: &[u8; 16],
    destination: &[u8; 16],
    pointer: &[u8; 16],
    kind: u8,
    flags: u8,
) -> Option<&'static str> {
    let granted = memory(OBJECT, READ).octets();
    let same_but_argument = |a: &[u8; 16]| a[..7] == granted[..7] && a[8..] == granted[8..];
    let is_granted = *source == CLIENT.address.octets() && port == CLIENT.port && same_but_argument(destination);
    if to != MEMORY.port {
        Some("to the memory by another port")
    } else if pointer != destination {
        Some("pointer and address differ")
    } else if flags & 2 == 0 || flags & 8 != 0 || ![5, 7, 9, 13, 15, 16].contains(&kind) {
        Some("no operation, yet to the memory")
    } else if matches!(destination[6], 2 | 3) && !is_granted {
        Some("an operation without an entry")
    } else if kind == 5 && (destination[6] == 4 || destination[6] == 1 && flags & 1 != 0) {
        Some("an alloc or a free that the control plane did not see")
    } else {
        None
    }
}

fn admitted(port: u32, mac: Mac, source: [u8; 16]) -> bool {
    let nodes = [CLIENT, FIRST_SERVER, SECOND_SERVER];
    let own = nodes.iter().any(|node| (node.port, node.mac, node.address.octets()) == (port, mac, source));
    let serves = nodes[1..].iter().any(|node| (node.port, node.mac) == (port, mac)) && source == SERVICE.octets();
    let is_server = (port, mac) == (MEMORY.port, MEMORY.mac) && source[..6] == memory(0, 0).octets()[..6];
    own || serves || is_server
}

fn is_memory(address: &[u8; 16]) -> bool {
    address[..5] == [0, 0, 0, 0, 0xfd]
}

fn address_at(bytes: &[u8], at: usize) -> [u8; 16] {
    bytes[at..at + 16].try_into().unwrap()
}

/// What an end finds in a frame, tags, options and extension headers gone through.
struct Seen {
    /// It is not where the tables look for it.
    is_hidden: bool,
}

fn end_sees(frame: &[u8]) -> Option<Seen> {
    let (kind, at) = network(frame)?;
    let mut is_hidden = at != 14 || kind == IPV4;
    let (mut next, mut rest, mut is_first) = match kind {
        IPV6 => (*frame.get(at + 6)?, frame.get(at + 40..)?, false),
        IPV4 => {
            let fragment = u16::from(*frame.get(at + 6)?) << 8 | u16::from(*frame.get(at + 7)?);
            let (offset, more) = (fragment & 0x1fff, fragment & 0x2000 != 0);
            let header_bytes = usize::from(frame[at] & 0x0f) * 4;
            (if offset == 0 { *frame.get(at + 9)? } else { 59 }, frame.get(at + header_bytes..)?, more)
        }
        _ => return None,
    };
    while matches!(next, 0 | 43 | 44 | 51 | 60) && kind == IPV6 {
        is_hidden = true;
        let (words, unit, first) = (usize::from(*rest.get(1)?), if next == 51 { 4 } else { 8 }, rest[0]);
        let bytes = match next {
            44 => 8,
            51 => (words + 2) * unit,
            _ => (words + 1) * unit,
        };
        if next == 44 {
            is_first = true;
            if rest.get(2..4)?[0] != 0 || rest[3] & 0xf8 != 0 {
                return None;
            }
        }
        (next, rest) = (first, rest.get(bytes..)?);
    }
    let ports = rest.get(..4)?;
    let is_rack = next == UDP && (ports[..2] == [0x1c, 0xe8] || ports[2..] == [0x1c, 0xe8]);
    let is_bifrost = rest.get(8..11) == Some(&[0xb1, 0xf0, 1]) && rest.len() >= 72;
    (is_rack && (is_bifrost || is_first)).then_some(Seen { is_hidden })
}

/// The type of what is behind any number of tags, and where it begins.
fn network(frame: &[u8]) -> Option<(u16, usize)> {
    let mut at = 12;
    loop {
        let kind = u16::from(*frame.get(at)?) << 8 | u16::from(*frame.get(at + 1)?);
        if kind != VLAN && kind != SERVICE_VLAN {
            return Some((kind, at + 2));
        }
        at += 4;
    }
}

fn ip_destination(frame: &[u8]) -> Option<[u8; 16]> {
    let (kind, at) = network(frame)?;
    (kind == IPV6 && frame.len() >= at + 40).then(|| address_at(frame, at + 24))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_check_notices_what_it_was_not_told_of() {
    let mut setup = super::rack::setup();
    setup.add("memory_access", &super::rack::access(OBJECT + 1, READ), "allow", &[]);
    setup.add("ipv6_route", &[lpm(&[0; 16], 0)], "deliver", &[&[0, 9], &[2, 0, 0, 0, 0, 9]]);
    let (mut rack, mut traffic) = (Rack::with(&setup), Traffic::new(1));
    let mut problems = std::collections::BTreeSet::new();
    for _ in 0..20_000 {
        let (port, frame) = traffic.frame();
        let (_, out) = rack.take(port, &frame);
        problems.extend(out.iter().filter_map(|(to, sent)| forbidden(port, &frame, *to, sent)));
    }
    assert!(problems.contains("an operation without an entry"), "{problems:?}");
    assert!(problems.contains("to a port that no table chose"), "{problems:?}");
}

#[test]
fn an_end_is_seen_through_tags_and_extensions() {
    let address = Ipv6Addr::LOCALHOST;
    let datagram = super::frame::udp(1, 7400, &[&[0xb1, 0xf0, 1][..], &[0; 61]].concat());
    let plain = super::frame::ipv6(address, address, UDP, 1, &datagram);
    let plain = super::frame::ethernet(SWITCH, SWITCH, IPV6, &plain);
    assert!(!end_sees(&plain).unwrap().is_hidden);
    assert!(end_sees(&super::frame::tagged(&super::frame::tagged(&plain, VLAN, 0), VLAN, 0)).unwrap().is_hidden);
    let extended = [&[44, 1][..], &[0; 14], &[UDP, 0, 0, 1, 0, 0, 0, 0], &datagram].concat();
    let extended = super::frame::ipv6(address, address, 60, 1, &extended);
    assert!(end_sees(&super::frame::ethernet(SWITCH, SWITCH, IPV6, &extended)).unwrap().is_hidden);
    let old = super::frame::ipv4(UDP, 1, 6, 0, &datagram);
    assert!(end_sees(&super::frame::ethernet(SWITCH, SWITCH, IPV4, &old)).unwrap().is_hidden);
}
