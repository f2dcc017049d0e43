//! Section 9: its own death.

use super::*;
use bifrost_rpc::wire::control::{ControlRefusal, ReportKind, ReportLine};

fn told() -> ControlMessage {
    ControlMessage::Outstanding { calls: vec![], more: false }
}

/// The queries that a node was sent.
fn queries(world: &World, node: &Node) -> Vec<u64> {
    let heard = world.heard_with_numbers(node).into_iter();
    heard.filter(|(_, message)| matches!(message, ControlMessage::Query { .. })).map(|(number, _)| number).collect()
}

fn table(boot: u32) -> ServerTable {
    ServerTable { boot, newest: 0, objects: vec![], ended: vec![], more: false }
}

#[test]
fn the_first_term_is_one_and_each_next_is_higher_and_durable_first() {
    let world = World::new(open_rack());
    assert_eq!(world.records, [Record::Term(1)]);
    assert!(world.gatekeeper.is_ready());
    let mut gatekeeper = Gatekeeper::new(open_rack(), world.records.clone(), world.now, &seed(1));
    assert_eq!(gatekeeper.poll_output(), Some(Output::Log { number: 1, record: Record::Term(2) }));
    assert_eq!(gatekeeper.poll_output(), None, "nothing is done before that is written down");
    gatekeeper.handle(world.now, Input::Logged(1));
    assert!(matches!(gatekeeper.poll_output(), Some(Output::Reconcile { scope: Scope::Described, .. })));
}

#[test]
fn what_was_registered_is_there_again() {
    let mut world = World::new(open_rack());
    let (mut one, mut two) = (Node::new(1), Node::new(2));
    world.join(&mut one);
    world.join(&mut two);
    world.serve(&mut one, 7, "Ping");
    world.serve(&mut two, 8, "Ping");
    world.ask(&mut two, serve(8, "Ping", ServeState::Draining));
    world.wait_with(&mut [&mut one, &mut two], ms(10));
    let tables = world.switch.clone();
    let services = world.gatekeeper.status(world.now).services;
    let mut world = world.restart(open_rack());
    assert!(!world.gatekeeper.is_ready());
    for node in [&one, &two] {
        let number = queries(&world, node)[0];
        world.packet(Reason::Control, node.port, &node.frame(number, told()));
    }
    assert!(world.gatekeeper.is_ready());
    assert_eq!(world.gatekeeper.status(world.now).services, services);
    assert_eq!(world.switch.rows.len(), tables.rows.len());
    world.assert_tables();
    let alive = ControlMessage::Alive { term: 2, servers: vec![] };
    assert_eq!(world.ask(&mut one, ControlMessage::Heartbeat), [alive], "its life goes on");
}

#[test]
fn before_it_knows_all_it_decides_nothing() {
    let mut world = World::new(open_rack());
    let mut one = Node::new(1);
    world.join(&mut one);
    let mut world = world.restart(open_rack());
    let query = queries(&world, &one)[0];
    assert!(matches!(world.ask(&mut one, ControlMessage::Heartbeat)[..], [ControlMessage::Alive { term: 2, .. }]));
    assert_eq!(world.serve(&mut one, 7, "Ping"), []);
    assert_eq!(world.announce(&mut Node::new(2)), [ControlMessage::Refused(ControlRefusal::NotReady)]);
    world.packet(Reason::Lease, 1, &[0; 200]);
    world.packet(Reason::Unserved, 1, &[0; 200]);
    assert_eq!(world.gatekeeper.counters().not_ready, 3);
    world.say(&one, query, told());
    assert_eq!(world.serve(&mut one, 7, "Ping"), [ControlMessage::Confirmed]);
}

#[test]
fn a_node_that_does_not_answer_is_dead_in_the_end() {
    let mut world = World::new(open_rack());
    let (mut one, mut two) = (Node::new(1), Node::new(2));
    world.join(&mut one);
    world.join(&mut two);
    let mut world = world.restart(open_rack());
    let query = queries(&world, &one)[0];
    world.say(&one, query, told());
    world.wait_with(&mut [&mut one], ms(1000));
    assert!(!world.gatekeeper.is_ready());
    world.wait_with(&mut [&mut one], ms(1600));
    assert!(world.gatekeeper.is_ready());
    assert_eq!(world.state_of("n2"), Some(ResourceState::Failed));
    assert_eq!(world.state_of("n1"), Some(ResourceState::Free));
    world.assert_tables();
    // One that lives but does not say what it was asked is no better.
    let mut world = world.restart(open_rack());
    world.wait_with(&mut [&mut one], ms(2600));
    assert!(world.gatekeeper.is_ready());
    assert_eq!(world.state_of("n1"), Some(ResourceState::Failed));
}

