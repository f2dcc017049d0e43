//! One test for each bug that the simulation found, driven by hand.

use super::*;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

impl Pair {
    /// A pair with an open session.
    pub(super) fn open(client: Config, server: Config) -> Self {
        let mut pair = Self::new(client, server);
        pair.call(b"open");
        assert_eq!(pair.run(), reply(b"open"));
        pair.pass(ms(50));
        pair.exchange(|_| false);
        pair
    }

    pub(super) fn restart_server(&mut self) {
        self.server = Endpoint::new(config(), [9; 32]);
        self.server.serve(method(), 7).unwrap();
    }

    pub(super) fn call_as(&mut self, name: &str, bytes: &[u8], idempotent: bool) -> CallId {
        let request = Request {
            method: MethodField::new("Echo", name),
            service: service_hash("Echo"),
            oneway: false,
            idempotent,
            deadline: None,
            references: true,
            message: message(bytes),
        };
        self.client.call(self.now, SERVER.parse().unwrap(), request).unwrap()
    }

    /// Passes time in small steps, serving and losing datagrams as told.
    pub(super) fn live(&mut self, time: Duration, mut lose: impl FnMut(&Header, usize) -> bool) -> usize {
        let mut served = 0;
        for _ in 0..time.as_millis() / 5 {
            self.pass(ms(5));
            self.exchange(|header| lose(header, HEADER_BYTES + usize::from(header.body_len)));
            served += self.serve();
            self.exchange(|header| lose(header, HEADER_BYTES + usize::from(header.body_len)));
        }
        served
    }

    /// Takes out the server's next call.
    pub(super) fn served(&mut self) -> ServedCall {
        match self.server.poll_event() {
            Some(Event::Call { call, .. }) => call,
            other => panic!("no call but {other:?}"),
        }
    }
}

#[test]
fn a_client_paused_beyond_its_lease_with_something_to_report_wakes_up() {
    let mut pair = Pair::new(config(), config());
    pair.call(b"a");
    assert_eq!(pair.run(), reply(b"a"));
    // The report of the answer's arrival falls due together with the end of the lease: this used to spin for ever.
    pair.pass(Duration::from_secs(100));
    assert_eq!(pair.client.usage().caller_sessions, 0);
}

#[test]
fn a_call_given_up_while_its_stale_session_is_confirmed_leaves_no_timer_in_the_past() {
    let mut pair = Pair::open(config(), config());
    pair.now = pair.now.plus(Duration::from_secs(40));
    let call = pair.call(b"b");
    pair.client.cancel(pair.now, call);
    pair.client.handle_timeout(pair.now);
    assert!(pair.client.poll_timeout().is_none_or(|next| next > pair.now), "this used to spin for ever");
    pair.live(Duration::from_secs(1), |_, _| true);
    assert_eq!(pair.client.usage().caller_sessions, 0);
}

#[test]
fn superseded_timers_do_not_pile_up() {
    let mut pair = Pair::open(config(), config());
    for _ in 0..5000 {
        pair.call_with(b"x", Some(ms(5)), false);
        pair.pass(ms(10));
        pair.exchange(|_| false);
        pair.serve();
        pair.exchange(|_| false);
    }
    assert!(pair.client.timers.len() < 100 && pair.server.timers.len() < 100);
}

#[test]
fn a_oneway_call_that_was_delivered_is_not_cancelled() {
    let mut pair = Pair::open(config(), config());
    pair.call_with(b"note", None, true);
    pair.exchange(|_| false);
    pair.served();
    assert_eq!(pair.answer(), Some(Ok(Answered::Delivered)));
    pair.client.close(pair.now);
    pair.exchange(|_| false);
    assert!(pair.server.poll_event().is_none(), "a delivered call that waits for its turn has to run");
}

#[test]
fn a_oneway_call_is_given_back_only_before_it_is_reported_delivered() {
    let mut pair = Pair::open(config(), config());
    let mut out = Datagrams::new();
    pair.call_with(b"note", None, true);
    pair.client.poll_transmit(pair.now, 1, &mut out).unwrap();
    pair.server.handle(pair.now, CLIENT.parse().unwrap(), &mut out.to_vec());
    let call = pair.served();
    assert!(pair.server.refuse_busy(pair.now, call, ms(1)));
    pair.exchange(|_| false);
    assert_eq!(pair.answer(), None);
    pair.pass(ms(20));
    pair.exchange(|_| false);
    let call = pair.served();
    assert!(!pair.server.refuse_busy(pair.now, call, ms(1)), "its caller knows that it is delivered");
    assert_eq!(pair.answer(), Some(Ok(Answered::Delivered)));
}

#[test]
fn a_call_that_was_given_up_does_not_make_its_server_silent() {
    let mut pair = Pair::open(config(), config());
    let call = pair.call(b"a");
    pair.exchange(|_| true);
    pair.client.cancel(pair.now, call);
    assert!(matches!(pair.answer(), Some(Err(CallError::Cancelled { .. }))));
    pair.pass(ms(9_990));
    pair.call(b"b");
    pair.exchange(|_| true);
    pair.pass(ms(15));
    assert_eq!(pair.run(), reply(b"b"));
}

