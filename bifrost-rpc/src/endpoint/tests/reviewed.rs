//! What reviews of the endpoint asked for: hostile, foreign and late packets, landings, losses.

use super::*;
use crate::wire::{AckBody, AckStatus, Flags, OpenBody, OpenedBody, RefusedBody};

const OTHER: &str = "[::1]:3000";

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn client() -> SocketAddr {
    address(CLIENT)
}

fn server() -> SocketAddr {
    address(SERVER)
}

/// Datagrams as large as the loopback device takes.
fn huge() -> Config {
    Config { datagram_bytes: 65_000, ..config() }
}

/// Bytes that differ from place to place.
fn pattern(len: usize, seed: u8) -> Vec<u8> {
    (0..251).cycle().take(len).map(|byte: u8| byte ^ seed).collect()
}

fn packet(mut header: Header, body: &[u8]) -> Vec<u8> {
    header.body_len = u16::try_from(body.len()).unwrap();
    [&header.to_bytes()[..], body].concat()
}

/// All datagrams that an endpoint has to send.
fn sent(endpoint: &mut Endpoint, now: Time) -> Vec<Vec<u8>> {
    let mut out = Datagrams::new();
    let mut datagrams = Vec::new();
    while endpoint.poll_transmit(now, 1, &mut out).is_some() {
        datagrams.push(out.to_vec());
    }
    datagrams
}

impl Pair {
    /// A header of the client's only session, as its client would send it.
    fn to_server(&self, kind: PacketType, rpc: u64) -> Header {
        let (_, session) = self.client.callers.iter().next().unwrap();
        let mut header = Header::new(kind);
        header.flags = Flags::TO_CALLEE;
        header.method = method();
        header.client = session.link.client;
        header.session = session.link.session;
        header.instance = session.link.instance;
        header.incarnation = 1;
        header.rpc = rpc;
        header.packet = 1_000_000;
        header.credits = 256;
        header
    }

    /// The same as its server would send it.
    fn to_client(&self, kind: PacketType, rpc: u64) -> Header {
        Header { flags: Flags::default(), ..self.to_server(kind, rpc) }
    }

    fn server_takes(&mut self, mut datagram: Vec<u8>) {
        self.server.handle(self.now, client(), &mut datagram);
    }

    fn client_takes(&mut self, mut datagram: Vec<u8>) {
        self.client.handle(self.now, server(), &mut datagram);
    }

    /// The next call that the server has, and nothing else.
    fn event(&mut self) -> Option<(MethodField, bool, Vec<u8>)> {
        self.server.poll_event().map(|event| match event {
            Event::Call { method, oneway, message, .. } => (method, oneway, message),
            other => panic!("no call but {other:?}"),
        })
    }
}

#[test]
fn fragments_of_another_type_or_method_than_their_calls_first_are_dropped() {
    let mut pair = Pair::open(config(), config());
    let other = MethodField::new("Echo", "other");
    pair.server.serve(other, 7).unwrap();
    let mut first = pair.to_server(PacketType::Call, 100);
    first.flags = first.flags.with(Flags::FIRST);
    first.message_len = 4;
    pair.server_takes(packet(first, b"ab"));
    for (kind, method) in [(PacketType::Oneway, method()), (PacketType::Call, other), (PacketType::Oneway, other)] {
        let mut second = pair.to_server(kind, 100);
        (second.method, second.offset, second.message_len) = (method, 2, 4);
        let malformed = pair.server.stats().malformed;
        pair.server_takes(packet(second, b"xy"));
        assert_eq!(pair.event(), None, "it ran as {kind:?} of {method:?}");
        assert_eq!(pair.server.stats().malformed, malformed + 1);
    }
    let mut second = pair.to_server(PacketType::Call, 100);
    (second.offset, second.message_len) = (2, 4);
    pair.server_takes(packet(second, b"cd"));
    assert_eq!(pair.event(), Some((method(), false, b"abcd".to_vec())));
}

