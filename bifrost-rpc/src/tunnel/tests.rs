//! Both ends joined by hand, then through a bad network.

use super::*;
use crate::endpoint::{Key, Time};
use crate::wire::tunnel::{Identity, Seat};
use proptest::prelude::*;
use std::net::SocketAddr;

fn seat(port: u16) -> Seat {
    let (mac, switch_mac) = ([2, 0, 0, 0, 0, 1], [2, 0xb1, 0xf0, 0, 0, 1]);
    Seat { port, mtu: 9000, mac, switch_mac, address: "fd00::1".parse().unwrap() }
}

fn outer(number: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 40_000 + number))
}

fn key(byte: u8) -> Key {
    Key::from_bytes([byte; 32])
}

fn switch() -> SwitchEnd {
    let mut switch = SwitchEnd::new(Some(&key(1)), [9; 32]);
    assert!(switch.add_port("n1", seat(3)));
    switch
}

fn node(now: Time, seed: u8) -> NodeEnd {
    NodeEnd::new(now, Identity::Node("n1".into()), 1430, Some(&key(1)), [seed; 32])
}

fn ms(time: u64) -> Time {
    Time::from_nanos(1_000_000_000 + time * 1_000_000)
}

/// Carries messages both ways until there are none, and returns those of the node.
fn exchange(now: Time, from: SocketAddr, node: &mut NodeEnd, switch: &mut SwitchEnd) -> Vec<Vec<u8>> {
    let mut said = Vec::new();
    loop {
        let mut any = false;
        while let Some(message) = node.poll_transmit() {
            switch.handle(now, from, &message);
            said.push(message);
            any = true;
        }
        while let Some((to, message)) = switch.poll_transmit() {
            if to == from {
                node.handle(now, &message);
            }
            any = true;
        }
        if !any {
            return said;
        }
    }
}

