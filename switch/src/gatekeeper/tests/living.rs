//! Section 2: heartbeats, suspicion, requests, leaving, fencing.

use super::*;
use bifrost_rpc::wire::control::ControlRefusal;

fn joined(world: &mut World, n: u8) -> Node {
    let mut node = Node::new(n);
    world.join(&mut node);
    node
}

#[test]
fn heartbeats_keep_a_node_alive() {
    let mut world = World::new(open_rack());
    let mut node = joined(&mut world, 1);
    world.wait_with(&mut [&mut node], ms(10_000));
    assert_eq!(world.state_of("n1"), Some(ResourceState::Free));
    let alive = ControlMessage::Alive { term: 1, servers: vec![] };
    assert_eq!(world.ask(&mut node, ControlMessage::Heartbeat), [alive]);
    world.join(&mut Node::memory(3, 1));
    let alive = ControlMessage::Alive { term: 1, servers: vec![3] };
    assert_eq!(world.ask(&mut node, ControlMessage::Heartbeat), [alive]);
}

#[test]
fn a_silent_node_is_suspected_and_asked_and_an_answer_ends_that() {
    let mut world = World::new(open_rack());
    let node = joined(&mut world, 1);
    world.wait(ms(999));
    assert_eq!(world.state_of("n1"), Some(ResourceState::Free));
    world.sent.clear();
    world.wait(ms(601));
    assert_eq!(world.state_of("n1"), Some(ResourceState::Suspected));
    let queries = world.heard_with_numbers(&node);
    assert_eq!(queries.len(), 3, "at once, and each half interval: {queries:?}");
    assert!(queries.iter().all(|(_, query)| matches!(query, ControlMessage::Query { session: 0, rpc: 0 })));
    let told = ControlMessage::Outstanding { calls: vec![], more: false };
    world.say(&node, queries[2].0, told);
    assert_eq!(world.state_of("n1"), Some(ResourceState::Free));
}

#[test]
fn a_node_that_stays_silent_is_dead_and_blocked() {
    let mut world = World::new(open_rack());
    let mut node = joined(&mut world, 1);
    world.wait(ms(2499));
    assert_eq!(world.state_of("n1"), Some(ResourceState::Suspected));
    world.wait(ms(1));
    assert_eq!(world.state_of("n1"), Some(ResourceState::Failed));
    assert_eq!(world.gatekeeper.counters().died, 1);
    assert_eq!(world.reason(&node), Reason::Fenced);
    world.assert_tables();
    assert_eq!(world.ask(&mut node, ControlMessage::Heartbeat), [ControlMessage::Fenced]);
    let mut next = node.reborn();
    assert_eq!(world.join(&mut next).incarnation, 2);
    assert_eq!(world.reason(&next), Reason::Control);
    world.assert_tables();
}

#[test]
fn fenced_is_said_only_so_often() {
    let mut world = World::new(open_rack());
    let mut node = joined(&mut world, 1);
    world.wait(ms(2500));
    let answers = (0..1000).map(|_| world.ask(&mut node, ControlMessage::Heartbeat).len()).sum::<usize>();
    assert_eq!(answers, 256);
    world.wait(ms(1000));
    assert_eq!(world.ask(&mut node, ControlMessage::Heartbeat), [ControlMessage::Fenced]);
}

#[test]
fn a_repeated_request_is_answered_the_same_and_done_once() {
    let mut world = World::new(open_rack());
    let mut node = joined(&mut world, 1);
    assert_eq!(world.serve(&mut node, 7, "Ping"), [ControlMessage::Confirmed]);
    let (records, number) = (world.records.len(), node.number);
    assert_eq!(world.say(&node, number, ControlMessage::Leave), [ControlMessage::Confirmed], "the number decides");
    assert_eq!((world.records.len(), world.gatekeeper.counters().repeated), (records, 1));
    assert_eq!(world.state_of("n1"), Some(ResourceState::InUse));
}

#[test]
fn numbers_of_a_life_before_mean_nothing() {
    let mut world = World::new(open_rack());
    let mut node = joined(&mut world, 1);
    world.serve(&mut node, 7, "Ping");
    let mut next = node.reborn();
    world.join(&mut next);
    next.number = node.number - 1;
    assert_eq!(world.serve(&mut next, 8, "Ping"), [ControlMessage::Confirmed]);
}

#[test]
fn a_node_that_leaves_leaves_nothing() {
    let mut world = World::new(open_rack());
    let before = world.switch.clone();
    let mut node = joined(&mut world, 1);
    assert_eq!(world.ask(&mut node, ControlMessage::Leave), [ControlMessage::Confirmed]);
    assert_eq!(world.switch, before);
    assert_eq!(world.state_of("n1"), Some(ResourceState::Left));
    assert_eq!(
        world.say(&node, node.number, ControlMessage::Leave),
        [ControlMessage::Confirmed],
        "the answer was lost"
    );
}

