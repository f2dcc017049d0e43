mod model;
mod world;

use super::*;
use crate::wire::control::{REPORTS_MAX, ReportKind};
use proptest::prelude::*;
use std::collections::btree_map::Entry;
use world::{World, announce};

/// In virtual time; with half of all packets lost an exchange takes a second or two.
const LONG: Duration = Duration::from_secs(1000);

fn methods(count: u16) -> Vec<(MethodField, u8)> {
    let mut methods: Vec<_> = (0..count).map(|number| (MethodField::new("S", &format!("m{number}")), 0)).collect();
    methods.sort_unstable();
    methods
}

fn line(rpc: u64) -> ReportLine {
    ReportLine { kind: ReportKind::Done, session: 1, client: 2, rpc }
}

fn from_control_plane(world: &World, number: u64, message: ControlMessage) -> ControlPacket {
    ControlPacket { number, incarnation: world.node.incarnation(), message }
}

fn refused(world: &mut World, why: ControlRefusal) {
    let number = world.node.number;
    let packet = from_control_plane(world, number, ControlMessage::Refused(why));
    world.node.handle(world.now, &packet);
}

fn settled(world: &World, wanted: &BTreeMapOfServed) -> bool {
    world.model.served == *wanted && !world.node.is_waiting()
}

type BTreeMapOfServed = std::collections::BTreeMap<(u32, String), (Vec<(MethodField, u8)>, ServeState)>;

#[test]
fn a_node_joins_serves_reports_and_leaves() {
    let mut world = World::new(7, 0);
    world.node.serve(world.now, 9, "S", methods(100));
    world.lines.extend((0..100).map(line));
    assert_eq!(world.node.is_served(9, "S"), Ok(false));
    world.join();
    assert_eq!((world.node.incarnation(), world.node.term(), world.node.servers()), (1, 1, &[1, 2][..]));
    assert_eq!(world.node.retransmission_max(), Duration::from_millis(250), "heartbeats are each 500 ms");
    world.run(Duration::from_millis(400));
    assert_eq!(world.node.is_served(9, "S"), Ok(true));
    assert_eq!(world.model.served[&(9, "S".into())], (methods(100), ServeState::Open));
    assert_eq!(world.model.reported, (0..100).map(line).collect::<Vec<_>>());
    // Two announcements, three messages of methods, four of reports.
    assert_eq!(world.sent, 2 + 3 + 100usize.div_ceil(REPORTS_MAX));
    world.run(Duration::from_secs(5));
    assert_eq!(world.node.servers(), [1, 2, 3], "heartbeats bring the servers");
    assert_eq!(world.sent, 9 + 10, "ten heartbeats and nothing else");
    world.node.leave(world.now);
    world.run(Duration::from_millis(10));
    assert_eq!((world.node.state(), world.model.is_here), (MembershipState::Left, false));
    assert_eq!(world.node.poll_timeout(), None);
}

#[test]
fn a_fenced_node_stops_and_its_next_life_has_another_number() {
    let mut world = World::new(7, 0);
    world.join();
    let older = ControlPacket { number: 1, incarnation: 0, message: ControlMessage::Fenced };
    world.node.handle(world.now, &older);
    assert_eq!(world.node.state(), MembershipState::Joined, "another incarnation was fenced");
    world.model.is_here = false;
    world.run(Duration::from_secs(1));
    assert_eq!((world.node.state(), world.node.poll_timeout()), (MembershipState::Fenced, None));
    world.node.serve(world.now, 9, "S", methods(1));
    assert_eq!(world.node.poll_transmit(), None);
    world.node = Membership::new(world.now, announce(2));
    world.join();
    assert_eq!(world.node.incarnation(), 2);
}

#[test]
fn a_node_that_is_fenced_while_it_leaves_has_left() {
    let mut world = World::new(7, 0);
    world.join();
    world.node.leave(world.now);
    let fenced = from_control_plane(&world, 1, ControlMessage::Fenced);
    world.node.handle(world.now, &fenced);
    assert_eq!((world.node.state(), world.node.poll_timeout()), (MembershipState::Left, None));
}

#[test]
fn a_refusal_for_now_is_told_and_does_not_end_the_announcing() {
    let mut world = World::new(7, 0);
    refused(&mut world, ControlRefusal::NotReady);
    assert_eq!(world.node.state(), MembershipState::Announcing(Some(ControlRefusal::NotReady)));
    world.join();
    let mut world = World::new(7, 0);
    refused(&mut world, ControlRefusal::Differs);
    assert_eq!(world.node.state(), MembershipState::Refused(ControlRefusal::Differs));
    assert_eq!(world.node.poll_timeout(), None);
}