fn attachment(node: &NodeEnd) -> u32 {
    match node.state() {
        NodeState::Attached(attachment, _) => attachment,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_node_attaches_and_is_told_its_place() {
    let (mut switch, mut node) = (switch(), node(ms(0), 1));
    exchange(ms(0), outer(1), &mut node, &mut switch);
    let number = attachment(&node);
    assert_eq!(node.state(), NodeState::Attached(number, Seat { mtu: 1430, ..seat(3) }));
    assert_eq!(switch.poll_event(), Some(PortEvent::Attached(3, outer(1))));
    assert_eq!(switch.port_of(outer(1), number), Some(3));
    assert_eq!(switch.port_of(outer(2), number), None, "a frame from another address");
    assert_eq!(switch.port_of(outer(1), number ^ 0x10000), None, "a frame of another attachment");
    assert_eq!(switch.outer_of(3), Some((outer(1), number, 1430)));
    node.detach();
    exchange(ms(1), outer(1), &mut node, &mut switch);
    assert_eq!(switch.poll_event(), Some(PortEvent::Detached(3, DetachReason::Left)));
    assert_eq!((switch.port_of(outer(1), number), switch.outer_of(3)), (None, None));
}

#[test]
fn an_attachment_is_kept_while_both_are_heard_and_expires_else() {
    let (mut switch, mut node) = (switch(), node(ms(0), 1));
    exchange(ms(0), outer(1), &mut node, &mut switch);
    let number = attachment(&node);
    for step in 1..200 {
        let now = ms(step * 100);
        node.handle_timeout(now);
        exchange(now, outer(1), &mut node, &mut switch);
        switch.handle_timeout(now);
        assert_eq!(switch.port_of(outer(1), number), Some(3));
    }
    // The node falls silent.
    switch.poll_event();
    assert!(switch.poll_timeout().unwrap() <= ms(26_000));
    switch.handle_timeout(ms(26_000));
    assert_eq!(switch.poll_event(), Some(PortEvent::Detached(3, DetachReason::Expired)));
    // The switch does not answer: the node asks again.
    for step in 200..300 {
        node.handle_timeout(ms(step * 100));
        while node.poll_transmit().is_some() {}
    }
    assert_eq!(node.state(), NodeState::Asking(None));
    exchange(ms(40_000), outer(1), &mut node, &mut switch);
    node.handle_timeout(ms(41_000));
    exchange(ms(41_000), outer(1), &mut node, &mut switch);
    assert_eq!(switch.port_of(outer(1), attachment(&node)), Some(3));
}

#[test]
fn the_newest_that_knows_the_key_has_the_port_and_the_other_is_told() {
    let (mut switch, mut first, mut second) = (switch(), node(ms(0), 1), node(ms(0), 2));
    let said = exchange(ms(0), outer(1), &mut first, &mut switch);
    let mut stranger = NodeEnd::new(ms(1), Identity::Port(3), 1430, Some(&key(2)), [3; 32]);
    assert!(exchange(ms(1), outer(3), &mut stranger, &mut switch).len() == 1, "a stranger was answered");
    assert_eq!(switch.outer_of(3).unwrap().0, outer(1));
    // The message that says so is lost; the next KEEP brings another.
    exchange(ms(5), outer(2), &mut second, &mut switch);
    assert_eq!(switch.outer_of(3).unwrap().0, outer(2));
    first.handle_timeout(ms(2500));
    exchange(ms(2500), outer(1), &mut first, &mut switch);
    assert_eq!(first.state(), NodeState::Ended(DetachReason::TakenOver));
    assert_eq!(first.poll_timeout(), None);
    // What the first said is of no use to anybody, from wherever it is said.
    for from in [outer(1), outer(2), outer(4)] {
        said.iter().for_each(|message| switch.handle(ms(2600), from, message));
    }
    assert_eq!(switch.outer_of(3).unwrap().0, outer(2));
    assert_eq!(switch.port_of(outer(2), attachment(&second)), Some(3));
}

#[test]
fn unknown_nodes_are_refused_and_closed_ports_told() {
    let mut switch = switch();
    let mut other = NodeEnd::new(ms(0), Identity::Node("n2".into()), 1430, Some(&key(1)), [1; 32]);
    exchange(ms(0), outer(1), &mut other, &mut switch);
    assert_eq!(other.state(), NodeState::Asking(Some(DetachReason::Unknown)));
    let mut node = node(ms(0), 1);
    exchange(ms(0), outer(1), &mut node, &mut switch);
    switch.close();
    while let Some((_, message)) = switch.poll_transmit() {
        node.handle(ms(1), &message);
    }
    assert_eq!(node.state(), NodeState::Asking(Some(DetachReason::Closed)));
    assert!(!switch.add_port("n3", seat(511)));
}

#[test]
fn without_a_key_only_loopback_attaches() {
    let mut switch = SwitchEnd::new(None, [9; 32]);
    switch.add_port("n1", seat(3));
    let mut node = NodeEnd::new(ms(0), Identity::Port(3), 1430, None, [1; 32]);
    exchange(ms(0), "192.0.2.1:5".parse().unwrap(), &mut node, &mut switch);
    assert_eq!(switch.outer_of(3), None);
    for (byte, from) in [(2, "127.0.0.1:5"), (3, "[::1]:5"), (4, "[::ffff:127.0.0.1]:5")] {
        let mut node = NodeEnd::new(ms(byte), Identity::Port(3), 1430, None, [u8::try_from(byte).unwrap(); 32]);
        exchange(ms(byte), from.parse().unwrap(), &mut node, &mut switch);
        assert_eq!(switch.outer_of(3).unwrap().0, from.parse().unwrap());
    }
}

/// What the network does with a message.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Lost,
    Comes,
    ComesTwice,
    /// It comes so many steps later.
    Late(usize),
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        2 => Just(Fate::Lost),
        5 => Just(Fate::Comes),
        1 => Just(Fate::ComesTwice),
        2 => (1usize..40).prop_map(Fate::Late),
    ]
}

/// Two nodes that want the same port, the second from `takeover` on, and a bad network between them and the switch.
struct World {
    switch: SwitchEnd,
    nodes: Vec<NodeEnd>,
    /// Messages under way: when they come (in steps), to the switch or from it, which node's.
    under_way: Vec<(usize, bool, usize, Vec<u8>)>,
    fates: Vec<Fate>,
    sent: usize,
}

