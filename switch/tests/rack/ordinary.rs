//! Ordinary traffic passes as at any switch, while calls go on beside it.

use crate::rack::{By, Node, Rack, Through};
use crate::service::{Client, bytes, serve};
use bifrost_rpc::wire::frame::{FrameAddresses, Mac, Sum};
use std::time::Duration;

fn frame(to: Mac, ethertype: u16, payload: &[u8]) -> Vec<u8> {
    [&to[..], &Node::Host.mac(), &ethertype.to_be_bytes(), payload].concat()
}

/// UDP between ports that are not the rack's.
fn udp() -> Vec<u8> {
    let addresses = FrameAddresses {
        source_mac: Node::Host.mac(),
        destination_mac: Node::OtherHost.mac(),
        source: Node::Host.address(),
        destination: Node::OtherHost.address(),
        source_port: 53,
        destination_port: 5353,
    };
    let mut sum = Sum::default();
    sum.add(b"a name");
    [&addresses.headers(6, sum).unwrap()[..], b"a name"].concat()
}

#[test]
fn ordinary_frames_are_forwarded_as_they_are() {
    Through::each().for_each(are_forwarded_as_they_are);
}

fn are_forwarded_as_they_are(through: Through) {
    let rack = Rack::start(through, By::Tunnel);
    let _servers = [serve(&rack, Node::First), serve(&rack, Node::Second)];
    let client = Client::connect(&rack.link(Node::Client));
    let (from, to) = (rack.local(Node::Host), rack.local(Node::OtherHost));
    let known = Node::OtherHost.mac();
    let ordinary = [udp(), frame(known, 0x0800, &[0x45; 40]), frame(known, 0x88cc, b"of some protocol")];
    let flooded = frame([0xff; 6], 0x0806, b"who has it?");
    for _ in 0..20 {
        ordinary.iter().chain([&flooded]).for_each(|frame| from.send(frame));
        for expected in ordinary.iter().chain([&flooded]) {
            assert_eq!(to.receive(Duration::from_secs(10)).as_ref(), Some(expected));
        }
        // The flood reached the nodes' links, too, and did no harm.
        assert!(client.echo(bytes(20_000)) == bytes(20_000));
    }
    assert!(from.receive(Duration::ZERO).is_none(), "a flood came back");
}