/// The server has lent the landing of one client's message when that client goes and another one takes its place, with
/// a call of the same number and length.
fn landing_of_a_client_that_went(bytes: &[u8]) -> (Pair, Landing, Vec<Vec<u8>>) {
    let mut pair = Pair::open(huge(), huge());
    pair.call(&pattern(bytes.len(), 0xFF));
    let first = sent(&mut pair.client, pair.now).swap_remove(0);
    pair.server_takes(first);
    let landing = pair.server.take_landing().expect("the next fragment is expected");
    pair.client.close(pair.now);
    pair.exchange(|_| false);
    assert_eq!(pair.server.usage().callee_sessions, 0);
    pair.client = Endpoint::new(huge(), [3; 32]);
    pair.call(b"open");
    assert_eq!(pair.run(), reply(b"open"));
    pair.call(bytes);
    let mut fragments = sent(&mut pair.client, pair.now);
    pair.server_takes(fragments.remove(0));
    (pair, landing, fragments)
}

#[test]
fn a_landing_given_back_late_does_not_touch_the_message_in_its_sessions_place() {
    let bytes = pattern(300_000, 1);
    let (mut pair, landing, fragments) = landing_of_a_client_that_went(&bytes);
    assert!(pair.server.give_landing(pair.now, landing, None).is_none());
    for fragment in fragments {
        pair.server_takes(fragment);
    }
    assert_eq!(pair.event(), Some((method(), false, bytes)));
}

#[test]
fn a_landing_given_back_late_does_not_end_the_loan_of_another() {
    let bytes = pattern(300_000, 1);
    let (mut pair, landing, mut fragments) = landing_of_a_client_that_went(&bytes);
    let own = pair.server.take_landing().expect("the next fragment is expected");
    assert!(pair.server.give_landing(pair.now, landing, None).is_none());
    // Dropped while the place is lent, and sent again later.
    pair.server_takes(fragments.remove(0));
    assert!(pair.server.give_landing(pair.now, own, None).is_none());
    fragments.into_iter().for_each(|fragment| pair.server_takes(fragment));
    for _ in 0..100 {
        pair.pass(ms(5));
        pair.exchange(|_| false);
    }
    assert_eq!(pair.event(), Some((method(), false, bytes)));
}

/// Takes a datagram in as a driver does: in place, where there is one. Says whether it belonged there.
fn receive(endpoint: &mut Endpoint, now: Time, from: SocketAddr, mut datagram: Vec<u8>) -> bool {
    let Some(mut landing) = endpoint.take_landing() else {
        endpoint.handle(now, from, &mut datagram);
        return false;
    };
    let (header, payload) = datagram.split_first_chunk::<HEADER_BYTES>().unwrap();
    let place = landing.place();
    let (inside, beyond) = payload.split_at(payload.len().min(place.len()));
    place[..inside.len()].copy_from_slice(inside);
    match endpoint.give_landing(now, landing, Some((from, header, payload.len()))) {
        Some(mut whole) => {
            whole.extend_from_slice(beyond);
            assert_eq!(whole, datagram, "put together otherwise than it came");
            endpoint.handle(now, from, &mut whole);
            false
        }
        None => true,
    }
}

/// Sends a message of 1 MiB to a server that receives in place; `fate` says what becomes of each datagram. Returns how
/// many fragments landed.
fn land(mut fate: impl FnMut(&Pair, usize, Vec<u8>) -> Vec<Vec<u8>>) -> usize {
    let mut pair = Pair::open(huge(), huge());
    let bytes = pattern(1 << 20, 5);
    pair.call(&bytes);
    let (mut landed, mut count) = (0, 0);
    for _ in 0..200 {
        for datagram in sent(&mut pair.client, pair.now) {
            for datagram in fate(&pair, count, datagram) {
                landed += usize::from(receive(&mut pair.server, pair.now, client(), datagram));
            }
            count += 1;
        }
        if let Some(event) = pair.event() {
            assert!(event == (method(), false, bytes), "another message");
            assert_eq!(pair.server.usage().bytes, 0);
            return landed;
        }
        for datagram in sent(&mut pair.server, pair.now) {
            pair.client_takes(datagram);
        }
        pair.pass(ms(1));
    }
    panic!("the message does not arrive");
}

