//! What is heard of a control plane in sealed sessions: what it has sealed for this life of the node, once, and nothing else.

use super::held::{Gate, keyed};
use super::reports::{kinds, reporting};
use super::*;
use crate::control::{NodeKey, SessionControlSeal};
use crate::wire::RefusedBody;
use crate::wire::control::ReportKind;
use proptest::prelude::*;

/// A call that waits for whoever holds it, and the refusal that its holder would send.
fn refused() -> (Gate, Vec<u8>) {
    let mut gate = Gate::sealed();
    gate.pair.lease(false, 10);
    gate.exchange();
    let datagram = refusal(&mut gate, PacketType::Refused, Flags::default());
    (gate, datagram)
}

fn refusal(gate: &mut Gate, kind: PacketType, flags: Flags) -> Vec<u8> {
    let of = gate.last();
    let about = Header {
        flags,
        client: of.client,
        rpc: of.rpc,
        instance: of.instance,
        session: of.session,
        ..Header::new(kind)
    };
    gate.packet(about, &RefusedBody { refusal: Refusal::NoRight, packet: 0 }.to_bytes())
}

/// The call goes on, as if nothing had come.
fn goes_on(mut gate: Gate) {
    assert_eq!(gate.pair.answer(), None);
    gate.release();
    gate.exchange();
    assert_eq!(gate.pair.serve(), 1);
    gate.exchange();
    assert!(matches!(gate.pair.answer(), Some(Ok(_))));
}

#[test]
fn other_keys_and_none_are_not_heard() {
    let rack = Key::from_bytes([9; 32]);
    let address = |number| Ipv6Addr::from_bits(number);
    let own = || NodeKey::new(&rack, "c1").in_sessions(address(1), 2);
    let others = [
        NodeKey::new(&rack, "c2").in_sessions(address(1), 2),
        NodeKey::new(&rack, "c1").in_sessions(address(2), 2),
        NodeKey::new(&rack, "c1").in_sessions(address(1), 1),
        NodeKey::new(&Key::from_bytes([10; 32]), "c1").in_sessions(address(1), 2),
        // Those of the sessions themselves: a callee has them.
        rack.of_calls().of_life(address(1).into(), 2),
        Key::from_bytes([7; 32]),
    ];
    for other in others.iter().map(SessionControlSeal::new).map(Some).chain([None]) {
        let mut gate = Gate::sealed();
        gate.pair.client = Endpoint::new(Config { control_key: Some(own()), ..keyed(reporting()) }, [1; 32]);
        gate.seal = other;
        gate.pair.lease(false, 10);
        gate.exchange();
        let mut forged = refusal(&mut gate, PacketType::Refused, Flags::default());
        gate.hear(&mut forged);
        goes_on(gate);
    }
}

#[test]
fn who_has_no_key_of_a_control_plane_hears_none() {
    let mut gate = Gate::sealed();
    gate.pair.client = Endpoint::new(Config { control_key: None, ..keyed(reporting()) }, [1; 32]);
    gate.pair.lease(false, 10);
    gate.exchange();
    let mut datagram = refusal(&mut gate, PacketType::Refused, Flags::default());
    gate.hear(&mut datagram);
    assert_eq!(gate.pair.client.stats().unauthentic, 1);
    goes_on(gate);
}

#[test]
fn it_says_nothing_but_held_refused_and_cancel() {
    use PacketType::{Ack, Call, Cancel, Close, Done, Exception, Held, Oneway, Ping, Pong, Refused, Reply};
    let kinds = [Ack, Call, Close, Done, Exception, Oneway, Ping, Pong, Reply];
    let all = kinds.into_iter().flat_map(|kind| [(kind, Flags::default()), (kind, Flags::TO_CALLEE)]);
    let turned = [(Held, Flags::TO_CALLEE), (Refused, Flags::TO_CALLEE), (Cancel, Flags::default())];
    for (kind, flags) in all.chain(turned) {
        let mut gate = Gate::sealed();
        gate.pair.lease(false, 10);
        gate.exchange();
        let mut datagram = refusal(&mut gate, kind, flags.with(Flags::FIRST));
        let (client, server) = (&mut gate.pair.client, &mut gate.pair.server);
        let strays = (client.stats().strays, server.stats().strays);
        client.handle(gate.pair.now, SERVER.parse().unwrap(), &mut datagram.clone());
        server.handle(gate.pair.now, CLIENT.parse().unwrap(), &mut datagram);
        assert_eq!((client.stats().strays, server.stats().strays), (strays.0 + 1, strays.1 + 1), "{kind:?}");
        goes_on(gate);
    }
}

