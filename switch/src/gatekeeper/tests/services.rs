//! Section 3: services.

use super::*;
use bifrost_rpc::wire::control::ControlRefusal;
use bifrost_rpc::wire::{Flags, Header, PacketType};

const CONFIRMED: [ControlMessage; 1] = [ControlMessage::Confirmed];

fn rack() -> (World, Node, Node) {
    let mut world = World::new(open_rack());
    let (mut one, mut two) = (Node::new(1), Node::new(2));
    world.join(&mut one);
    world.join(&mut two);
    (world, one, two)
}

fn open_packet(client: u64, service: &str) -> Vec<u8> {
    let flags = Flags::FIRST.with(Flags::TO_CALLEE);
    let method = MethodField::new(service, "run");
    let header = Header { flags, method, client, rpc: 5, ..Header::new(PacketType::Open) };
    let addresses = FrameAddresses {
        source_mac: [2, 0, 0, 0, 0, 1],
        destination_mac: SWITCH,
        source: address(1),
        destination: address(99),
        source_port: 40_000,
        destination_port: RACK_PORT,
    };
    let mut sum = bifrost_rpc::wire::frame::Sum::default();
    sum.add(&header.to_bytes());
    [&addresses.headers(128, sum).unwrap()[..], &header.to_bytes()].concat()
}

#[test]
fn a_service_is_served_once_it_is_in_the_tables() {
    let (mut world, mut one, _) = rack();
    world.held.tables = true;
    assert_eq!(world.serve(&mut one, 7, "Ping"), []);
    world.let_go();
    assert_eq!(world.heard(&one), CONFIRMED);
    assert_eq!(world.places("Ping"), BTreeSet::from([1]));
    assert_eq!(world.state_of("n1"), Some(ResourceState::InUse));
    world.assert_tables();
    assert_eq!(world.serve(&mut one, 7, "Ping"), CONFIRMED, "again, and nothing changes");
    assert_eq!(world.gatekeeper.status(world.now).services["Ping"].len(), 1);
}

#[test]
fn instances_share_the_sessions() {
    let (mut world, mut one, mut two) = rack();
    world.serve(&mut one, 7, "Ping");
    world.serve(&mut two, 8, "Ping");
    assert_eq!(world.places("Ping"), BTreeSet::from([1, 2]));
    assert_eq!(world.ask(&mut one, serve(7, "Ping", ServeState::Draining)), CONFIRMED);
    assert_eq!(world.places("Ping"), BTreeSet::from([2]));
    let instance = |world: &World| {
        world.switch.rows.keys().any(|key| key.table == Table::RpcInstance && key.fields().eq([Match::Exact(7)]))
    };
    assert!(instance(&world), "its sessions go on");
    assert_eq!(world.ask(&mut one, serve(7, "Ping", ServeState::Ended)), CONFIRMED);
    assert!(!instance(&world));
    assert_eq!(world.serve(&mut one, 9, "Ping"), CONFIRMED);
    assert_eq!(world.places("Ping"), BTreeSet::from([1, 2]));
    world.assert_tables();
}

#[test]
fn an_instance_that_drained_may_open_again() {
    let (mut world, mut one, _) = rack();
    world.serve(&mut one, 7, "Ping");
    world.ask(&mut one, serve(7, "Ping", ServeState::Draining));
    assert_eq!(world.places("Ping"), BTreeSet::new());
    assert_eq!(world.serve(&mut one, 7, "Ping"), CONFIRMED);
    assert_eq!(world.places("Ping"), BTreeSet::from([1]));
    world.assert_tables();
}

#[test]
fn an_instance_may_serve_several_services() {
    let (mut world, mut one, _) = rack();
    assert_eq!(world.serve(&mut one, 7, "Ping"), CONFIRMED);
    assert_eq!(world.serve(&mut one, 7, "Echo"), CONFIRMED);
    assert_eq!((world.places("Ping"), world.places("Echo")), (BTreeSet::from([1]), BTreeSet::from([1])));
    world.ask(&mut one, serve(7, "Ping", ServeState::Ended));
    assert_eq!((world.places("Ping"), world.places("Echo")), (BTreeSet::new(), BTreeSet::from([1])));
    world.assert_tables();
}

#[test]
fn an_instance_is_one_nodes() {
    let (mut world, mut one, mut two) = rack();
    world.serve(&mut one, 7, "Ping");
    assert_eq!(world.serve(&mut two, 7, "Ping"), [ControlMessage::Refused(ControlRefusal::Taken)]);
    assert_eq!(
        world.ask(&mut two, serve(7, "Ping", ServeState::Ended)),
        [ControlMessage::Refused(ControlRefusal::Taken)]
    );
    assert_eq!(world.places("Ping"), BTreeSet::from([1]));
}

#[test]
fn methods_that_collide_are_refused() {
    let (mut world, mut one, mut two) = rack();
    world.serve(&mut one, 7, "Ping");
    let methods = vec![(MethodField::new("Echo", "run"), 0), (MethodField::new("Ping", "run"), 0)];
    let collides = Serve { service: "Echo".into(), instance: 8, state: ServeState::Open, methods, more: false };
    let answers = world.ask(&mut two, ControlMessage::Serve(collides));
    assert_eq!(answers, [ControlMessage::Refused(ControlRefusal::Collision)]);
    assert!(!world.switch.rows.contains_key(&method_key("Echo")), "none of its methods is there");
    world.assert_tables();
}

