//! Pointers of calls and answers, and who understands references.

use super::*;
use crate::wire::{POINTERS_MAX, PassError, Pointer};

fn pointers(count: usize) -> Vec<Pointer> {
    (0..count).map(|object| Pointer::new(0xFD, 3, 1000 + object as u64)).collect()
}

fn request(message: Message) -> Request {
    let (service, deadline) = (service_hash("Echo"), Some(Duration::from_secs(60)));
    Request { method: method(), service, oneway: false, idempotent: false, deadline, references: true, message }
}

impl Pair {
    fn try_leasing(&mut self, bytes: &[u8], count: usize) -> Result<CallId, CallError> {
        let message = message(bytes).with_pointers(pointers(count));
        self.client.call(self.now, SERVER.parse().unwrap(), request(message))
    }

    fn ask(&mut self) -> Option<Result<Answered, CallError>> {
        self.client.ask_session(self.now, SERVER.parse().unwrap(), request(Message::empty()));
        self.run()
    }

    fn known(&self) -> Option<bool> {
        self.client.peer_references(self.now, SERVER.parse().unwrap(), service_hash("Echo"))
    }
}

fn answered(bytes: &[u8], count: usize) -> Option<Result<Answered, CallError>> {
    Some(Ok(Answered::Message(AnswerKind::Reply, bytes.to_vec(), pointers(count))))
}

fn by_value() -> Config {
    Config { references: false, ..config() }
}

#[test]
fn pointers_arrive_with_the_call_and_with_the_answer() {
    for key in [None, Some(Key::from_bytes([7; 32]))] {
        let config = Config { key, ..config() };
        for (count, len) in
            [(1, 0), (2, 10), (POINTERS_MAX, 0), (POINTERS_MAX, 300), (3, 50_000), (POINTERS_MAX, 50_000)]
        {
            let mut pair = Pair::new(config.clone(), config.clone());
            let bytes = vec![9; len];
            pair.try_leasing(&bytes, count).unwrap();
            assert_eq!(pair.run(), answered(&bytes, count), "{count} pointers, {len} bytes");
        }
    }
}

#[test]
fn pointers_arrive_whatever_fragment_is_lost() {
    for lost in 0..4 {
        let mut pair = Pair::new(config(), config());
        pair.ask();
        let bytes = vec![9; 3000];
        pair.try_leasing(&bytes, POINTERS_MAX).unwrap();
        let mut seen = [0; 2];
        for _ in 0..30 {
            pair.exchange(|header| {
                let which = match header.kind {
                    PacketType::Call => &mut seen[0],
                    PacketType::Reply => &mut seen[1],
                    _ => return false,
                };
                *which += 1;
                *which == lost + 1
            });
            pair.serve();
            pair.pass(Duration::from_millis(50));
        }
        assert_eq!(pair.answer(), answered(&bytes, POINTERS_MAX), "fragment {lost}");
    }
}

#[test]
fn a_path_of_small_datagrams_carries_as_many_pointers() {
    let mut pair = Pair::new(Config { datagram_bytes: 9000, ..config() }, Config { datagram_bytes: 9000, ..config() });
    let bytes = vec![9; 4000];
    pair.try_leasing(&bytes, POINTERS_MAX).unwrap();
    for _ in 0..100 {
        pair.exchange(|header| usize::from(header.body_len) + HEADER_BYTES > 1232);
        pair.serve();
        pair.pass(Duration::from_millis(50));
    }
    assert_eq!(pair.answer(), answered(&bytes, POINTERS_MAX));
}

#[test]
fn what_tells_of_a_lease_has_the_flag() {
    let mut pair = Pair::new(config(), config());
    pair.try_leasing(b"x", 1).unwrap();
    let mut leased = Vec::new();
    pair.exchange(|header| {
        leased.push((header.kind, header.flags.has(Flags::LEASED)));
        false
    });
    pair.serve();
    let call = pair.try_leasing(b"y", 1).unwrap();
    pair.exchange(|header| {
        leased.push((header.kind, header.flags.has(Flags::LEASED)));
        false
    });
    pair.client.cancel(pair.now, call);
    pair.server.drain();
    pair.try_leasing(b"z", 1).unwrap();
    pair.exchange(|header| {
        leased.push((header.kind, header.flags.has(Flags::LEASED)));
        false
    });
    for kind in [PacketType::Call, PacketType::Reply, PacketType::Cancel, PacketType::Refused] {
        // An OPEN is refused, too.
        let with = leased.iter().any(|(found, leased)| *found == kind && *leased);
        assert!(with, "{kind:?} among {leased:?}");
    }
    assert!(!leased.contains(&(PacketType::Open, true)) && !leased.contains(&(PacketType::Call, false)));
}

#[test]
fn too_many_pointers_or_strange_ones_fail_at_once() {
    let mut pair = Pair::new(config(), config());
    assert_eq!(pair.try_leasing(b"", POINTERS_MAX + 1), Err(CallError::Pointers(PassError::TooMany)));
    let read = Pointer::new(1, 1, 1).with_operation(2, 0);
    let strange = request(message(b"").with_pointers(vec![read]));
    let refused = pair.client.call(pair.now, SERVER.parse().unwrap(), strange);
    assert_eq!(refused, Err(CallError::Pointers(PassError::NotAtRest(read))));
    assert_eq!(pair.client.usage(), Usage::default());
}