impl World {
    fn send(&mut self, step: usize, to_switch: bool, node: usize, message: Vec<u8>) {
        let fate = self.fates[self.sent % self.fates.len()];
        self.sent += 1;
        let times: &[usize] = match &fate {
            Fate::Lost => &[],
            Fate::Comes => &[0],
            Fate::ComesTwice => &[0, 3],
            Fate::Late(steps) => &[*steps],
        };
        times.iter().for_each(|after| self.under_way.push((step + after, to_switch, node, message.clone())));
    }

    fn step(&mut self, step: usize) {
        let now = ms(step as u64 * 50);
        for at in 0..self.nodes.len() {
            self.nodes[at].handle_timeout(now);
            while let Some(message) = self.nodes[at].poll_transmit() {
                self.send(step, true, at, message);
            }
        }
        self.switch.handle_timeout(now);
        while let Some((to, message)) = self.switch.poll_transmit() {
            let node = usize::from(to.port() - 40_000);
            self.send(step, false, node, message);
        }
        let (now_due, later) = std::mem::take(&mut self.under_way).into_iter().partition(|due| due.0 <= step);
        self.under_way = later;
        for (_, to_switch, node, message) in now_due {
            match to_switch {
                true => self.switch.handle(now, outer(u16::try_from(node).unwrap()), &message),
                false => self.nodes[node].handle(now, &message),
            }
        }
    }
}

proptest! {
    #[test]
    fn a_node_gets_its_port_through_any_network_that_lets_something_pass(
        fates in prop::collection::vec(fate(), 5..60).prop_filter("something passes", |fates| {
            fates.iter().filter(|fate| !matches!(fate, Fate::Lost)).count() * 3 > fates.len() * 2
        }),
        takeover in prop::option::of(1usize..60),
    ) {
        let (nodes, under_way) = (vec![node(ms(0), 1)], Vec::new());
        let mut world = World { switch: switch(), nodes, under_way, fates, sent: 0 };
        let mut last = None;
        for step in 0..1200 {
            if takeover == Some(step) {
                world.nodes.push(node(ms(step as u64 * 50), 2));
            }
            world.step(step);
            // Only a message that was made anew with the key moves a port: to a node that asked.
            while let Some(event) = world.switch.poll_event() {
                if let PortEvent::Attached(port, from) = event {
                    prop_assert_eq!(port, 3);
                    prop_assert!(usize::from(from.port() - 40_000) < world.nodes.len());
                    last = Some(from);
                }
            }
        }
        // Then the network is good.
        world.fates = vec![Fate::Comes];
        for step in 1200..1700 {
            world.step(step);
        }
        let attached: Vec<_> = (0u16..).zip(&world.nodes)
            .filter_map(|(at, node)| match node.state() {
                NodeState::Attached(number, _) => Some((outer(at), number)),
                _ => None,
            })
            .collect();
        prop_assert!(last.is_some());
        prop_assert_eq!(attached.len(), 1, "one node has the port");
        let (from, number) = attached[0];
        prop_assert_eq!(world.switch.port_of(from, number), Some(3));
    }

    #[test]
    fn any_message_is_taken_or_dropped(bytes in prop::collection::vec(any::<u8>(), 0..200), kind in 0u8..8, has_key: bool) {
        let key = has_key.then(|| key(1));
        let mut switch = SwitchEnd::new(key.as_ref(), [9; 32]);
        switch.add_port("n1", seat(3));
        let mut node = NodeEnd::new(ms(0), Identity::Port(3), 1430, key.as_ref(), [1; 32]);
        let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
        let message = [&[0xB7, 0x10 | kind, length[0], length[1], 0, 0, 0, 3][..], &bytes].concat();
        for message in [&bytes[..], &message] {
            switch.handle(ms(1), outer(1), message);
            node.handle(ms(1), message);
        }
        prop_assert_eq!(switch.outer_of(3), None);
        prop_assert_eq!(node.state(), NodeState::Asking(None));
    }
}
