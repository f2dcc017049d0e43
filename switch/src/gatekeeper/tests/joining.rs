//! Section 2: announcing.

use super::*;
use crate::rules::Decision;
use crate::rules::topology;
use bifrost_rpc::wire::control::ControlRefusal;

#[test]
fn a_node_is_challenged_and_then_welcomed() {
    let mut world = World::new(open_rack());
    let mut node = Node::new(1);
    let first = world.announce_once(&mut node);
    assert!(matches!(first[..], [ControlMessage::Challenge(_)]), "{first:?}");
    assert_eq!(world.gatekeeper.status(world.now).resources, [], "a challenge costs no memory");
    let welcome = world.join(&mut node);
    assert_eq!((welcome.nonce, welcome.incarnation, welcome.term), (node.announce.nonce, 1, 1));
    assert_eq!(welcome.heartbeat_ms, 500);
    assert_eq!(world.state_of("n1"), Some(ResourceState::Free));
    world.assert_tables();
}

#[test]
fn the_incarnation_is_durable_before_the_tables_change_and_these_before_the_welcome() {
    let mut world = World::new(open_rack());
    let mut node = Node::new(1);
    world.held = Held { log: true, tables: true, ..Held::default() };
    assert_eq!(world.announce(&mut node), []);
    assert!(!world.switch.rows.keys().any(|key| key.table == Table::Node));
    let logged = world.held.logged.take().unwrap();
    world.gatekeeper.handle(world.now, Input::Logged(logged));
    world.run();
    assert_eq!(world.heard(&node), []);
    world.let_go();
    assert!(matches!(world.heard(&node)[..], [ControlMessage::Welcome(_)]));
}

#[test]
fn an_announcement_of_this_life_is_answered_with_the_same_welcome() {
    let mut world = World::new(open_rack());
    let mut node = Node::new(1);
    let announcing = node.clone();
    let welcome = world.join(&mut node);
    let again = world.say(&announcing, 9, ControlMessage::Announce(announcing.announce.clone()));
    assert_eq!(again, [ControlMessage::Welcome(welcome)]);
    assert_eq!(world.heard_with_numbers(&announcing)[0].0, 9, "the answer has the number of its request");
}

#[test]
fn a_recorded_announcement_brings_nobody_in() {
    let mut world = World::new(open_rack());
    let mut node = Node::new(1);
    world.join(&mut node);
    let recorded = Node { incarnation: 0, ..node.clone() };
    assert_eq!(world.ask(&mut node, ControlMessage::Leave), [ControlMessage::Confirmed]);
    let answers = world.say(&recorded, 2, ControlMessage::Announce(recorded.announce.clone()));
    assert!(matches!(answers[..], [ControlMessage::Challenge(_)]), "{answers:?}");
    assert_eq!(world.state_of("n1"), Some(ResourceState::Left));
}

#[test]
fn a_token_is_for_one_node_at_one_place() {
    let mut world = World::new(open_rack());
    let mut node = Node::new(1);
    let answers = world.announce_once(&mut node);
    let [ControlMessage::Challenge(token)] = answers[..] else { panic!("{answers:?}") };
    node.announce.token = Some(token);
    for other in [
        Node { port: 2, ..node.clone() },
        Node { mac: [2, 0, 0, 0, 9, 9], ..node.clone() },
        Node { announce: Announce { nonce: [7; 16], ..node.announce.clone() }, ..node.clone() },
        Node { announce: Announce { name: "other".into(), ..node.announce.clone() }, ..node.clone() },
        Node { announce: Announce { addresses: vec![address(9)], ..node.announce.clone() }, ..node.clone() },
    ] {
        let answers = world.say(&other, 5, ControlMessage::Announce(other.announce.clone()));
        assert!(matches!(answers[..], [ControlMessage::Challenge(_)]), "{answers:?}");
    }
}