#[test]
fn many_methods_come_in_several_messages() {
    let (mut world, mut one, _) = rack();
    let part = |from: u32, more| {
        let methods = (from..from + 40).map(|n| (MethodField::new("Big", &format!("m{n}")), 2)).collect();
        ControlMessage::Serve(Serve { service: "Big".into(), instance: 7, state: ServeState::Open, methods, more })
    };
    let count = |world: &World| world.switch.rows.keys().filter(|key| key.table == Table::RpcService).count();
    assert_eq!(world.ask(&mut one, part(0, true)), CONFIRMED);
    assert_eq!(count(&world), 0, "served once the last has come");
    assert_eq!(world.ask(&mut one, part(40, false)), CONFIRMED);
    assert_eq!(count(&world), 80);
    let refused = (0..26).map(|n| world.ask(&mut one, part(n * 40, true))).last().unwrap();
    assert_eq!(refused, [ControlMessage::Refused(ControlRefusal::Malformed)], "but not for ever");
}

#[test]
fn a_node_offers_only_so_much() {
    let mut world = World::new(Config { offers_max: 2, ..open_rack() });
    let mut node = Node::new(1);
    world.join(&mut node);
    assert_eq!(world.serve(&mut node, 1, "Ping"), CONFIRMED);
    assert_eq!(world.serve(&mut node, 2, "Ping"), CONFIRMED);
    assert_eq!(world.serve(&mut node, 3, "Ping"), [ControlMessage::Refused(ControlRefusal::Full)]);
}

#[test]
fn further_instances_stand_by_until_one_dies() {
    let instances_max = BTreeMap::from([("Ping".to_owned(), 1)]);
    let mut world = World::new(Config { instances_max, ..open_rack() });
    let (mut one, mut two) = (Node::new(1), Node::new(2));
    world.join(&mut one);
    world.join(&mut two);
    world.serve(&mut one, 7, "Ping");
    assert_eq!(world.serve(&mut two, 8, "Ping"), CONFIRMED);
    assert_eq!(world.places("Ping"), BTreeSet::from([1]));
    world.wait_with(&mut [&mut two], ms(2600));
    assert_eq!(world.places("Ping"), BTreeSet::from([2]));
    world.assert_tables();
}

#[test]
fn a_described_node_serves_what_the_description_says() {
    use crate::rules::{Decision, topology};
    let mut rules = rules();
    let methods = vec![(MethodField::new("Ping", "run"), 0)];
    rules.decide(Decision::ServiceDeclared { service: "Ping".into(), methods }).unwrap();
    let node = topology::Node {
        name: "n1".into(),
        port: 1,
        mac: Mac([2, 0, 0, 0, 0, 1]),
        addresses: vec![address(1)],
        owns_service_addresses: true,
    };
    rules.decide(Decision::NodeJoins(node)).unwrap();
    rules.decide(Decision::ServiceStarts { service: "Ping".into(), node: "n1".into(), at: None }).unwrap();
    let mut world = World::new(Config::new(rules));
    let mut node = Node::new(1);
    world.join(&mut node);
    assert_eq!(world.places("Ping"), BTreeSet::new());
    assert_eq!(world.serve(&mut node, 7, "Echo"), [ControlMessage::Refused(ControlRefusal::Differs)]);
    assert_eq!(world.serve(&mut node, 7, "Ping"), CONFIRMED);
    assert_eq!(world.places("Ping"), BTreeSet::from([1]));
}

#[test]
fn packets_wait_for_their_service() {
    let (mut world, mut one, _) = rack();
    for client in [1, 2, 1] {
        world.packet(Reason::Unserved, 1, &open_packet(client, "Ping"));
    }
    world.packet(Reason::Unserved, 1, &open_packet(3, "Echo"));
    assert_eq!(world.gatekeeper.status(world.now).unserved, 3);
    world.sent.clear();
    world.serve(&mut one, 7, "Ping");
    let sent_on: Vec<_> =
        world.sent.iter().filter(|(way, _)| *way == Way::Route).map(|(_, frame)| frame.clone()).collect();
    assert_eq!(sent_on, [open_packet(2, "Ping"), open_packet(1, "Ping")]);
    world.sent.clear();
    world.packet(Reason::Unserved, 1, &open_packet(4, "Ping"));
    assert_eq!(world.sent, [(Way::Route, open_packet(4, "Ping"))], "one that came late goes on at once");
    world.wait(ms(10_000));
    assert_eq!((world.gatekeeper.status(world.now).unserved, world.gatekeeper.counters().unserved_dropped), (0, 1));
}

#[test]
fn what_an_ended_life_asked_of_a_service_is_not_sent_on() {
    let mut world = World::new(open_rack());
    let (mut one, mut two) = (Node::new(1), Node::new(2));
    world.join(&mut two);
    world.join(&mut one);
    let held = open_packet(1, "Ping");
    world.packet(Reason::Unserved, 1, &held);
    // Its machine comes back while the packet is held.
    world.join(&mut one.reborn());
    world.sent.clear();
    world.serve(&mut two, 7, "Ping");
    world.packet(Reason::Unserved, 1, &held);
    assert!(!world.sent.iter().any(|(_, frame)| *frame == held));
    assert_eq!(world.gatekeeper.counters().unserved_dropped, 2);
}

#[test]
fn a_service_that_finds_no_room_leaves_the_tables_as_the_rules_have_them() {
    let mut world = World::new(open_rack());
    // It does not own the services' addresses, and has one of its own.
    let mut node = Node::new(1);
    node.announce.owns_service_addresses = false;
    world.join(&mut node);
    assert_eq!(world.serve(&mut node, 7, "Ping"), CONFIRMED);
    assert_eq!(world.serve(&mut node, 8, "Echo"), [ControlMessage::Refused(ControlRefusal::Full)]);
    world.assert_tables();
    let mut server = Node::memory(1, 5);
    world.join(&mut server);
    assert_eq!(world.serve(&mut server, 9, "Ping"), [ControlMessage::Refused(ControlRefusal::Malformed)]);
    world.assert_tables();
}