#[test]
fn an_answer_with_pointers_that_cannot_be_sent_leaves_the_call_unanswered() {
    let mut pair = Pair::new(by_value(), config());
    pair.call(b"x");
    pair.exchange(|_| false);
    let Some(Event::Call { call, references, .. }) = pair.server.poll_event() else { panic!("no call") };
    assert!(!references);
    let leasing = message(b"y").with_pointers(pointers(1));
    let refused = pair.server.reply(pair.now, call, AnswerKind::Reply, method(), leasing);
    assert_eq!(refused, Err(PassError::NotUnderstood));
    pair.server.reply(pair.now, call, AnswerKind::Exception, method(), message(b"no")).unwrap();
    pair.exchange(|_| false);
    assert_eq!(pair.answer(), Some(Ok(Answered::Message(AnswerKind::Exception, b"no".to_vec(), Vec::new()))));
}

#[test]
fn an_answer_with_pointers_to_a_call_that_was_given_up_is_dropped() {
    let mut pair = Pair::new(config(), config());
    let id = pair.try_leasing(b"x", 1).unwrap();
    pair.exchange(|_| false);
    let Some(Event::Call { call, .. }) = pair.server.poll_event() else { panic!("no call") };
    pair.client.cancel(pair.now, id);
    pair.exchange(|_| false);
    let answer = message(b"y").with_pointers(pointers(1));
    assert_eq!(pair.server.reply(pair.now, call, AnswerKind::Reply, method(), answer), Ok(false));
    assert_eq!(pair.server.usage().bytes, 0);
}

#[test]
fn a_server_says_whether_it_understands_references() {
    let mut pair = Pair::new(config(), config());
    assert_eq!(pair.known(), None);
    assert_eq!(pair.ask(), Some(Ok(Answered::Session { references: true })));
    assert_eq!(pair.known(), Some(true));
    assert_eq!(pair.server.usage().served, 0);
    pair.pass(Duration::from_secs(20));
    assert_eq!(pair.known(), None, "another server may be there by now");
    let mut pair = Pair::new(config(), by_value());
    assert_eq!(pair.ask(), Some(Ok(Answered::Session { references: false })));
    let mut pair = Pair::new(config(), config());
    pair.server.takes_values_only(7);
    assert_eq!(pair.ask(), Some(Ok(Answered::Session { references: false })));
}

#[test]
fn nobody_to_ask_is_an_error_in_time() {
    let mut pair = Pair::new(config(), config());
    let asked = Request { deadline: Some(Duration::from_secs(1)), ..request(Message::empty()) };
    pair.client.ask_session(pair.now, SERVER.parse().unwrap(), asked);
    for _ in 0..12 {
        pair.exchange(|_| true);
        pair.pass(Duration::from_millis(100));
    }
    assert!(matches!(pair.answer(), Some(Err(CallError::Deadline { may_have_run: false, .. }))));
    assert_eq!(pair.client.usage().calls, 0);
}

#[test]
fn a_call_with_pointers_is_not_sent_to_a_server_that_takes_values_only() {
    let mut pair = Pair::new(config(), by_value());
    pair.try_leasing(b"x", 1).unwrap();
    let refused = CallError::Pointers(PassError::NotUnderstood);
    assert_eq!(pair.run(), Some(Err(refused)));
    assert_eq!(pair.server.usage().served, 0);
    pair.call(b"x");
    assert_eq!(pair.run(), reply(b"x"));
}

#[test]
fn a_session_reopened_with_another_server_is_asked_anew() {
    let mut pair = Pair::new(config(), config());
    pair.try_leasing(b"x", 1).unwrap();
    assert_eq!(pair.run(), answered(b"x", 1));
    pair.server = Endpoint::new(by_value(), [3; 32]);
    pair.server.serve(method(), 7).unwrap();
    pair.pass(Duration::from_secs(20));
    pair.try_leasing(b"y", 1).unwrap();
    let Some(Err(error)) = pair.run() else { panic!("answered") };
    assert_eq!(error, CallError::Pointers(PassError::NotUnderstood));
    assert!(!error.may_have_run());
}

/// Sends `change`d copies of the fragments of a call instead of them.
fn with_changed_fragments(change: impl Fn(&mut Header)) -> (Pair, usize) {
    let mut pair = Pair::new(config(), config());
    pair.ask();
    pair.try_leasing(&[9; 3000], 2).unwrap();
    let mut out = Datagrams::new();
    while let Some(transmit) = pair.client.poll_transmit(pair.now, 1, &mut out) {
        let mut datagram = out.to_vec();
        let mut header = Header::parse(&datagram).unwrap();
        change(&mut header);
        datagram[..HEADER_BYTES].copy_from_slice(&header.to_bytes());
        assert_eq!(transmit.segments, 1);
        pair.server.handle(pair.now, CLIENT.parse().unwrap(), &mut datagram);
    }
    let served = pair.serve();
    (pair, served)
}

#[test]
fn fragments_that_disagree_on_pointers_are_dropped() {
    assert_eq!(with_changed_fragments(|_| {}).1, 1);
    let (pair, served) = with_changed_fragments(|header| header.pointers += u8::from(header.offset > 0));
    assert_eq!((served, pair.server.stats().malformed), (0, 2));
    let (pair, served) = with_changed_fragments(|header| header.pointer[15] ^= u8::from(header.offset > 0));
    assert_eq!((served, pair.server.stats().malformed), (0, 2));
}

#[test]
fn heads_that_no_message_has_are_dropped() {
    for (pointers, what) in [(65, "more than fit"), (255, "more than fit")] {
        let (pair, served) = with_changed_fragments(|header| header.pointers = pointers);
        assert_eq!((served, pair.server.stats().malformed), (0, 3), "{what}");
    }
    let (pair, served) = with_changed_fragments(|header| header.pointer[6] = 2);
    assert_eq!((served, pair.server.stats().malformed), (0, 1), "an operation in a pointer at rest");
    let (pair, _) = with_changed_fragments(|header| {
        header.pointers = 64;
        header.body_len = header.body_len.min(1000);
    });
    assert!(pair.server.stats().malformed > 0, "a head longer than the packet");
}