#[test]
fn a_recorded_held_keeps_nothing_back() {
    for is_recorded in [true, false] {
        let mut gate = Gate::sealed();
        gate.pair.lease(false, 10);
        gate.exchange();
        let mut held = refusal(&mut gate, PacketType::Held, Flags::default());
        gate.hear(&mut held.clone());
        gate.pair.pass(Duration::from_millis(150));
        if !is_recorded {
            held = refusal(&mut gate, PacketType::Held, Flags::default());
        }
        gate.hear(&mut held);
        let before = gate.held.len();
        gate.pair.pass(Duration::from_millis(50));
        gate.exchange();
        assert_eq!(gate.held.len() - before, usize::from(is_recorded), "a new one does");
    }
}

#[test]
fn nothing_of_an_earlier_term_is_heard_after_a_later_one() {
    let (mut gate, mut earlier) = refused();
    gate.said = 2 << 32;
    gate.hold();
    gate.hear(&mut earlier);
    assert_eq!(gate.pair.client.stats().unauthentic, 1);
    goes_on(gate);
}

#[test]
fn a_callee_is_told_once_that_nobody_waits() {
    let config = || keyed(reporting());
    let mut pair = Pair::new(config(), config());
    pair.lease(false, 10);
    pair.exchange(|_| false);
    let call = pair.taken().unwrap();
    let header = Header {
        flags: Flags::TO_CALLEE.with(Flags::LEASED),
        client: pair.client.client,
        rpc: call.rpc,
        instance: pair.server.instance(),
        session: call.session,
        ..Header::new(PacketType::Cancel)
    };
    let seal = SessionControlSeal::new(&Key::from_bytes([8; 32]));
    let cancel = seal.to_datagram(header, &[], 1 << 32 | 1, [1; 24]).unwrap();
    let hear = |pair: &mut Pair, from: &str| {
        pair.server.handle(pair.now, from.parse().unwrap(), &mut cancel.clone());
        pair.exchange(|_| false);
    };
    hear(&mut pair, CLIENT);
    pair.server.done(call);
    assert_eq!(kinds(&mut pair.server), [ReportKind::Done], "once its handler has ended");
    hear(&mut pair, CLIENT);
    assert_eq!((kinds(&mut pair.server), pair.server.stats().unauthentic), (vec![], 1));
}

#[test]
fn a_sealed_cancel_from_elsewhere_cancels_nothing() {
    let mut gate = Gate::sealed();
    gate.pair.lease(false, 10);
    gate.exchange();
    let of = gate.last();
    let flags = Flags::TO_CALLEE.with(Flags::LEASED);
    let mut cancel = refusal(&mut gate, PacketType::Cancel, flags);
    gate.pair.server.handle(gate.pair.now, "[::2]:1000".parse().unwrap(), &mut cancel);
    assert_eq!((gate.pair.server.stats().strays, of.rpc), (1, 1));
    goes_on(gate);
}

#[test]
fn busy_is_not_leased_and_other_refusals_are() {
    for is_busy in [true, false] {
        let mut pair = Pair::new(keyed(reporting()), keyed(reporting()));
        pair.lease(false, 10);
        if !is_busy {
            pair.exchange(|header| header.kind == PacketType::Call);
            pair.server.drain();
            pair.pass(Duration::from_millis(60));
        }
        let mut seen = Vec::new();
        let mut note = |header: &Header| {
            seen.extend((header.kind == PacketType::Refused).then(|| header.flags.has(Flags::LEASED)));
            false
        };
        pair.exchange(&mut note);
        if let Some(call) = pair.taken_if_any() {
            pair.server.refuse_busy(pair.now, call, Duration::from_millis(1));
            pair.exchange(&mut note);
        }
        assert_eq!(seen.first(), Some(&!is_busy));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn a_packet_that_was_changed_does_nothing(at in 0usize..184, mask in 1u8..=255) {
        let (mut gate, genuine) = refused();
        let mut changed = genuine.clone();
        prop_assert_eq!(changed.len(), 184);
        changed[at] ^= mask;
        gate.hear(&mut changed.clone());
        gate.pair.server.handle(gate.pair.now, CLIENT.parse().unwrap(), &mut changed);
        prop_assert_eq!(gate.pair.answer(), None);
        gate.hear(&mut genuine.clone());
        prop_assert_eq!(gate.pair.answer(), Some(Err(CallError::Refused(Refusal::NoRight))));
    }

    #[test]
    fn each_number_is_heard_once_in_whatever_order_they_come(
        order in Just((0..40usize).collect::<Vec<_>>()).prop_shuffle(),
        again in prop::collection::vec(0..40usize, 0..40),
    ) {
        let mut gate = Gate::sealed();
        gate.pair.lease(false, 10);
        gate.exchange();
        let all: Vec<_> = (0..40).map(|_| refusal(&mut gate, PacketType::Held, Flags::default())).collect();
        for which in order {
            gate.hear(&mut all[which].clone());
        }
        prop_assert_eq!(gate.pair.client.stats().unauthentic, 0);
        for which in &again {
            gate.hear(&mut all[*which].clone());
        }
        prop_assert_eq!(gate.pair.client.stats().unauthentic, again.len() as u64);
        goes_on(gate);
    }
}