#[test]
fn names_addresses_and_numbers_of_the_living_are_taken() {
    let mut world = World::new(open_rack());
    world.join(&mut Node::new(1));
    world.join(&mut Node::memory(1, 5));
    let (mut name, mut shared, mut mac, mut server) = (Node::new(2), Node::new(3), Node::new(4), Node::memory(1, 6));
    name.announce.name = "n1".into();
    shared.announce.addresses.push(address(1));
    mac.mac = [2, 0, 0, 0, 0, 1];
    (server.port, server.mac, server.announce.name) = (9, [2, 0, 0, 0, 0, 9], "other".into());
    for node in [&mut name, &mut shared, &mut mac, &mut server] {
        assert_eq!(world.announce(node), [ControlMessage::Refused(ControlRefusal::Taken)]);
    }
    assert_eq!(world.state_of("n1"), Some(ResourceState::Free));
}

#[test]
fn a_node_that_reboots_ends_its_life_before() {
    let mut world = World::new(open_rack());
    let mut node = Node::new(1);
    world.join(&mut node);
    world.join(&mut Node::memory(1, 5));
    world.serve(&mut node, 77, "Ping");
    let mut next = node.reborn();
    assert_eq!(world.join(&mut next).incarnation, 2);
    assert!(world.told.contains(&(1, MemoryMessage::Cleanup(Holder { node: address(1), incarnation: 1 }))));
    assert_eq!(world.places("Ping"), BTreeSet::new());
    world.assert_tables();
    assert_eq!(world.ask(&mut node, ControlMessage::Heartbeat), [ControlMessage::Fenced]);
}

#[test]
fn incarnations_rise_at_an_address_whoever_has_it() {
    let mut world = World::new(open_rack());
    let mut node = Node::new(1);
    world.join(&mut node);
    world.ask(&mut node, ControlMessage::Leave);
    let mut other = Node::new(2);
    other.announce.addresses = vec![address(1)];
    assert_eq!(world.join(&mut other).incarnation, 2);
}

#[test]
fn a_described_node_is_as_described() {
    let mut rules = rules();
    let described = topology::Node {
        name: "n1".into(),
        port: 1,
        mac: Mac([2, 0, 0, 0, 0, 1]),
        addresses: vec![address(1)],
        owns_service_addresses: true,
    };
    rules.decide(Decision::NodeJoins(described)).unwrap();
    let server = topology::MemoryServer { id: 1, port: 101, mac: Mac([2, 0, 0, 0, 0, 101]) };
    rules.decide(Decision::MemoryJoins(server)).unwrap();
    let mut world = World::new(Config::new(rules));
    assert!(
        !world.switch.rows.keys().any(|key| key.table == Table::Node),
        "nobody is there before it announces itself"
    );
    let differs = [ControlMessage::Refused(ControlRefusal::Differs)];
    let (mut port, mut addresses, mut owner) = (Node::new(1), Node::new(1), Node::new(1));
    port.port = 9;
    addresses.announce.addresses.push(address(9));
    owner.announce.owns_service_addresses = false;
    let mut server = Node::memory(1, 5);
    server.port = 9;
    for node in [&mut port, &mut addresses, &mut owner, &mut server] {
        assert_eq!(world.announce(node), differs);
    }
    assert_eq!(world.announce(&mut Node::new(2)), [ControlMessage::Refused(ControlRefusal::Unknown)]);
    world.join(&mut Node::new(1));
    world.join(&mut Node::memory(1, 5));
    world.assert_tables();
}

#[test]
fn a_key_lets_nodes_in_and_keeps_others_out() {
    let key = Key::from_bytes([3; 32]);
    let mut world = World::new(Config { key: Some(key.clone()), ..Config::new(rules()) });
    let mut node = Node { key: Some(key), ..Node::new(1) };
    world.join(&mut node);
    assert!(matches!(world.ask(&mut node, ControlMessage::Heartbeat)[..], [ControlMessage::Alive { .. }]));
    for mut other in [Node::new(2), Node { key: Some(Key::from_bytes([4; 32])), ..Node::new(2) }] {
        let before = world.gatekeeper.counters().unauthentic;
        world.announce(&mut other);
        assert_eq!((world.sent.len(), world.gatekeeper.counters().unauthentic), (0, before + 1));
    }
    let forged = Node { key: None, ..node.clone() };
    world.say(&forged, 50, ControlMessage::Leave);
    assert_eq!(world.state_of("n1"), Some(ResourceState::Free));
}