#[test]
fn a_message_lands_piece_by_piece() {
    assert!(land(|_, _, datagram| vec![datagram]) >= 15);
}

#[test]
fn a_message_lands_with_other_datagrams_in_between() {
    let landed = land(|pair, at, datagram| match at % 4 {
        1 => vec![vec![7; 5000], datagram],
        2 => vec![packet(pair.to_server(PacketType::Ping, 0), &[1; 8]), datagram],
        3 => vec![packet(Header { session: 5, ..pair.to_server(PacketType::Call, 9) }, &[3; 64_872]), datagram],
        _ => vec![datagram],
    });
    assert!(landed > 0);
}

#[test]
fn a_message_lands_though_fragments_are_lost_repeated_and_out_of_order() {
    assert!(land(|_, at, datagram| if at == 5 { vec![] } else { vec![datagram] }) > 0);
    assert!(land(|_, at, datagram| vec![datagram; if at % 3 == 1 { 2 } else { 1 }]) > 0);
    let mut held = None;
    let landed = land(move |_, at, datagram| match at {
        4 => {
            held = Some(datagram);
            vec![]
        }
        6 => [Some(datagram), held.take()].into_iter().flatten().collect(),
        _ => vec![datagram],
    });
    assert!(landed > 0);
}

#[test]
fn a_window_closed_by_losses_is_opened_without_a_time_out() {
    for config in [config(), huge()] {
        let mut pair = Pair::open(config.clone(), config);
        let bytes = vec![6; 16 << 20];
        pair.call(&bytes);
        let started = pair.now;
        let mut count = 0u64;
        while pair.server.events.is_empty() {
            pair.exchange(|header| {
                count += 1;
                // About one of two hundred, in no rhythm.
                header.kind == PacketType::Call && count.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56 == 77
            });
            pair.pass(ms(1));
        }
        let took = pair.now.since(started);
        assert!(took < Duration::from_secs(1), "{took:?}");
        assert_eq!(pair.event().unwrap().2.len(), bytes.len());
    }
}

#[test]
fn more_ended_calls_than_one_report_takes_are_all_reported() {
    let mut pair = Pair::open(config(), config());
    for _ in 0..=200 {
        pair.call(b"x");
    }
    pair.exchange(|_| false);
    // Every second one goes on, so that the others end one by one.
    for at in 0..=200 {
        let call = pair.served();
        if at % 2 == 1 {
            pair.server.reply(pair.now, call, AnswerKind::Reply, method(), message(b"x")).unwrap();
        }
    }
    for _ in 0..3 {
        pair.exchange(|_| false);
        pair.pass(ms(25));
    }
    pair.exchange(|_| false);
    assert_eq!(pair.server.usage().served, 101, "answers are kept of calls that have ended");
}

#[test]
fn an_open_with_a_token_of_the_last_period_there_is_gets_a_new_token() {
    let mut pair = Pair::new(config(), config());
    let token = [&u64::MAX.to_be_bytes()[..], &[0; 16]].concat();
    let body = OpenBody { previous: 0, random: [1; 32], datagram_bytes: 1452, message_bytes_max: 1 << 20, token };
    let mut header = Header::new(PacketType::Open);
    header.flags = Flags::FIRST.with(Flags::TO_CALLEE);
    (header.method, header.client, header.rpc) = (method(), 1, 1);
    pair.server_takes(packet(header, &body.to_bytes()));
    let answer = sent(&mut pair.server, pair.now).swap_remove(0);
    let header = Header::parse(&answer).unwrap();
    assert_eq!((header.kind, header.session), (PacketType::Opened, 0));
    assert_eq!(pair.server.usage().callee_sessions, 0);
}

