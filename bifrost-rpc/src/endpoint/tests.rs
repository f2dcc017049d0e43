//! Two endpoints joined by hand.

use super::*;
use crate::buffer::{Message, MessageBuffer};
use crate::wire::{Flags, HEADER_BYTES, Header, PacketType, Refusal};
use std::time::Duration;

mod called;
mod found;
mod from_control;
mod held;
mod memory;
mod memory_hostile;
mod native;
mod pointers;
mod reports;
mod reviewed;
mod unheard;
mod vectors;

const CLIENT: &str = "[::1]:1000";
const SERVER: &str = "[::1]:2000";

struct Pair {
    now: Time,
    client: Endpoint,
    server: Endpoint,
}

fn config() -> Config {
    Config { datagram_bytes: 1452, receive_buffer_bytes: 1 << 20, ..Config::default() }
}

fn message(bytes: &[u8]) -> Message {
    let mut buffer = MessageBuffer::new();
    buffer.put_slice(bytes);
    buffer.finish()
}

fn method() -> MethodField {
    MethodField::new("Echo", "echo")
}

impl Pair {
    fn new(client: Config, server: Config) -> Self {
        let mut pair =
            Self { now: Time::ZERO, client: Endpoint::new(client, [1; 32]), server: Endpoint::new(server, [2; 32]) };
        pair.server.serve(method(), 7).unwrap();
        pair
    }

    fn call(&mut self, bytes: &[u8]) -> CallId {
        self.call_with(bytes, None, false)
    }

    fn call_with(&mut self, bytes: &[u8], deadline: Option<Duration>, oneway: bool) -> CallId {
        let request = Request {
            method: method(),
            service: service_hash("Echo"),
            oneway,
            idempotent: false,
            deadline,
            references: true,
            message: message(bytes),
        };
        self.client.call(self.now, SERVER.parse().unwrap(), request).unwrap()
    }

    /// Moves all datagrams, until there are none; `lose` says which are lost.
    fn exchange(&mut self, mut lose: impl FnMut(&Header) -> bool) {
        let mut out = Datagrams::new();
        for _ in 0..10_000 {
            let mut quiet = true;
            for to_server in [true, false] {
                let (from, to, address) = if to_server {
                    (&mut self.client, &mut self.server, CLIENT)
                } else {
                    (&mut self.server, &mut self.client, SERVER)
                };
                while let Some(transmit) = from.poll_transmit(self.now, 64, &mut out) {
                    quiet = false;
                    for datagram in out.to_vec().chunks_mut(transmit.segment_bytes) {
                        if !lose(&Header::parse(datagram).unwrap()) {
                            to.handle(self.now, address.parse().unwrap(), datagram);
                        }
                    }
                }
            }
            if quiet {
                return;
            }
        }
        panic!("does not fall silent");
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now.plus(time);
        self.client.handle_timeout(self.now);
        self.server.handle_timeout(self.now);
    }

    /// Answers every call with its own message and pointers; returns how many there were.
    fn serve(&mut self) -> usize {
        let mut served = 0;
        while let Some(event) = self.server.poll_event() {
            if let Event::Call { call, message: bytes, oneway, pointers, .. } = event {
                served += 1;
                if oneway {
                    self.server.done(call);
                } else {
                    let answer = message(&bytes).with_pointers(pointers);
                    self.server.reply(self.now, call, AnswerKind::Reply, method(), answer).unwrap();
                }
            }
        }
        served
    }

    fn answer(&mut self) -> Option<Result<Answered, CallError>> {
        self.client.poll_event().map(|event| match event {
            Event::Answer { result, .. } => result,
            other => panic!("unexpected {other:?}"),
        })
    }

    fn run(&mut self) -> Option<Result<Answered, CallError>> {
        for _ in 0..10 {
            self.exchange(|_| false);
            self.serve();
        }
        self.answer()
    }
}

fn reply(bytes: &[u8]) -> Option<Result<Answered, CallError>> {
    Some(Ok(Answered::Message(AnswerKind::Reply, bytes.to_vec(), Vec::new())))
}

#[test]
fn a_call_is_answered_and_forgotten() {
    let mut pair = Pair::new(config(), config());
    pair.call(b"hello");
    assert_eq!(pair.run(), reply(b"hello"));
    assert_eq!(pair.server.usage().served, 1, "the answer is kept until acknowledged");
    pair.pass(Duration::from_millis(30));
    pair.exchange(|_| false);
    assert_eq!((pair.server.usage().served, pair.server.usage().bytes), (0, 0));
    pair.call(b"");
    assert_eq!(pair.run(), reply(b""));
}