#[test]
fn a_query_that_was_lost_is_made_again() {
    let mut world = World::new(open_rack());
    let mut one = Node::new(1);
    world.join(&mut one);
    let mut world = world.restart(open_rack());
    let first = queries(&world, &one);
    world.sent.clear();
    world.wait(ms(300));
    let second = queries(&world, &one);
    assert_eq!((first.len(), second.len()), (1, 1));
    world.say(&one, second[0], told());
    assert!(world.gatekeeper.is_ready());
}

#[test]
fn rights_are_read_back_from_the_memory_servers() {
    let mut world = World::new(open_rack());
    let (mut one, mut server) = (Node::new(1), Node::memory(1, 5));
    world.join(&mut one);
    world.join(&mut server);
    let pointer = Pointer::new(0xfd, 1, 5 << 32 | 1);
    let object = ServerObject { pointer, control: Some((address(1), 1)), freed: false, leases: vec![], given_by: None };
    let page = ServerTable { objects: vec![object], ..table(5) };
    world.servers.insert(1, page);
    let mut world = world.restart(open_rack());
    assert!(!world.gatekeeper.is_ready(), "the server was not there when it was asked");
    // The driver tells the table when it has it.
    let page = world.servers[&1].clone();
    world.gatekeeper.handle(world.now, Input::Table { server: 1, page });
    world.run();
    let number = queries(&world, &one)[0];
    world.packet(Reason::Control, 1, &one.frame(number, told()));
    assert!(world.gatekeeper.is_ready());
    let rights = world.switch.rows.keys().filter(|key| key.table == Table::MemoryAccess).count();
    assert_eq!(rights, 2, "to read and to write");
    assert_eq!(world.gatekeeper.objects(None).count(), 1);
    world.assert_tables();
    assert_eq!(world.state_of("n1"), Some(ResourceState::InUse));
}

#[test]
fn that_a_call_was_given_up_is_confirmed_when_what_it_had_given_is_freed() {
    let mut world = World::new(open_rack());
    let (mut one, mut server) = (Node::new(1), Node::memory(1, 5));
    world.join(&mut one);
    world.join(&mut server);
    let (client, rpc) = (77, 3);
    let pointer = Pointer::new(0xfd, 1, 5 << 32 | 1);
    let (control, given_by) = (Some((address(1), 1)), Some((client, rpc)));
    let object = ServerObject { pointer, control, freed: false, leases: vec![], given_by };
    world.servers.insert(1, ServerTable { objects: vec![object], ..table(5) });
    let mut world = world.restart(open_rack());
    let page = world.servers[&1].clone();
    world.gatekeeper.handle(world.now, Input::Table { server: 1, page });
    world.run();
    let number = queries(&world, &one)[0];
    world.packet(Reason::Control, 1, &one.frame(number, told()));
    world.held.memory = true;
    let line = |kind| ControlMessage::Report(vec![ReportLine { kind, session: 5, client, rpc }]);
    assert_eq!(world.ask(&mut one, line(ReportKind::Abandoned)), [], "the server may never hear of it");
    let from = Holder { node: address(1), incarnation: 1 };
    assert_eq!(world.told.last(), Some(&(1, MemoryMessage::Reclaim { objects: vec![pointer], from })));
    world.let_go();
    assert_eq!(world.heard(&one), [ControlMessage::Confirmed]);
    assert_eq!(world.ask(&mut one, line(ReportKind::Done)), [ControlMessage::Confirmed]);
}

#[test]
fn a_node_that_came_back_is_welcomed_when_memory_servers_have_cleaned_up_after_its_earlier_life() {
    let mut world = World::new(open_rack());
    let (mut one, mut server) = (Node::new(1), Node::memory(1, 5));
    world.join(&mut server);
    world.join(&mut one);
    let mut again = one.reborn();
    assert_eq!(world.join(&mut again).incarnation, 2);
    // The one before may not have come to it.
    let mut world = world.restart(open_rack());
    let gone = Holder { node: address(1), incarnation: 1 };
    assert_eq!(world.told, [(1, MemoryMessage::Cleanup(gone))]);
    again.incarnation = 0;
    assert_eq!(world.announce_once(&mut again), [ControlMessage::Refused(ControlRefusal::NotReady)]);
    world.gatekeeper.handle(world.now, Input::Table { server: 1, page: table(5) });
    world.run();
    let [ControlMessage::Welcome(welcome)] = &world.announce_once(&mut again)[..] else { panic!("not welcomed") };
    assert_eq!(welcome.incarnation, 2);
}

