//! Whatever happens, in whatever order.

use super::*;
use proptest::prelude::*;

const NODES: u8 = 4;

/// Something that may happen.
#[derive(Debug, Clone)]
enum Happening {
    Announce(u8),
    Reboot(u8),
    Say(u8, ControlMessage),
    Wait(u64),
    Packet(u8, u16, Vec<u8>),
    Memory(u8, u64, bool),
    Changed(u64, bool),
    Logged(u64),
    Hold(bool, bool, bool),
    LetGo,
    SwitchRestarts,
    Restart,
}

fn message() -> impl Strategy<Value = ControlMessage> {
    let state = prop::sample::select(vec![ServeState::Open, ServeState::Draining, ServeState::Ended]);
    let service = prop::sample::select(vec!["Ping", "Echo"]);
    prop_oneof![
        Just(ControlMessage::Heartbeat),
        Just(ControlMessage::Heartbeat),
        Just(ControlMessage::Leave),
        Just(ControlMessage::Confirmed),
        (0u32..5, service, state).prop_map(|(instance, service, state)| serve(instance, service, state)),
    ]
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => (0..NODES).prop_map(Happening::Announce),
        1 => (0..NODES).prop_map(Happening::Reboot),
        6 => (0..NODES, message()).prop_map(|(node, message)| Happening::Say(node, message)),
        3 => (0u64..1500).prop_map(Happening::Wait),
        1 => (1u8..=11, 0u16..8, prop::collection::vec(any::<u8>(), 0..300))
            .prop_map(|(reason, port, frame)| Happening::Packet(reason, port, frame)),
        1 => (0u8..3, 0u64..6, any::<bool>()).prop_map(|(server, number, is)| Happening::Memory(server, number, is)),
        1 => (0u64..20, any::<bool>()).prop_map(|(batch, is)| Happening::Changed(batch, is)),
        1 => (0u64..20).prop_map(Happening::Logged),
        1 => any::<(bool, bool, bool)>().prop_map(|(log, tables, memory)| Happening::Hold(log, tables, memory)),
        2 => Just(Happening::LetGo),
        1 => Just(Happening::SwitchRestarts),
        1 => Just(Happening::Restart),
    ]
}

fn reason(number: u8) -> Reason {
    use Reason::{Alloc, Control, Delivered, Fenced, Free, Held, Lease, Mirror, Stranger, Tracked, Unserved};
    let all = [Delivered, Mirror, Unserved, Tracked, Lease, Held, Alloc, Free, Control, Stranger, Fenced];
    all[usize::from(number - 1)]
}

/// Nodes 0 and 3 want the same address; node 2 is a memory server.
fn nodes() -> Vec<Node> {
    let mut rival = Node::new(9);
    rival.announce.addresses = vec![address(1)];
    vec![Node::new(1), Node::new(2), Node::memory(1, 5), rival]
}

fn happen(mut world: World, nodes: &mut [Node], what: Happening) -> World {
    match what {
        Happening::Announce(n) => {
            let node = &mut nodes[usize::from(n)];
            node.incarnation = 0;
            let answers = world.announce(node);
            if let [ControlMessage::Welcome(welcome)] = &answers[..] {
                node.incarnation = welcome.incarnation;
            }
        }
        Happening::Reboot(n) => {
            let node = &mut nodes[usize::from(n)];
            *node = node.reborn();
            if let Some(memory) = &mut node.announce.memory {
                memory.boot += 1;
            }
        }
        Happening::Say(n, message) => drop(world.ask(&mut nodes[usize::from(n)], message)),
        Happening::Wait(time) => world.wait(ms(time)),
        Happening::Packet(number, port, frame) => world.packet(reason(number), port, &frame),
        Happening::Memory(server, sequence, is_applied) => {
            let answered = if is_applied { Answered::Applied(1) } else { Answered::Refused(7) };
            world.gatekeeper.handle(world.now, Input::Memory { server, sequence, answered });
        }
        Happening::Changed(batch, is_done) => world.gatekeeper.handle(world.now, Input::Changed { batch, is_done }),
        Happening::Logged(number) => world.gatekeeper.handle(world.now, Input::Logged(number)),
        Happening::Hold(log, tables, memory) => {
            world.let_go();
            world.held = Held { log, tables, memory, ..Held::default() };
        }
        Happening::LetGo => world.let_go(),
        Happening::SwitchRestarts => {
            world.switch = Entries::default();
            world.gatekeeper.handle(world.now, Input::SwitchRestarted);
        }
        Happening::Restart => world = world.restart(open_rack()),
    }
    world.run();
    world
}

/// Lets all that is under way come to its end; nobody is heard meanwhile, so all die.
fn settle(world: &mut World) {
    world.let_go();
    world.wait(ms(60_000));
    world.let_go();
    world.wait(ms(5_000));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]
    #[test]
    fn whatever_happens_all_ends_and_the_tables_say_what_the_rules_do(all in prop::collection::vec(happening(), 0..60)) {
        let mut world = World::new(open_rack());
        let mut nodes = nodes();
        for what in all {
            world = happen(world, &mut nodes, what);
            let lives = world.gatekeeper.members.iter().filter(|(_, member)| member.is_live());
            let lives: Vec<_> = lives.map(|(_, member)| member.profile.clone()).collect();
            for (n, one) in lives.iter().enumerate() {
                prop_assert!(lives[..n].iter().all(|other| !one.excludes(other)), "two have what one can have");
            }
        }
        settle(&mut world);
        prop_assert!(world.gatekeeper.is_ready());
        let status = world.gatekeeper.status(world.now);
        prop_assert_eq!(status.under_way, 0);
        prop_assert!(status.services.values().all(Vec::is_empty));
        world.assert_tables();
    }

    #[test]
    fn a_snapshot_says_what_all_records_do(all in prop::collection::vec(happening(), 0..40)) {
        let mut world = World::new(open_rack());
        let mut nodes = nodes();
        for what in all {
            world = happen(world, &mut nodes, what);
        }
        let of = |records: Vec<Record>| {
            let gatekeeper = Gatekeeper::new(open_rack(), records, world.now, &seed(1));
            let (status, entries) = (gatekeeper.status(world.now), gatekeeper.rules().entries());
            (status.services, entries, gatekeeper.members.lives().clone())
        };
        let (snapshot, all) = (of(world.gatekeeper.snapshot()), of(world.records.clone()));
        prop_assert_eq!(snapshot, all);
    }
}