#[test]
fn large_messages_cross_in_fragments() {
    let mut pair = Pair::new(config(), config());
    let bytes: Vec<u8> = (0..3_000_000u32).map(|i| (i % 251) as u8).collect();
    pair.call(&bytes);
    assert_eq!(pair.run(), reply(&bytes));
    assert_eq!(pair.client.usage().bytes, 0);
}

#[test]
fn lost_fragments_are_sent_again_and_only_they() {
    let mut pair = Pair::new(config(), config());
    pair.call(b"");
    pair.run();
    let bytes = vec![5; 100_000];
    pair.call(&bytes);
    let before = pair.client.stats().packets_out;
    let mut seen = 0;
    pair.exchange(|header| {
        seen += usize::from(header.kind == PacketType::Call);
        header.kind == PacketType::Call && seen % 10 == 3
    });
    for _ in 0..20 {
        pair.pass(Duration::from_millis(20));
        pair.exchange(|_| false);
    }
    assert_eq!(pair.serve(), 1);
    let fragments = 100_000 / (1452 - 128) + 1;
    let sent = pair.client.stats().packets_out - before;
    assert!(sent < fragments + fragments / 3, "{sent} packets for {fragments} fragments");
    assert_eq!(pair.run(), reply(&bytes));
}

#[test]
fn a_lost_reply_is_sent_again_without_running_the_call_again() {
    let mut pair = Pair::new(config(), config());
    pair.call(b"x");
    pair.exchange(|_| false);
    assert_eq!(pair.serve(), 1);
    pair.exchange(|header| header.kind == PacketType::Reply);
    assert_eq!(pair.answer(), None);
    pair.pass(Duration::from_millis(100));
    pair.exchange(|_| false);
    assert_eq!(pair.serve(), 0);
    assert_eq!(pair.answer(), reply(b"x"));
}

#[test]
fn a_session_idle_beyond_its_lease_is_reopened_before_a_call() {
    let mut pair = Pair::new(config(), config());
    pair.call(b"a");
    pair.run();
    for _ in 0..100 {
        pair.pass(Duration::from_secs(1));
        pair.exchange(|_| false);
    }
    assert_eq!(pair.server.usage().callee_sessions, 0);
    pair.call(b"b");
    assert_eq!(pair.run(), reply(b"b"));
}

#[test]
fn a_session_idle_for_half_its_lease_is_confirmed_before_a_call() {
    let mut pair = Pair::new(config(), config());
    pair.call(b"a");
    pair.run();
    pair.pass(Duration::from_secs(1));
    pair.exchange(|_| false);
    pair.pass(Duration::from_secs(20));
    // The server restarts meanwhile.
    pair.server = Endpoint::new(config(), [9; 32]);
    pair.server.serve(method(), 7).unwrap();
    pair.call(b"b");
    assert_eq!(pair.run(), reply(b"b"), "no call was risked in the lost session");
}

#[test]
fn a_call_sent_to_a_server_that_restarted_has_an_unknown_outcome() {
    let mut pair = Pair::new(config(), config());
    pair.call(b"a");
    pair.run();
    pair.server = Endpoint::new(config(), [9; 32]);
    pair.server.serve(method(), 7).unwrap();
    pair.call(b"b");
    assert_eq!(pair.run(), Some(Err(CallError::OutcomeUnknown(Lost::Session))));
    pair.call(b"c");
    assert_eq!(pair.run(), reply(b"c"), "the next call opens a new session");
}

#[test]
fn a_deadline_ends_the_call_and_cancels_it() {
    let mut pair = Pair::new(config(), config());
    pair.call(b"a");
    pair.run();
    pair.call_with(b"slow", Some(Duration::from_millis(3)), false);
    pair.exchange(|_| false);
    pair.pass(Duration::from_millis(4));
    let error = pair.answer().unwrap().unwrap_err();
    assert_eq!(error, CallError::Deadline { waited: Duration::from_millis(4), may_have_run: true });
    pair.exchange(|_| false);
    assert!(matches!(pair.server.poll_event(), Some(Event::Call { .. })));
    assert!(matches!(pair.server.poll_event(), Some(Event::Cancelled { .. })));
}

#[test]
fn a_cancel_that_overtakes_its_call_is_remembered() {
    let mut pair = Pair::new(config(), config());
    pair.call(b"a");
    pair.run();
    let call = pair.call(b"b");
    let mut held = Vec::new();
    let mut out = Datagrams::new();
    while pair.client.poll_transmit(pair.now, 64, &mut out).is_some() {
        held.push(out.to_vec());
    }
    pair.client.cancel(pair.now, call);
    pair.exchange(|_| false);
    for mut datagram in held {
        pair.server.handle(pair.now, CLIENT.parse().unwrap(), &mut datagram);
    }
    assert_eq!(pair.serve(), 0);
}