#[test]
fn a_memory_server_that_restarted_meanwhile_is_another() {
    let mut world = World::new(open_rack());
    let mut server = Node::memory(1, 5);
    world.join(&mut server);
    let mut world = world.restart(open_rack());
    world.gatekeeper.handle(world.now, Input::Table { server: 1, page: table(6) });
    world.run();
    assert!(world.gatekeeper.is_ready());
    assert_eq!(world.state_of("m1"), Some(ResourceState::Failed));
    let mut next = server.reborn();
    next.announce.memory = Some(MemoryServer { server: 1, boot: 6 });
    assert_eq!(world.join(&mut next).incarnation, 2);
    world.assert_tables();
}

#[test]
fn a_death_that_was_under_way_is_completed() {
    let mut world = World::new(open_rack());
    let (mut one, mut server) = (Node::new(1), Node::memory(1, 5));
    world.join(&mut one);
    world.join(&mut server);
    // It ends with the record written, and nothing of what follows done.
    world.held.log = true;
    world.ask(&mut one, ControlMessage::Leave);
    world.told.clear();
    let mut world = world.restart(open_rack());
    world.gatekeeper.handle(world.now, Input::Table { server: 1, page: table(5) });
    world.run();
    assert!(world.gatekeeper.is_ready());
    assert_eq!(world.told, [(1, MemoryMessage::Cleanup(Holder { node: address(1), incarnation: 1 }))]);
    assert_eq!(world.join(&mut one.reborn()).incarnation, 2);
    world.assert_tables();
}

#[test]
fn a_node_that_took_anothers_place_in_the_log_has_it() {
    let mut world = World::new(open_rack());
    let mut one = Node::new(1);
    world.join(&mut one);
    let mut next = one.reborn();
    // The new life is written down, and the end of the old one is not.
    let mut records = world.records.clone();
    world.announce(&mut next);
    let born = world.records.iter().find(|record| matches!(record, Record::Node { incarnation: 2, .. })).unwrap();
    records.push(born.clone());
    let mut world = World::of(open_rack(), records, world.switch, world.now);
    next.incarnation = 2;
    let number = queries(&world, &next)[0];
    world.packet(Reason::Control, 1, &next.frame(number, told()));
    assert!(world.gatekeeper.is_ready());
    assert!(matches!(world.ask(&mut next, ControlMessage::Heartbeat)[..], [ControlMessage::Alive { .. }]));
}

#[test]
fn the_log_may_begin_anew_with_a_snapshot() {
    let mut world = World::new(open_rack());
    let (mut one, mut two, mut three) = (Node::new(1), Node::new(2), Node::new(3));
    for node in [&mut one, &mut two, &mut three] {
        world.join(node);
    }
    for instance in 10..60 {
        world.serve(&mut one, instance, "Ping");
        world.ask(&mut one, serve(instance, "Ping", ServeState::Ended));
    }
    world.serve(&mut two, 8, "Echo");
    world.ask(&mut three, ControlMessage::Leave);
    let snapshot = world.gatekeeper.snapshot();
    assert!(snapshot.len() < 20 && world.records.len() > 100, "{}", snapshot.len());
    let of = |records: Vec<Record>| {
        let gatekeeper = Gatekeeper::new(open_rack(), records, world.now, &seed(1));
        (gatekeeper.status(world.now), gatekeeper.rules().entries())
    };
    assert_eq!(of(snapshot), of(world.records.clone()));
}

#[test]
fn requests_of_an_earlier_term_change_nothing() {
    let mut world = World::new(open_rack());
    let mut one = Node::new(1);
    world.join(&mut one);
    world.serve(&mut one, 7, "Ping");
    let recorded = one.number + 1;
    let mut world = world.restart(open_rack());
    let query = queries(&world, &one)[0];
    world.say(&one, query, told());
    assert!(world.gatekeeper.is_ready());
    assert_eq!(world.say(&one, recorded, serve(7, "Ping", ServeState::Ended)), []);
    assert_eq!(world.places("Ping"), BTreeSet::from([1]));
    assert_eq!(world.serve(&mut one, 8, "Ping"), [ControlMessage::Confirmed]);
}