#[test]
fn a_memory_server_hears_of_ended_lives_before_it_is_there() {
    let mut world = World::new(open_rack());
    let mut node = Node::new(1);
    world.join(&mut node);
    world.ask(&mut node, ControlMessage::Leave);
    let mut server = Node::memory(1, 5);
    world.held.memory = true;
    assert_eq!(world.announce(&mut server), []);
    assert_eq!(world.told, [(1, MemoryMessage::Cleanup(Holder { node: address(1), incarnation: 1 }))]);
    // Its answers have to pass already; but nobody has a right to anything of it.
    assert!(world.switch.rows.keys().any(|key| key.table == Table::PortSecurity));
    assert!(!world.switch.rows.keys().any(|key| key.table == Table::MemoryAccess));
    world.let_go();
    assert!(matches!(world.heard(&server)[..], [ControlMessage::Welcome(_)]));
    world.assert_tables();
}

#[test]
fn a_memory_server_that_was_given_up_comes_back_with_another_boot_number() {
    let mut world = World::new(open_rack());
    let mut server = Node::memory(1, 5);
    world.join(&mut server);
    world.wait(ms(3000));
    assert_eq!(world.state_of("m1"), Some(ResourceState::Failed));
    assert_eq!(world.announce(&mut server.reborn()), [ControlMessage::Refused(ControlRefusal::Differs)]);
    let mut next = server.reborn();
    next.announce.memory = Some(MemoryServer { server: 1, boot: 6 });
    world.join(&mut next);
    world.assert_tables();
}

#[test]
fn strangers_may_only_announce_themselves() {
    let mut world = World::new(open_rack());
    let stranger = Node { incarnation: 1, ..Node::new(1) };
    for message in [ControlMessage::Heartbeat, serve(7, "Ping", ServeState::Open), ControlMessage::Leave] {
        assert_eq!(world.say(&stranger, 1, message), []);
    }
    let outsider = Node { incarnation: 0, ..Node::new(1) };
    assert_eq!(world.say(&outsider, 1, ControlMessage::Heartbeat), []);
    assert_eq!((world.gatekeeper.counters().unauthentic, world.gatekeeper.counters().strange), (3, 1));
}

#[test]
fn a_rack_remembers_only_so_many_nodes() {
    let mut world = World::new(Config { nodes_max: 2, ..open_rack() });
    world.join(&mut Node::new(1));
    world.join(&mut Node::new(2));
    assert_eq!(world.announce(&mut Node::new(3)), [ControlMessage::Refused(ControlRefusal::Full)]);
}

#[test]
fn who_has_been_gone_for_longest_is_forgotten_but_for_the_incarnations_of_its_addresses() {
    let config = || Config { nodes_max: 2, ..open_rack() };
    let mut world = World::new(config());
    let (mut dead, mut left) = (Node::new(1), Node::new(2));
    world.join(&mut dead);
    world.join(&mut left);
    assert!(world.gatekeeper.evict(world.now, "n1"));
    world.run();
    assert_eq!(world.ask(&mut left, ControlMessage::Leave), [ControlMessage::Confirmed]);
    world.join(&mut Node::new(3));
    assert_eq!((world.state_of("n1"), world.state_of("n2")), (None, Some(ResourceState::Left)));
    assert_eq!(world.reason(&dead), Reason::Stranger, "it is blocked no more");
    world.assert_tables();
    let mut world = world.restart(config());
    assert_eq!((world.state_of("n1"), world.state_of("n2")), (None, Some(ResourceState::Left)));
    // The third does not answer.
    world.wait(ms(3000));
    assert_eq!(world.join(&mut dead.reborn()).incarnation, 2);
    assert_eq!(world.state_of("n2"), None);
}

#[test]
fn an_address_that_no_node_can_have_is_refused() {
    let mut world = World::new(open_rack());
    let mut own = Node::new(1);
    own.announce.addresses = vec![gatekeeper_address(PREFIX)];
    assert_eq!(world.announce(&mut own), []);
    let mut local = Node::new(2);
    local.announce.addresses = vec!["fe80::1".parse().unwrap()];
    assert_eq!(world.announce(&mut local), [ControlMessage::Refused(ControlRefusal::Malformed)]);
    let mut memory = Node::memory(1, 5);
    memory.announce.addresses = vec![address(1)];
    assert_eq!(world.announce(&mut memory), []);
    assert_eq!(world.gatekeeper.counters().malformed, 2);
}