#[test]
fn a_service_that_is_refused_is_not_told_of_again() {
    let mut world = World::new(7, 0);
    world.join();
    world.node.serve(world.now, 9, "S", methods(1));
    refused(&mut world, ControlRefusal::Collision);
    assert_eq!(world.node.is_served(9, "S"), Err(ControlRefusal::Collision));
    let sent = world.sent + 1;
    world.run(Duration::from_millis(300));
    assert!(world.sent <= sent + 1, "nothing but a heartbeat");
    world.node.serve_less(world.now, 9, "S", ServeState::Ended);
    assert_eq!(world.node.is_served(9, "S"), Ok(true), "forgotten");
}

/// The number of what was refused is used up: repeated under it, it would be refused without being looked at.
#[test]
fn what_the_control_plane_is_not_ready_for_is_asked_anew() {
    let mut world = World::new(7, 0);
    world.join();
    world.node.serve(world.now, 9, "S", methods(1));
    let first = world.node.poll_transmit().unwrap();
    refused(&mut world, ControlRefusal::NotReady);
    assert_eq!(world.node.is_served(9, "S"), Ok(false));
    let due = world.node.poll_timeout().unwrap();
    world.node.handle_timeout(due);
    let second = world.node.poll_transmit().unwrap();
    assert_eq!(first.message, second.message);
    assert!(second.number > first.number);
}

/// A control plane that remembers few numbers would drop it for ever.
#[test]
fn what_is_long_unanswered_is_asked_under_a_new_number() {
    let mut world = World::new(7, 0);
    world.join();
    world.node.serve(world.now, 9, "S", methods(1));
    let mut numbers = Vec::new();
    for _ in 0..200 {
        let sent = std::iter::from_fn(|| world.node.poll_transmit());
        numbers.extend(sent.filter(|packet| packet.message != ControlMessage::Heartbeat).map(|packet| packet.number));
        world.now = world.now.plus(Duration::from_millis(50));
        world.node.handle_timeout(world.now);
    }
    let first = numbers[0];
    assert_eq!(numbers.iter().filter(|number| **number == first).count(), 8);
    assert!(numbers.is_sorted() && numbers.len() > 10 && numbers[8] > first);
}

/// Under a new number the last of a service's messages would be taken for the only one.
#[test]
fn a_service_of_many_methods_is_told_anew_from_its_first_message() {
    let mut world = World::new(7, 0);
    world.join();
    world.node.serve(world.now, 9, "S", methods(100));
    let deaf_until = world.now.plus(Duration::from_secs(6));
    while world.node.is_served(9, "S") != Ok(true) {
        while let Some(packet) = world.node.poll_transmit() {
            let is_last = matches!(&packet.message, ControlMessage::Serve(serve) if !serve.more);
            let answer = world.model.handle(&packet).filter(|_| !is_last || world.now > deaf_until);
            answer.iter().for_each(|answer| world.node.handle(world.now, answer));
        }
        world.now = world.now.plus(Duration::from_millis(50));
        world.node.handle_timeout(world.now);
        assert!(world.now < deaf_until.plus(LONG));
    }
    assert!(world.now > deaf_until);
    assert_eq!(world.model.served[&(9, "S".into())], (methods(100), ServeState::Open));
}

/// It may have heard heartbeats with higher numbers before.
#[test]
fn a_successor_is_asked_under_a_new_number() {
    let mut world = World::new(7, 0);
    world.join();
    world.node.report(world.now, vec![line(1)]);
    let lost = world.node.poll_transmit().unwrap();
    world.node.handle_timeout(world.now.plus(Duration::from_secs(1)));
    let alive = from_control_plane(&world, world.node.number, ControlMessage::Alive { term: 2, servers: vec![] });
    let number = world.node.number;
    world.node.handle(world.now, &alive);
    let sent: Vec<_> = std::iter::from_fn(|| world.node.poll_transmit()).collect();
    let again = sent.iter().rfind(|packet| packet.message == lost.message).unwrap();
    assert!(again.number > number);
}

#[test]
fn questions_are_answered_under_their_number_and_bounded() {
    let mut world = World::new(7, 0);
    world.join();
    for number in 0..100 {
        let packet = from_control_plane(&world, number, ControlMessage::Query { session: 5, rpc: number });
        world.node.handle(world.now, &packet);
    }
    let query = world.node.poll_query().unwrap();
    assert_eq!(query, Query { number: 0, session: 5, rpc: 0 });
    world.node.answer(query, Vec::new(), false);
    let packet = world.node.poll_transmit().unwrap();
    assert_eq!(packet.message, ControlMessage::Outstanding { calls: Vec::new(), more: false });
    assert_eq!((packet.number, packet.incarnation), (0, 1));
    assert_eq!(std::iter::from_fn(|| world.node.poll_query()).count(), QUERIES_MAX - 1);
}

#[test]
fn a_late_answer_does_not_bring_back_old_servers() {
    let mut world = World::new(7, 0);
    world.join();
    world.run(Duration::from_secs(2));
    let old = from_control_plane(&world, world.node.alive - 1, ControlMessage::Alive { term: 1, servers: vec![9] });
    world.node.handle(world.now, &old);
    assert_eq!(world.node.servers(), [1, 2, 3]);
}

