//! Section 8: the death of a node.

use super::*;
use crate::gatekeeper::calls::{Directory, Place};
use crate::gatekeeper::directory::Who;
use bifrost_rpc::wire::control::ControlRefusal;

fn place(world: &World, instance: u32) -> Place {
    let (members, services) = (&world.gatekeeper.members, &world.gatekeeper.services);
    Who { members, services, memory_prefix: 0xfd }.place(instance)
}

fn rack() -> (World, Node, Node) {
    let mut world = World::new(open_rack());
    let (mut one, mut server) = (Node::new(1), Node::memory(1, 5));
    world.join(&mut one);
    world.join(&mut server);
    world.serve(&mut one, 7, "Ping");
    world.told.clear();
    world.events.clear();
    (world, one, server)
}

#[test]
fn death_is_durable_first_and_then_in_tables_and_at_the_servers() {
    let (mut world, _, mut server) = rack();
    world.wait_with(&mut [&mut server], ms(2600));
    assert_eq!(world.events, ["log", "tables", "server"]);
    assert_eq!(world.told, [(1, MemoryMessage::Cleanup(Holder { node: address(1), incarnation: 1 }))]);
    assert_eq!(world.records.last(), Some(&Record::Ended { node: "n1".into(), incarnation: 1, is_dead: true }));
    assert_eq!(place(&world, 7), Place::Gone);
    world.assert_tables();
}

#[test]
fn a_dying_node_is_believed_nothing_more() {
    let (mut world, mut one, mut server) = rack();
    world.held.log = true;
    world.wait_with(&mut [&mut server], ms(2600));
    assert_eq!(place(&world, 7), Place::Gone);
    world.ask(&mut one, ControlMessage::Heartbeat);
    assert_eq!(world.state_of("n1"), Some(ResourceState::Failed));
    assert_eq!(world.serve(&mut one, 8, "Ping"), [ControlMessage::Fenced]);
}

#[test]
fn a_node_comes_back_only_when_its_life_before_is_cleaned_up() {
    let (mut world, one, _) = rack();
    world.held.memory = true;
    let mut next = one.reborn();
    assert_eq!(world.announce(&mut next), []);
    assert!(!world.told.is_empty());
    world.let_go();
    assert!(matches!(world.heard(&next)[..], [ControlMessage::Welcome(_)]));
}

#[test]
fn every_address_of_a_node_is_cleaned_up() {
    let mut world = World::new(open_rack());
    let (mut one, mut server) = (Node::new(1), Node::memory(1, 5));
    one.announce.addresses.push(address(50));
    world.join(&mut one);
    world.join(&mut server);
    world.ask(&mut one, ControlMessage::Leave);
    let cleanup = |n| (1, MemoryMessage::Cleanup(Holder { node: address(n), incarnation: 1 }));
    assert_eq!(world.told, [cleanup(1), cleanup(50)]);
}

#[test]
fn the_death_of_a_memory_server_does_not_hold_up_that_of_a_node() {
    let (mut world, mut one, _) = rack();
    world.silent.insert(1);
    world.wait(ms(1000));
    assert_eq!(world.ask(&mut one, ControlMessage::Leave), [], "the server has not cleaned up");
    world.sent.clear();
    world.wait(ms(1600));
    assert_eq!(world.state_of("m1"), Some(ResourceState::Failed));
    assert_eq!(world.heard(&one), [ControlMessage::Confirmed]);
    world.assert_tables();
}

#[test]
fn services_of_a_dead_node_go_elsewhere_within_three_times_the_suspicion() {
    let (mut world, _, mut server) = rack();
    let mut two = Node::new(2);
    world.join(&mut two);
    world.serve(&mut two, 8, "Ping");
    assert_eq!(world.places("Ping"), BTreeSet::from([1, 2]));
    world.wait_with(&mut [&mut two, &mut server], ms(3000));
    assert_eq!(world.places("Ping"), BTreeSet::from([2]));
    assert_eq!(place(&world, 8), Place::Live(Holder { node: address(2), incarnation: 1 }));
}

#[test]
fn more_nodes_may_die_than_can_be_blocked() {
    let mut rules = rules();
    let sizes = Sizes::default().with(Table::BlockedSource, 1);
    rules = Intent::new(rules.topology().clone(), sizes).unwrap();
    let mut world = World::new(Config { is_open_to_all: true, ..Config::new(rules) });
    let (mut one, mut two) = (Node::new(1), Node::new(2));
    world.join(&mut one);
    world.join(&mut two);
    world.wait(ms(2600));
    assert_eq!(world.gatekeeper.counters().died, 2);
    let reasons = [world.reason(&one), world.reason(&two)];
    assert_eq!(BTreeSet::from(reasons), BTreeSet::from([Reason::Fenced, Reason::Stranger]));
    world.join(&mut one.reborn());
    world.join(&mut two.reborn());
    world.assert_tables();
}

#[test]
fn another_node_may_have_what_a_dead_one_had() {
    let (mut world, _, mut server) = rack();
    world.wait_with(&mut [&mut server], ms(2600));
    let mut other = Node::new(9);
    other.announce.addresses = vec![address(1)];
    other.mac = [2, 0, 0, 0, 0, 1];
    world.join(&mut other);
    assert_eq!(world.reason(&other), Reason::Control);
    world.assert_tables();
}

#[test]
fn where_nothing_can_be_written_down_nobody_dies_or_joins_and_calls_go_on() {
    let (mut world, _, mut server) = rack();
    world.gatekeeper.handle(world.now, Input::LogFailed);
    world.wait_with(&mut [&mut server], ms(2600));
    // Its end would be forgotten with this control plane: its rights stay, and nobody is given them.
    assert_eq!((&world.events[..], &world.told[..]), (&[][..], &[][..]));
    assert_eq!(world.state_of("n1"), Some(ResourceState::Failed));
    let refused = world.announce(&mut Node::new(2));
    assert_eq!(refused, [ControlMessage::Refused(ControlRefusal::NotReady)]);
    assert!(world.gatekeeper.is_ready());
}

#[test]
fn a_memory_server_that_joins_hears_of_who_ends_meanwhile() {
    let mut world = World::new(open_rack());
    let (mut node, mut server) = (Node::new(1), Node::memory(1, 1));
    world.join(&mut node);
    world.held.memory = true;
    assert_eq!(world.announce(&mut server), [], "it is to hear of ended lives first");
    assert!(world.gatekeeper.evict(world.now, "n1"));
    world.run();
    let gone = Holder { node: node.announce.addresses[0], incarnation: 1 };
    assert_eq!(world.told, [(1, MemoryMessage::Cleanup(gone))]);
    world.let_go();
    assert!(matches!(world.heard(&server)[..], [ControlMessage::Welcome(_)]));
    assert_eq!(world.state_of("n1"), Some(ResourceState::Failed));
}