#[test]
fn an_idempotent_call_that_may_have_run_is_not_refused_as_if_it_had_not() {
    let mut pair = Pair::open(config(), config());
    pair.call_as("echo", b"once", true);
    pair.exchange(|_| false);
    assert!(pair.server.poll_event().is_some(), "it runs, and the server dies");
    pair.server = Endpoint::new(Config { sessions_max: 0, ..config() }, [9; 32]);
    pair.server.serve(method(), 7).unwrap();
    pair.live(Duration::from_secs(1), |_, _| false);
    assert_eq!(pair.answer(), Some(Err(CallError::OutcomeUnknown(Lost::Session))));
}

#[test]
fn a_missing_method_fails_only_the_calls_to_it() {
    let mut pair = Pair::new(config(), config());
    let missing = pair.call_as("missing", b"", false);
    pair.call(b"there");
    pair.exchange(|_| false);
    let Some(Event::Answer { call, result }) = pair.client.poll_event() else { panic!("no answer") };
    assert_eq!((call, result), (missing, Err(CallError::Refused(Refusal::UnknownMethod))));
    assert_eq!(pair.run(), reply(b"there"));
}

#[test]
fn calls_that_wait_behind_one_refused_by_a_draining_server_go_with_it() {
    let mut pair = Pair::open(config(), Config { calls_max: 1, ..config() });
    pair.server.drain();
    pair.call(b"b");
    pair.call(b"c");
    pair.exchange(|_| false);
    pair.restart_server();
    let mut answers = Vec::new();
    for _ in 0..50 {
        pair.live(ms(20), |_, _| false);
        answers.extend(pair.answer());
    }
    assert_eq!(answers, [reply(b"b"), reply(b"c")].map(Option::unwrap));
}

#[test]
fn repeated_tokens_do_not_multiply_opens() {
    let mut pair = Pair::new(config(), config());
    pair.call(b"");
    let mut out = Datagrams::new();
    pair.client.poll_transmit(pair.now, 1, &mut out).unwrap();
    for _ in 0..10 {
        pair.server.handle(pair.now, CLIENT.parse().unwrap(), &mut out.to_vec());
    }
    while pair.server.poll_transmit(pair.now, 1, &mut out).is_some() {
        pair.client.handle(pair.now, SERVER.parse().unwrap(), &mut out.to_vec());
    }
    let mut opens = 0;
    while pair.client.poll_transmit(pair.now, 1, &mut out).is_some() {
        opens += 1;
    }
    assert_eq!(opens, 1);
}

/// What a path with this MTU loses.
fn black_hole(mtu: usize) -> impl FnMut(&Header, usize) -> bool {
    move |_, bytes| bytes > mtu
}

fn jumbo() -> Config {
    Config { datagram_bytes: 8952, ..config() }
}

#[test]
fn an_answer_of_one_large_fragment_gets_through_a_black_hole() {
    let mut pair = Pair::open(jumbo(), jumbo());
    pair.call(b"large answer, please");
    pair.exchange(|_| false);
    let served = pair.served();
    let bytes = vec![7; 5000];
    pair.server.reply(pair.now, served, AnswerKind::Reply, method(), message(&bytes)).unwrap();
    pair.live(Duration::from_secs(9), black_hole(1400));
    assert_eq!(pair.answer(), reply(&bytes));
}

#[test]
fn all_messages_under_way_get_through_a_black_hole_and_probes_do_not_hide_it() {
    let mut pair = Pair::open(jumbo(), jumbo());
    for byte in 0..3 {
        pair.call(&[byte; 20_000]);
    }
    assert_eq!(pair.live(Duration::from_secs(5), black_hole(1400)), 3);
}

#[test]
fn a_slow_handler_does_not_make_datagrams_small() {
    let mut pair = Pair::open(jumbo(), jumbo());
    pair.call(&[1; 5000]);
    pair.exchange(|_| false);
    let served = pair.served();
    pair.live(Duration::from_secs(3), |_, _| false);
    assert!(pair.client.callers.iter().all(|(_, session)| session.link.datagram_bytes == 8952));
    pair.server.reply(pair.now, served, AnswerKind::Reply, method(), message(b"at last")).unwrap();
    assert_eq!(pair.run(), reply(b"at last"));
}

#[test]
fn messages_that_never_fit_the_memory_are_too_large_rather_than_busy() {
    let small = Config { session_bytes_max: 10_000, ..config() };
    let mut pair = Pair::new(config(), small.clone());
    pair.call(&[0; 20_000]);
    assert_eq!(pair.run(), Some(Err(CallError::TooLarge { len: 20_000, limit: 10_000 })));
    let mut pair = Pair::open(small, config());
    pair.call(b"large answer, please");
    pair.exchange(|_| false);
    let served = pair.served();
    pair.server.reply(pair.now, served, AnswerKind::Reply, method(), message(&[1; 20_000])).unwrap();
    assert_eq!(pair.run(), Some(Err(CallError::AnswerTooLarge { len: 20_000, limit: 10_000 })));
}