#[test]
fn a_oneway_call_is_delivered_once() {
    let mut pair = Pair::new(config(), config());
    pair.call_with(b"note", None, true);
    pair.exchange(|_| false);
    pair.exchange(|_| false);
    assert_eq!(pair.serve(), 1);
    assert_eq!(pair.answer(), Some(Ok(Answered::Delivered)));
}

#[test]
fn a_silent_server_ends_calls_as_unreachable_or_unknown() {
    let mut pair = Pair::new(config(), config());
    pair.call(b"never sent");
    for _ in 0..200 {
        pair.pass(Duration::from_millis(100));
        pair.exchange(|_| true);
    }
    assert!(matches!(pair.answer(), Some(Err(CallError::Unreachable { .. }))));
    pair.call(b"a");
    assert_eq!(pair.run(), reply(b"a"));
    pair.call(b"b");
    for _ in 0..200 {
        pair.pass(Duration::from_millis(100));
        pair.exchange(|_| true);
    }
    assert_eq!(pair.answer(), Some(Err(CallError::OutcomeUnknown(Lost::Silence))));
}

#[test]
fn refusals_are_clear() {
    let mut pair = Pair::new(config(), Config { message_bytes_max: 1000, ..config() });
    pair.call(&[0; 2000]);
    assert_eq!(pair.run(), Some(Err(CallError::TooLarge { len: 2000, limit: 1000 })));
    let request = Request {
        method: MethodField::new("Echo", "nope"),
        service: 1,
        oneway: false,
        idempotent: false,
        deadline: None,
        references: true,
        message: message(b""),
    };
    pair.client.call(pair.now, SERVER.parse().unwrap(), request).unwrap();
    assert_eq!(pair.run(), Some(Err(CallError::Refused(Refusal::UnknownMethod))));

    let mut pair = Pair::new(config(), Config { sessions_max: 0, ..config() });
    pair.call(b"");
    assert_eq!(pair.run(), Some(Err(CallError::Refused(Refusal::TooManySessions))));
}

#[test]
fn keys_must_agree() {
    let key = |byte| Config { key: Some(Key::from_bytes([byte; 32])), ..config() };
    let mut pair = Pair::new(key(1), key(1));
    pair.call(b"secret");
    assert_eq!(pair.run(), reply(b"secret"));
    let bytes = vec![3; 300_000];
    pair.call(&bytes);
    assert_eq!(pair.run(), reply(&bytes));
    for (client, server) in [(key(1), key(2)), (key(1), config()), (config(), key(1))] {
        let mut pair = Pair::new(client, server);
        pair.call(b"secret");
        assert_eq!(pair.run(), Some(Err(CallError::Refused(Refusal::WrongKey))));
        // Believed when OPEN, which damage may have struck, was refused again and again.
        let stats = pair.server.stats();
        assert!((4..20).contains(&stats.refusals) && stats.refusals == stats.unauthentic, "{stats:?}");
    }
}

#[test]
fn another_version_is_told_apart_on_both_sides() {
    let mut pair = Pair::new(config(), config());
    pair.call(b"");
    let mut out = Datagrams::new();
    let mut opens = 0;
    // Believed when OPEN, which damage may have struck, was refused again and again.
    while pair.client.poll_transmit(pair.now, 64, &mut out).is_some() {
        let mut open = out.to_vec();
        open[2] = 9;
        pair.server.handle(pair.now, CLIENT.parse().unwrap(), &mut open);
        opens += 1;
        assert_eq!(pair.server.stats().malformed, opens);
        let refused = pair.server.poll_transmit(pair.now, 64, &mut out);
        assert!(refused.is_some());
        let mut refused = out.to_vec();
        pair.client.handle(pair.now, SERVER.parse().unwrap(), &mut refused);
    }
    assert!((4..20).contains(&opens), "{opens}");
    assert_eq!(pair.answer(), Some(Err(CallError::Refused(Refusal::WrongVersion { speaks: 1 }))));
}

#[test]
fn a_busy_server_is_tried_again_and_runs_the_call_once() {
    let mut pair = Pair::new(config(), config());
    pair.call(b"x");
    pair.exchange(|_| false);
    let Some(Event::Call { call, .. }) = pair.server.poll_event() else { panic!("no call") };
    pair.server.refuse_busy(pair.now, call, Duration::from_millis(1));
    pair.exchange(|_| false);
    assert_eq!(pair.serve(), 0);
    pair.pass(Duration::from_millis(50));
    assert_eq!(pair.run(), reply(b"x"));
}