#[test]
fn two_ends_that_disagree_about_a_token_do_not_talk_without_end() {
    let mut world = World::new(7, 0);
    for round in 0..50 {
        let number = world.node.number;
        let challenge = from_control_plane(&world, number, ControlMessage::Challenge([round; 32]));
        world.node.handle(world.now, &challenge);
    }
    assert_eq!(std::iter::from_fn(|| world.node.poll_transmit()).count(), 2);
}

proptest! {
    /// Whatever is lost, comes twice or late, and however often the control plane is restarted: in the end it knows what the node
    /// serves, and has had every line.
    #[test]
    fn what_a_node_says_arrives_in_the_end(seed: u64, loss in prop_oneof![Just(0), 0u64..45], steps in prop::collection::vec(0u8..8, 1..40)) {
        let mut world = World::new(seed, loss);
        let mut wanted = BTreeMapOfServed::new();
        let (mut lines, mut restarts, mut instance) = (0, 0, 0);
        world.join();
        for step in steps {
            let chosen = world.draw(wanted.len().max(1) as u64);
            let key = wanted.keys().nth(usize::try_from(chosen).unwrap()).cloned();
            match (step, key) {
                // An instance is one life: its number never comes again.
                (0..=1, _) => {
                    let count = u16::try_from(world.draw(130)).unwrap();
                    instance += 1;
                    wanted.insert((instance, "S".to_owned()), (methods(count), ServeState::Open));
                    world.node.serve(world.now, instance, "S", methods(count));
                }
                (2, Some((instance, service))) => {
                    let state = if world.draw(2) == 0 { ServeState::Draining } else { ServeState::Ended };
                    world.node.serve_less(world.now, instance, &service, state);
                    match wanted.entry((instance, service)) {
                        Entry::Occupied(entry) if state == ServeState::Ended => _ = entry.remove(),
                        entry => _ = entry.and_modify(|served| served.1 = state),
                    }
                }
                (3..=5, _) => {
                    let more = world.draw(100);
                    world.lines.extend((lines..lines + more).map(line));
                    lines += more;
                }
                (6, _) => {
                    world.model.restart();
                    restarts += 1;
                }
                _ => {
                    let pause = world.draw(3000);
                    world.run(Duration::from_millis(pause));
                }
            }
        }
        // The node hears of the last restart, and says all again.
        let term = world.model.term;
        world.run_until(LONG, |world| world.node.term() == term && settled(world, &wanted) && world.lines.is_empty());
        let mut reported = world.model.reported.clone();
        // One that is long unanswered comes as another.
        if restarts == 0 && loss == 0 {
            prop_assert_eq!(&reported, &(0..lines).map(line).collect::<Vec<_>>(), "each once, in order");
        }
        reported.sort_unstable();
        reported.dedup();
        prop_assert_eq!(reported, (0..lines).map(line).collect::<Vec<_>>());
        prop_assert_eq!(world.node.incarnation(), 1);
        world.node.leave(world.now);
        world.run_until(LONG, |world| world.node.state() != MembershipState::Joined);
        prop_assert!(!world.model.is_here);
    }

    #[test]
    fn any_packets_leave_it_sound(packets in prop::collection::vec((0u64..6, 0u32..3, 0u8..8, any::<u64>()), 0..60)) {
        let mut world = World::new(1, 0);
        for (number, incarnation, kind, value) in packets {
            let term = value % 4;
            let servers = vec![1];
            let welcome = Welcome { nonce: [1; 16], incarnation: 1, term, heartbeat_ms: u32::try_from(value >> 32).unwrap(), servers };
            let message = match kind {
                0 => ControlMessage::Challenge([1; 32]),
                1 => ControlMessage::Welcome(welcome),
                2 => ControlMessage::Confirmed,
                3 => ControlMessage::Refused(ControlRefusal::NotReady),
                4 => ControlMessage::Alive { term, servers: vec![2] },
                5 => ControlMessage::Query { session: 0, rpc: value },
                6 => ControlMessage::Heartbeat,
                _ => ControlMessage::Leave,
            };
            world.node.serve(world.now, u32::try_from(value % 3).unwrap(), "S", methods(1));
            world.node.handle(world.now, &ControlPacket { number, incarnation, message });
            world.now = world.now.plus(Duration::from_millis(value % 100));
            world.node.handle_timeout(world.now);
            prop_assert!(world.node.poll_timeout().is_some_and(|due| due > world.now));
            prop_assert!(world.node.queries.len() <= QUERIES_MAX);
            let sent = std::iter::from_fn(|| world.node.poll_transmit()).count();
            prop_assert!(sent <= 4, "{} packets for one", sent);
        }
    }
}