#[test]
fn a_packet_of_unknown_type_does_not_hide_those_behind_it() {
    let mut pair = Pair::open(config(), config());
    pair.call(b"behind");
    let call = sent(&mut pair.client, pair.now).swap_remove(0);
    let mut unknown = packet(pair.to_server(PacketType::Ping, 0), &[9; 33]);
    unknown[3] = 99;
    pair.server_takes([unknown, call].concat());
    assert_eq!(pair.event().unwrap().2, b"behind");
    assert_eq!(pair.server.stats().malformed, 1);
}

#[test]
fn a_session_number_that_is_taken_is_not_believed() {
    let mut pair = Pair::open(config(), config());
    let taken = pair.to_client(PacketType::Opened, 0).session;
    let request = Request {
        method: method(),
        service: service_hash("Echo"),
        oneway: false,
        idempotent: false,
        deadline: None,
        references: true,
        message: message(b"elsewhere"),
    };
    pair.client.call(pair.now, address(OTHER), request).unwrap();
    let open = Header::parse(&sent(&mut pair.client, pair.now)[0]).unwrap();
    assert_eq!(open.kind, PacketType::Open);
    let body = OpenedBody {
        epoch: 1,
        random: [0; 32],
        lease_ms: 30_000,
        calls_max: 10,
        datagram_bytes: 1452,
        message_bytes_max: 1 << 20,
        previous_known: false,
        token: vec![1; 24],
    };
    let mut opened = Header::new(PacketType::Opened);
    opened.flags = Flags::FIRST;
    (opened.client, opened.rpc, opened.session, opened.instance) = (open.client, open.rpc, taken, 1);
    let strays = pair.client.stats().strays;
    pair.client.handle(pair.now, address(OTHER), &mut packet(opened, &body.to_bytes()));
    assert_eq!(pair.client.stats().strays, strays + 1);
    pair.call(b"still there?");
    assert_eq!(pair.run(), reply(b"still there?"));
}

#[test]
fn what_is_delivered_very_late_does_not_make_a_session_look_fresh() {
    let patient = Config { peer_timeout: Duration::from_secs(60), ..config() };
    for name in ["echo", "missing"] {
        let mut pair = Pair::open(patient.clone(), config());
        pair.call_as(name, b"a", false);
        for datagram in sent(&mut pair.client, pair.now) {
            pair.server_takes(datagram);
        }
        pair.serve();
        let late = sent(&mut pair.server, pair.now);
        for _ in 0..16 {
            pair.pass(Duration::from_secs(1));
            sent(&mut pair.client, pair.now);
        }
        pair.restart_server();
        late.into_iter().for_each(|datagram| pair.client_takes(datagram));
        assert!(pair.answer().is_some(), "the answer is late, and an answer");
        pair.call(b"b");
        let next = Header::parse(&sent(&mut pair.client, pair.now)[0]).unwrap();
        assert_ne!(next.kind, PacketType::Call, "the call was risked in a session that is lost");
        pair.live(Duration::from_secs(1), |_, _| false);
        assert_eq!(pair.answer(), reply(b"b"));
    }
}

#[test]
fn a_pong_to_an_earlier_ping_confirms_nothing() {
    let mut pair = Pair::open(config(), config());
    pair.pass(Duration::from_secs(20));
    pair.call(b"b");
    let mut pings = sent(&mut pair.client, pair.now);
    pair.pass(ms(100));
    pings.extend(sent(&mut pair.client, pair.now));
    assert_eq!(pings.len(), 2, "it is asked twice");
    pings.into_iter().for_each(|ping| pair.server_takes(ping));
    let mut pongs = sent(&mut pair.server, pair.now);
    assert_eq!(pongs.len(), 2);
    let late = pongs.swap_remove(1);
    pair.client_takes(pongs.remove(0));
    assert_eq!(pair.run(), reply(b"b"));
    pair.pass(Duration::from_secs(20));
    pair.restart_server();
    pair.call(b"c");
    pair.client_takes(late);
    assert_eq!(pair.run(), reply(b"c"), "the call was risked in a session that is lost");
}