#[test]
fn a_draining_server_refuses_and_the_call_goes_to_its_successor() {
    let mut pair = Pair::new(config(), config());
    pair.call(b"a");
    pair.run();
    pair.server.drain();
    pair.call(b"b");
    pair.exchange(|_| false);
    assert_eq!(pair.serve(), 0);
    pair.server = Endpoint::new(config(), [9; 32]);
    pair.server.serve(method(), 7).unwrap();
    pair.pass(Duration::from_millis(200));
    assert_eq!(pair.run(), reply(b"b"));
}

#[test]
fn random_and_mutated_datagrams_leave_a_server_serving() {
    let mut pair = Pair::new(config(), config());
    let mut state = 42u64;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    pair.call(b"a");
    pair.run();
    let mut out = Datagrams::new();
    for round in 0..3000 {
        pair.call(&vec![1; usize::try_from(random() % 5000).unwrap()]);
        while let Some(transmit) = pair.client.poll_transmit(pair.now, 64, &mut out) {
            for datagram in out.to_vec().chunks_mut(transmit.segment_bytes) {
                for _ in 0..random() % 4 {
                    let at = usize::try_from(random()).unwrap() % datagram.len();
                    datagram[at] = u8::try_from(random() % 256).unwrap();
                }
                pair.server.handle(pair.now, CLIENT.parse().unwrap(), datagram);
            }
        }
        if round % 100 == 0 {
            pair.pass(Duration::from_millis(10));
        }
        pair.serve();
    }
    pair.client = Endpoint::new(config(), [77; 32]);
    pair.call(b"still there?");
    assert_eq!(pair.run(), reply(b"still there?"));
    assert!(pair.server.usage().bytes <= config().total_bytes_max);
}

/// A packet that a control plane would send on the callee's behalf.
fn from_control_plane(pair: &Pair, kind: PacketType, call: &Header, body: &[u8]) -> Vec<u8> {
    let mut header = Header::new(kind);
    header.client = call.client;
    header.rpc = call.rpc;
    header.session = call.session;
    header.instance = pair.server.instance();
    header.packet = 1000;
    header.body_len = u16::try_from(body.len()).unwrap();
    [&header.to_bytes()[..], body].concat()
}

#[test]
fn a_held_call_is_probed_slowly_until_the_hold_lapses() {
    let mut pair = Pair::new(config(), config());
    pair.call(b"a");
    pair.run();
    pair.call(b"held");
    let mut sent = Vec::new();
    pair.exchange(|header| {
        sent.push(*header);
        true
    });
    let call = *sent.iter().find(|header| header.kind == PacketType::Call).unwrap();
    let mut held = from_control_plane(&pair, PacketType::Held, &call, &[]);
    pair.client.handle(pair.now, SERVER.parse().unwrap(), &mut held);
    let mut kinds = Vec::new();
    for _ in 0..19 {
        pair.pass(Duration::from_millis(50));
        pair.exchange(|header| {
            kinds.push(header.kind);
            true
        });
    }
    let probes = kinds.iter().filter(|kind| **kind == PacketType::Ping).count();
    let calls = kinds.len() - probes;
    assert!((3..=5).contains(&probes), "{kinds:?}");
    assert!(calls <= 2, "the hold replaces retransmission: {kinds:?}");
    // Nobody answers the probes: the hold has lapsed, the call is sent again and runs.
    for _ in 0..20 {
        pair.pass(Duration::from_millis(100));
        pair.exchange(|_| false);
        pair.serve();
    }
    pair.exchange(|_| false);
    assert_eq!(pair.answer(), reply(b"held"));
}

#[test]
fn a_call_that_was_never_released_is_issued_in_a_new_session() {
    let mut pair = Pair::new(config(), config());
    pair.call(b"a");
    pair.run();
    pair.call(b"b");
    let mut sent = Vec::new();
    pair.exchange(|header| {
        sent.push(*header);
        true
    });
    let call = *sent.iter().find(|header| header.kind == PacketType::Call).unwrap();
    let body = crate::wire::RefusedBody { refusal: Refusal::NeverReleased, packet: call.packet }.to_bytes();
    let mut refused = from_control_plane(&pair, PacketType::Refused, &call, &body);
    pair.client.handle(pair.now, SERVER.parse().unwrap(), &mut refused);
    let mut again = None;
    pair.exchange(|header| {
        if header.kind == PacketType::Call {
            again = Some(*header);
        }
        false
    });
    let again = again.expect("it is sent again");
    assert!(again.session != call.session && again.rpc != call.rpc, "under a new session and number");
    assert_eq!(pair.run(), reply(b"b"));
}