#[test]
fn a_lost_report_of_ended_calls_is_repeated_to_a_busy_server() {
    let mut pair = Pair::open(config(), Config { calls_max: 2, ..config() });
    pair.call(b"slow");
    pair.exchange(|_| false);
    let slow = pair.served();
    pair.call(b"b");
    assert_eq!(pair.run(), reply(b"b"));
    pair.pass(ms(30));
    pair.exchange(|header| header.kind == PacketType::Ack);
    pair.call(b"c");
    pair.live(Duration::from_secs(1), |_, _| false);
    assert_eq!(pair.answer(), reply(b"c"), "though the first is still running");
    pair.server.reply(pair.now, slow, AnswerKind::Reply, method(), message(b"done")).unwrap();
    assert_eq!(pair.run(), reply(b"done"));
}

#[test]
fn an_answer_whose_end_went_unheard_does_not_hold_up_others() {
    let tiny = Config { receive_buffer_bytes: 4096, ..jumbo() };
    let mut pair = Pair::open(tiny.clone(), tiny);
    pair.call(b"slow");
    pair.exchange(|_| false);
    let slow = pair.served();
    pair.call(b"large answer, please");
    pair.exchange(|_| false);
    let served = pair.served();
    pair.server.reply(pair.now, served, AnswerKind::Reply, method(), message(&[1; 4500])).unwrap();
    pair.exchange(|_| false);
    assert!(pair.answer().is_some());
    pair.pass(ms(30));
    pair.exchange(|header| header.kind == PacketType::Ack);
    pair.server.reply(pair.now, slow, AnswerKind::Reply, method(), message(b"done")).unwrap();
    pair.live(Duration::from_secs(2), |_, _| false);
    assert_eq!(pair.answer(), reply(b"done"));
}

#[test]
fn an_answer_that_the_caller_has_no_room_for_lets_others_pass() {
    let small = Config { session_bytes_max: 200_000, receive_buffer_bytes: 64 << 10, ..config() };
    let mut pair = Pair::open(small, config());
    pair.call(b"first");
    pair.call(b"second");
    pair.exchange(|_| false);
    let (first, second) = (pair.served(), pair.served());
    pair.server.reply(pair.now, second, AnswerKind::Reply, method(), message(&[2; 20_000])).unwrap();
    // Only the last fragment of the second answer arrives: it has its room, the first has none.
    pair.exchange(|header| header.kind == PacketType::Reply && header.offset < 18_000);
    pair.server.reply(pair.now, first, AnswerKind::Reply, method(), message(&[1; 195_000])).unwrap();
    pair.live(Duration::from_secs(9), |_, _| false);
    assert_eq!(pair.answer(), reply(&[2; 20_000]));
    assert_eq!(pair.answer(), reply(&[1; 195_000]));
}

#[test]
fn old_packets_sent_again_do_not_make_a_silent_server_seem_present() {
    let mut pair = Pair::open(config(), config());
    pair.call(b"a");
    pair.exchange(|_| false);
    pair.serve();
    let mut out = Datagrams::new();
    let mut answer = Vec::new();
    while pair.server.poll_transmit(pair.now, 1, &mut out).is_some() {
        answer = out.to_vec();
        pair.client.handle(pair.now, SERVER.parse().unwrap(), &mut out.to_vec());
    }
    assert_eq!(pair.answer(), reply(b"a"));
    pair.pass(Duration::from_secs(16));
    pair.restart_server();
    pair.client.handle(pair.now, SERVER.parse().unwrap(), &mut answer);
    pair.call(b"b");
    assert_eq!(pair.run(), reply(b"b"), "the call was risked in a session that is lost");
}

#[test]
fn forged_hints_among_authentic_packets_do_not_end_a_keyed_session() {
    let keyed = Config { key: Some(Key::from_bytes([1; 32])), ..config() };
    let mut pair = Pair::open(keyed.clone(), keyed);
    pair.call_as("echo", b"slow", true);
    pair.exchange(|_| false);
    let served = pair.served();
    let session = pair.client.callers.iter().next().unwrap().1.link.session;
    for _ in 0..10 {
        let body = crate::wire::RefusedBody { refusal: Refusal::UnknownSession, packet: 0 }.to_bytes();
        let mut header = Header::new(PacketType::Refused);
        header.session = session;
        header.body_len = u16::try_from(body.len()).unwrap();
        let mut forged = [&header.to_bytes()[..], &body].concat();
        pair.client.handle(pair.now, SERVER.parse().unwrap(), &mut forged);
        pair.live(ms(1500), |_, _| false);
    }
    pair.server.reply(pair.now, served, AnswerKind::Reply, method(), message(b"done")).unwrap();
    assert_eq!(pair.run(), reply(b"done"));
}