#[test]
fn packets_of_a_foreign_version_that_answer_nothing_of_ours_do_not_fail_calls() {
    let mut pair = Pair::new(config(), config());
    pair.call(b"x");
    for nonce in 1..100 {
        for kind in [PacketType::Opened, PacketType::Refused] {
            let mut header = Header::new(kind);
            header.rpc = nonce;
            let body = RefusedBody { refusal: Refusal::Draining, packet: 0 }.to_bytes();
            let mut foreign = packet(header, &body);
            foreign[2] = 9;
            pair.client_takes(foreign);
        }
    }
    assert_eq!(pair.run(), reply(b"x"));
}

#[test]
fn a_farewell_sends_idle_clients_to_the_successor() {
    let keyed = Config { key: Some(Key::from_bytes([1; 32])), ..config() };
    for config in [config(), keyed] {
        let mut pair = Pair::open(config.clone(), config.clone());
        pair.server.drain();
        pair.server.farewell(pair.now);
        pair.exchange(|_| false);
        assert_eq!(pair.client.usage().caller_sessions, 0);
        pair.server = Endpoint::new(config, [9; 32]);
        pair.server.serve(method(), 7).unwrap();
        pair.call(b"b");
        assert_eq!(pair.run(), reply(b"b"), "the call was risked in a session that is gone");
    }
}

#[test]
fn a_farewell_cuts_off_no_call_that_is_under_way() {
    let mut pair = Pair::open(config(), config());
    pair.call(b"slow");
    pair.exchange(|_| false);
    let call = pair.served();
    pair.server.drain();
    pair.server.farewell(pair.now);
    pair.exchange(|_| false);
    assert_eq!(pair.answer(), None);
    pair.server.reply(pair.now, call, AnswerKind::Reply, method(), message(b"done")).unwrap();
    assert_eq!(pair.run(), reply(b"done"));
}

#[test]
fn acknowledgements_of_single_bytes_take_bounded_memory() {
    let mut pair = Pair::open(config(), config());
    pair.call(&[1; 500_000]);
    sent(&mut pair.client, pair.now);
    let rpc = pair.client.callers.iter().next().unwrap().1.calls.first().unwrap();
    for at in 0..1000u32 {
        let ranges = (at * 64..(at + 1) * 64).map(|byte| (byte * 4, byte * 4 + 1)).collect();
        let body = AckBody { status: AckStatus::Partial, largest_packet: 5, ranges };
        let mut header = pair.to_client(PacketType::Ack, rpc);
        header.packet += u64::from(at);
        pair.client_takes(packet(header, &body.to_bytes()));
        let call = pair.client.callers.iter().next().unwrap().1.calls.get(rpc).unwrap();
        assert!(call.out.acked_ranges() <= 1024 + 64, "{} ranges", call.out.acked_ranges());
    }
    // The server, asked, says that it has nothing: then all of it is sent.
    assert_eq!(pair.live(Duration::from_secs(1), |_, _| false), 1);
    assert_eq!(pair.answer(), reply(&[1; 500_000]));
}

#[test]
fn an_acknowledgement_of_packets_not_yet_sent_loses_none_just_sent() {
    let mut pair = Pair::open(config(), config());
    pair.call(&[1; 2500]);
    assert_eq!(sent(&mut pair.client, pair.now).len(), 2);
    let rpc = pair.client.callers.iter().next().unwrap().1.calls.first().unwrap();
    let body = AckBody { status: AckStatus::Partial, largest_packet: u64::MAX, ranges: vec![(0, 1)] };
    let header = pair.to_client(PacketType::Ack, rpc);
    pair.client_takes(packet(header, &body.to_bytes()));
    let again = sent(&mut pair.client, pair.now);
    assert!(again.is_empty(), "{} packets", again.len());
}