#[test]
fn leaving_is_confirmed_when_it_is_durable_and_in_the_tables() {
    let mut world = World::new(open_rack());
    let mut node = joined(&mut world, 1);
    world.join(&mut Node::memory(1, 1));
    world.held = Held { log: true, tables: true, memory: true, ..Held::default() };
    assert_eq!(world.ask(&mut node, ControlMessage::Leave), []);
    assert_eq!(world.told, [], "the log comes first");
    let logged = world.held.logged.take().unwrap();
    world.gatekeeper.handle(world.now, Input::Logged(logged));
    world.run();
    assert_eq!((world.heard(&node).len(), world.told.len()), (0, 1));
    world.let_go();
    assert_eq!(world.heard(&node), [ControlMessage::Confirmed]);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let mut world = World::new(open_rack());
    let mut node = joined(&mut world, 1);
    let refused = [ControlMessage::Refused(ControlRefusal::Malformed)];
    assert_eq!(world.ask(&mut node, ControlMessage::Confirmed), refused);
    world.packet(Reason::Control, 1, &[0; 30]);
    assert_eq!(world.gatekeeper.counters().malformed, 1);
}

#[test]
fn a_node_elsewhere_is_not_believed() {
    let mut world = World::new(open_rack());
    let node = joined(&mut world, 1);
    let frame = node.frame(9, ControlMessage::Leave);
    world.packet(Reason::Control, 2, &frame);
    assert_eq!(world.state_of("n1"), Some(ResourceState::Free));
}

#[test]
fn a_switch_that_lost_its_tables_gets_them_again_and_kills_nobody() {
    let mut world = World::new(open_rack());
    let mut node = joined(&mut world, 1);
    world.switch = Entries::default();
    assert_eq!(world.reason(&node), Reason::Stranger);
    assert!(matches!(world.ask(&mut node, ControlMessage::Heartbeat)[..], [ControlMessage::Alive { .. }]));
    world.gatekeeper.handle(world.now, Input::SwitchRestarted);
    world.run();
    world.wait(ms(0));
    world.assert_tables();
}

#[test]
fn what_the_switch_refuses_is_tried_again_and_waited_for() {
    let mut world = World::new(open_rack());
    let mut node = joined(&mut world, 1);
    world.switch_refuses = 2;
    assert_eq!(world.serve(&mut node, 7, "Ping"), []);
    world.sent.clear();
    world.wait(ms(1100));
    assert!(world.heard(&node).contains(&ControlMessage::Confirmed));
    assert_eq!(world.gatekeeper.counters().batches_failed, 2);
    world.assert_tables();
}

#[test]
fn a_control_plane_that_was_followed_by_another_does_nothing_more() {
    let mut world = World::new(open_rack());
    let mut node = joined(&mut world, 1);
    world.gatekeeper.handle(world.now, Input::Memory { server: 1, sequence: 1, answered: Answered::OldTerm });
    world.run();
    assert!(world.is_deposed);
    assert_eq!(world.ask(&mut node, ControlMessage::Heartbeat), []);
    world.wait(ms(10_000));
    assert_eq!(world.gatekeeper.counters().died, 0);
}

#[test]
fn a_recorded_packet_is_no_sign_of_life() {
    let mut world = World::new(open_rack());
    let mut node = joined(&mut world, 1);
    world.serve(&mut node, 7, "Ping");
    world.ask(&mut node, ControlMessage::Heartbeat);
    world.wait(ms(1200));
    let query = world.heard_with_numbers(&node).last().unwrap().0;
    let told = ControlMessage::Outstanding { calls: vec![], more: false };
    world.say(&node, query, told.clone());
    for _ in 0..30 {
        assert_eq!(world.say(&node, node.number, ControlMessage::Heartbeat), []);
        world.say(&node, query, told.clone());
        world.say(&node, node.number - 1, serve(7, "Ping", ServeState::Open));
        world.wait(ms(100));
    }
    assert_eq!(world.state_of("n1"), Some(ResourceState::Failed));
}

#[test]
fn heartbeats_do_not_wear_out_the_memory_of_requests() {
    let mut world = World::new(open_rack());
    let mut node = joined(&mut world, 1);
    world.held.tables = true;
    assert_eq!(world.serve(&mut node, 7, "Ping"), []);
    let number = node.number;
    (0..100).for_each(|_| drop(world.ask(&mut node, ControlMessage::Heartbeat)));
    world.let_go();
    assert_eq!(world.say(&node, number, serve(7, "Ping", ServeState::Open)), [ControlMessage::Confirmed]);
}
