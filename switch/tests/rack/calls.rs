//! Calls, routed by their methods.

use crate::gatekeeper::UNSERVED;
use crate::rack::{By, Node, Rack, Through};
use crate::service::{Client, bytes, serve};
use bifrost_rpc::wire::Header;
use bifrost_rpc::wire::frame::FrameAddresses;
use bifrost_rpc::{CallError, Server};
use std::collections::BTreeMap;

fn both_servers(rack: &Rack) -> [Server; 2] {
    [serve(rack, Node::First), serve(rack, Node::Second)]
}

fn are_routed_by_method(through: Through, by: By) {
    let rack = Rack::start(through, by);
    let _servers = both_servers(&rack);
    let client = Client::connect(&rack.link(Node::Client));
    assert!([2, 3].contains(&client.who()));
    for len in [0, 1, 1000, 8800, 9000, 100_000] {
        assert!(client.echo(bytes(len)) == bytes(len));
    }
    assert!(rack.gatekeeper.seen(UNSERVED).is_empty());
}

#[test]
fn calls_are_routed_by_method_over_cables() {
    Through::each().for_each(|through| are_routed_by_method(through, By::Cable));
}

#[test]
fn calls_are_routed_by_method_over_tunnels() {
    Through::each().for_each(|through| are_routed_by_method(through, By::Tunnel));
}

fn instances_share_the_work(through: Through, by: By) {
    let rack = Rack::start(through, by);
    let _servers = both_servers(&rack);
    let link = rack.link(Node::Client);
    let mut sessions = BTreeMap::<i64, usize>::new();
    // Each has a session, which stays where it was opened. That all 24 go one way happens once in eight million times.
    for _ in 0..24 {
        let client = Client::connect(&link);
        let who = client.who();
        *sessions.entry(who).or_default() += 1;
        assert!((0..10).all(|_| client.who() == who), "a session that moved");
    }
    assert_eq!(sessions.keys().copied().collect::<Vec<_>>(), [2, 3], "{sessions:?}");
}

#[test]
fn instances_share_the_work_over_cables() {
    Through::each().for_each(|through| instances_share_the_work(through, By::Cable));
}

#[test]
fn instances_share_the_work_over_tunnels() {
    Through::each().for_each(|through| instances_share_the_work(through, By::Tunnel));
}

fn unknown_methods_reach_the_control_plane(through: Through, by: By) {
    let rack = Rack::start(through, by);
    let servers = both_servers(&rack);
    let client = Client::connect(&rack.link(Node::Client));
    let error = client.absent().unwrap_err();
    assert!(matches!(CallError::of(&error), Some(CallError::Deadline { may_have_run: false, .. })), "{error:?}");
    let shown = rack.gatekeeper.seen(UNSERVED);
    let (addresses, packet) = FrameAddresses::parse(shown.first().unwrap()).unwrap();
    assert_eq!(addresses.source, Node::Client.address());
    assert_eq!(Header::parse(packet).unwrap().method.to_string(), "Array:absent");
    assert!(servers.iter().all(|server| server.stats().packets_in == 0), "a server heard of it");
}

#[test]
fn unknown_methods_reach_the_control_plane_over_cables() {
    Through::each().for_each(|through| unknown_methods_reach_the_control_plane(through, By::Cable));
}

#[test]
fn unknown_methods_reach_the_control_plane_over_tunnels() {
    Through::each().for_each(|through| unknown_methods_reach_the_control_plane(through, By::Tunnel));
}

fn large_messages_pass(through: Through, by: By) {
    let rack = Rack::start(through, by);
    let _server = serve(&rack, Node::First);
    let _other = serve(&rack, Node::Second);
    let client = Client::connect(&rack.link(Node::Client));
    for _ in 0..3 {
        assert!(client.echo(bytes(2 << 20)) == bytes(2 << 20));
    }
}

#[test]
fn large_messages_pass_over_cables() {
    Through::each().for_each(|through| large_messages_pass(through, By::Cable));
}

#[test]
fn large_messages_pass_over_tunnels() {
    Through::each().for_each(|through| large_messages_pass(through, By::Tunnel));
}
