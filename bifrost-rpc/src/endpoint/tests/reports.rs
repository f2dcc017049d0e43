//! What ends tell the control plane of leased calls, and what they list for one that starts anew.

use super::*;
use crate::wire::Pointer;
use crate::wire::control::{OutstandingCall, ReportKind, ReportLine};

use ReportKind::{Abandoned, Accepted, Done, SessionEnded};

pub(super) fn reporting() -> Config {
    Config { reports: true, ..config() }
}

pub(super) fn leasing(oneway: bool, message: Message) -> Request {
    let pointers = vec![Pointer::new(0xFD, 3, 1000)];
    let (service, deadline) = (service_hash("Echo"), Some(Duration::from_secs(60)));
    let message = message.with_pointers(pointers);
    Request { method: method(), service, oneway, idempotent: false, deadline, references: true, message }
}

pub(super) fn kinds(endpoint: &mut Endpoint) -> Vec<ReportKind> {
    lines(endpoint).into_iter().map(|line| line.kind).collect()
}

fn lines(endpoint: &mut Endpoint) -> Vec<ReportLine> {
    std::iter::from_fn(|| endpoint.poll_report()).collect()
}

impl Pair {
    pub(super) fn lease(&mut self, oneway: bool, len: usize) -> CallId {
        let request = leasing(oneway, message(&vec![9; len]));
        self.client.call(self.now, SERVER.parse().unwrap(), request).unwrap()
    }

    /// A leased call that runs at the server.
    fn running(oneway: bool) -> (Self, CallId, ServedCall) {
        let mut pair = Self::new(reporting(), reporting());
        let id = pair.lease(oneway, 10);
        pair.exchange(|_| false);
        let call = pair.taken().unwrap();
        (pair, id, call)
    }

    pub(super) fn taken(&mut self) -> Option<ServedCall> {
        match self.server.poll_event()? {
            Event::Call { call, .. } => Some(call),
            other => panic!("unexpected {other:?}"),
        }
    }

    pub(super) fn taken_if_any(&mut self) -> Option<ServedCall> {
        self.server.poll_event().and_then(|event| if let Event::Call { call, .. } = event { Some(call) } else { None })
    }

    pub(super) fn reply(&mut self, call: ServedCall) -> bool {
        self.server.reply(self.now, call, AnswerKind::Reply, method(), message(b"x")).unwrap()
    }

    fn cancel(&mut self, call: CallId) {
        self.client.cancel(self.now, call);
        self.exchange(|_| false);
    }

    /// Gives the server a packet of the client's once more.
    fn again(&mut self, from: &str, kind: PacketType, call: ServedCall, change: impl Fn(&mut Header)) {
        let mut header = Header::new(kind);
        header.flags = Flags::TO_CALLEE.with(Flags::LEASED);
        (header.client, header.session, header.rpc) = (self.client.client, call.session, call.rpc);
        header.instance = self.server.instance();
        change(&mut header);
        self.server.handle(self.now, from.parse().unwrap(), &mut header.to_bytes());
    }
}

#[test]
fn nothing_is_told_where_there_is_no_control_plane() {
    let mut pair = Pair::new(config(), config());
    pair.lease(false, 10);
    pair.run();
    let id = pair.lease(false, 10);
    pair.exchange(|_| false);
    pair.cancel(id);
    assert_eq!((kinds(&mut pair.client), kinds(&mut pair.server)), (vec![], vec![]));
}

#[test]
fn an_answer_with_pointers_is_accepted_and_nothing_else_is_told_of_it() {
    let mut pair = Pair::new(reporting(), reporting());
    pair.lease(false, 3000);
    pair.run();
    let told = lines(&mut pair.client);
    assert_eq!((told.len(), told[0].kind, told[0].rpc, told[0].client), (1, Accepted, 1, pair.client.client));
    // What acknowledges the answer ends the record.
    pair.lease(false, 10);
    pair.run();
    assert_eq!((kinds(&mut pair.client), kinds(&mut pair.server)), (vec![Accepted], vec![]));
}

#[test]
fn of_a_leased_call_answered_without_pointers_nothing_is_told() {
    let (mut pair, _, call) = Pair::running(false);
    assert!(pair.reply(call));
    pair.exchange(|_| false);
    pair.pass(Duration::from_secs(1));
    pair.exchange(|_| false);
    assert_eq!((pair.server.usage().served, pair.answer().is_some()), (0, true));
    assert_eq!((kinds(&mut pair.client), kinds(&mut pair.server)), (vec![], vec![]));
}

#[test]
fn a_cancelled_call_is_done_when_its_handler_has_ended() {
    for ends in [|pair: &mut Pair, call| _ = pair.reply(call), |pair: &mut Pair, call| pair.server.done(call)] {
        let (mut pair, id, call) = Pair::running(false);
        pair.cancel(id);
        assert_eq!(kinds(&mut pair.client), [Abandoned]);
        assert_eq!(kinds(&mut pair.server), [], "its handler runs");
        pair.again(CLIENT, PacketType::Cancel, call, |_| {});
        assert_eq!(kinds(&mut pair.server), [], "its handler still runs");
        ends(&mut pair, call);
        assert_eq!(kinds(&mut pair.server), [Done]);
        pair.again(CLIENT, PacketType::Cancel, call, |_| {});
        assert_eq!(kinds(&mut pair.server), [Done], "whoever asks again is told again");
    }
}

#[test]
fn what_an_answer_gives_that_comes_after_all_is_given_up_again() {
    for is_session_lost in [false, true] {
        let (mut pair, id, call) = Pair::running(false);
        match is_session_lost {
            true => pair.client.close(pair.now),
            false => pair.client.cancel(pair.now, id),
        }
        assert_eq!(kinds(&mut pair.client), [Abandoned]);
        let mut reply = Header::new(PacketType::Reply);
        (reply.client, reply.session, reply.rpc) = (pair.client.client, call.session, call.rpc);
        (reply.instance, reply.flags) = (pair.server.instance(), Flags::FIRST);
        let from = SERVER.parse().unwrap();
        pair.client.handle(pair.now, from, &mut reply.to_bytes());
        assert_eq!(kinds(&mut pair.client), [], "it gives nothing");
        reply.set_pointers(&[Pointer::new(0xFD, 3, 1000)]);
        pair.client.handle(pair.now, from, &mut reply.to_bytes());
        assert_eq!(kinds(&mut pair.client), [Abandoned], "lost: {is_session_lost}");
        reply.rpc += 1;
        pair.client.handle(pair.now, from, &mut reply.to_bytes());
        assert_eq!(kinds(&mut pair.client), [], "of another call nothing is known");
    }
}

#[test]
fn a_copy_of_an_answer_that_was_accepted_says_nothing() {
    for is_closed in [false, true] {
        let (mut pair, _, call) = Pair::running(false);
        let answer = message(b"x").with_pointers(vec![Pointer::new(0xFD, 3, 1000)]);
        assert!(pair.server.reply(pair.now, call, AnswerKind::Reply, method(), answer).unwrap());
        let mut out = Datagrams::new();
        assert!(pair.server.poll_transmit(pair.now, 1, &mut out).is_some());
        let copy = out.to_vec();
        let from = SERVER.parse().unwrap();
        pair.client.handle(pair.now, from, &mut copy.clone());
        assert_eq!(kinds(&mut pair.client), [Accepted]);
        if is_closed {
            pair.client.close(pair.now);
        }
        pair.client.handle(pair.now, from, &mut copy.clone());
        assert_eq!(kinds(&mut pair.client), []);
    }
}

#[test]
fn a_call_that_is_cancelled_before_it_came_never_runs_and_is_done() {
    let mut pair = Pair::new(reporting(), reporting());
    pair.call(b"x");
    pair.run();
    let id = pair.lease(false, 10);
    let mut late = Vec::new();
    let mut out = Datagrams::new();
    while pair.client.poll_transmit(pair.now, 1, &mut out).is_some() {
        late.push(out.to_vec());
    }
    pair.cancel(id);
    assert_eq!(kinds(&mut pair.server), [Done]);
    late.iter_mut().for_each(|datagram| pair.server.handle(pair.now, CLIENT.parse().unwrap(), datagram));
    assert_eq!(pair.serve(), 0);
}

#[test]
fn a_call_that_was_answered_is_done_for_whoever_asks() {
    let (mut pair, id, call) = Pair::running(false);
    assert!(pair.reply(call));
    pair.cancel(id);
    assert_eq!(kinds(&mut pair.server), [Done]);
    assert_eq!(pair.server.usage().served, 0);
}

#[test]
fn a_call_whose_fragments_were_arriving_is_done_when_it_is_given_up() {
    for is_told_by_cancel in [true, false] {
        let mut pair = Pair::new(reporting(), reporting());
        let id = pair.lease(false, 5000);
        pair.exchange(|header| header.kind == PacketType::Call && header.offset == 0);
        assert_eq!(pair.server.usage().served, 1);
        pair.client.cancel(pair.now, id);
        pair.exchange(|header| header.kind == PacketType::Cancel && !is_told_by_cancel);
        pair.pass(Duration::from_millis(25));
        pair.exchange(|_| false);
        assert_eq!((kinds(&mut pair.client), kinds(&mut pair.server)), (vec![Abandoned], vec![Done]));
    }
}

#[test]
fn a_call_whose_cancel_was_lost_is_done_all_the_same() {
    let (mut pair, id, call) = Pair::running(false);
    pair.client.cancel(pair.now, id);
    pair.exchange(|header| header.kind == PacketType::Cancel);
    // The lowest call outstanding says it.
    pair.call(b"y");
    pair.exchange(|_| false);
    assert_eq!(kinds(&mut pair.server), []);
    pair.server.refuse_busy(pair.now, call, Duration::ZERO);
    assert_eq!(kinds(&mut pair.server), [Done]);
}

#[test]
fn a_oneway_call_is_done_when_its_handler_has_ended() {
    let (mut pair, _, call) = Pair::running(true);
    assert_eq!(pair.answer(), Some(Ok(Answered::Delivered)));
    pair.pass(Duration::from_millis(25));
    pair.exchange(|_| false);
    assert_eq!(kinds(&mut pair.server), []);
    pair.server.done(call);
    pair.server.done(call);
    assert_eq!(kinds(&mut pair.server), [Done]);
    assert_eq!(kinds(&mut pair.client), []);
}

#[test]
fn a_session_has_ended_when_its_last_handler_has() {
    let (mut pair, _, first) = Pair::running(false);
    pair.lease(true, 10);
    pair.exchange(|_| false);
    let second = pair.taken().unwrap();
    pair.client.close(pair.now);
    pair.exchange(|_| false);
    // The oneway call is known to have arrived.
    assert_eq!(kinds(&mut pair.client), [Abandoned]);
    assert_eq!(pair.server.usage().callee_sessions, 0);
    pair.server.done(second);
    assert!(!pair.reply(first));
    let told = lines(&mut pair.server);
    let told: Vec<_> = told.iter().map(|line| (line.kind, line.session, line.rpc)).collect();
    let session = first.session;
    assert_eq!(told, [(Done, session, 2), (Done, session, 1), (SessionEnded, session, 0)]);
}

#[test]
fn a_session_in_which_no_lease_came_is_told_of_too() {
    let mut pair = Pair::new(reporting(), reporting());
    pair.call(b"x");
    pair.run();
    pair.client.close(pair.now);
    pair.exchange(|_| false);
    assert_eq!((pair.server.usage().callee_sessions, kinds(&mut pair.server)), (0, vec![SessionEnded]));
}

#[test]
fn a_session_that_lapses_or_is_ended_here_is_told_of() {
    for lapses in [true, false] {
        let (mut pair, _, call) = Pair::running(false);
        match lapses {
            true => pair.pass(Duration::from_secs(31)),
            false => pair.server.end_sessions(),
        }
        assert_eq!((pair.server.usage().callee_sessions, kinds(&mut pair.server)), (0, vec![]));
        pair.server.done(call);
        assert_eq!(kinds(&mut pair.server), [Done, SessionEnded]);
    }
}

#[test]
fn a_refusal_does_not_end_the_lease_of_a_call_that_runs() {
    let (mut pair, _, call) = Pair::running(false);
    pair.server.end_sessions();
    for (runs, expected) in [(true, false), (false, true)] {
        if !runs {
            pair.server.done(call);
        }
        pair.again(CLIENT, PacketType::Call, call, |header| header.flags = header.flags.with(Flags::FIRST));
        let mut out = Datagrams::new();
        pair.server.poll_transmit(pair.now, 1, &mut out).unwrap();
        let header = Header::parse(&out.to_vec()).unwrap();
        assert_eq!((header.kind, header.flags.has(Flags::LEASED)), (PacketType::Refused, expected));
    }
}

#[test]
fn calls_of_sessions_that_are_unknown_are_done() {
    let (mut pair, _, call) = Pair::running(false);
    for kind in [PacketType::Cancel, PacketType::Call, PacketType::Oneway] {
        let gone = ServedCall { session: call.session ^ 1, rpc: 7 };
        pair.again(CLIENT, kind, gone, |_| {});
        assert_eq!(kinds(&mut pair.server), [Done, SessionEnded], "{kind:?}");
        pair.again(CLIENT, kind, gone, |header| header.flags = Flags::TO_CALLEE);
        pair.again(CLIENT, kind, gone, |header| header.instance ^= 1);
        // The session is known, but not at that address.
        pair.again("[::1]:9999", kind, call, |_| {});
        assert_eq!(kinds(&mut pair.server), [], "{kind:?}");
    }
}

#[test]
fn a_call_that_is_lost_with_its_session_is_abandoned_and_a_new_copy_is_not() {
    let mut pair = Pair::new(reporting(), reporting());
    let request = Request { idempotent: true, ..leasing(false, message(b"again")) };
    pair.client.call(pair.now, SERVER.parse().unwrap(), request).unwrap();
    pair.exchange(|_| false);
    pair.server = Endpoint::new(Config { instance: 77, ..reporting() }, [3; 32]);
    pair.server.serve(method(), 7).unwrap();
    for _ in 0..5 {
        pair.pass(Duration::from_millis(100));
        pair.exchange(|_| false);
    }
    assert_eq!(kinds(&mut pair.client), [Abandoned], "the copy that the first server had");
    assert_eq!(pair.serve(), 1);
    pair.exchange(|_| false);
    assert_eq!(kinds(&mut pair.client), [Accepted]);
    assert!(matches!(pair.answer(), Some(Ok(_))));
}

#[test]
fn calls_that_were_not_sent_or_were_refused_are_not_abandoned() {
    let mut pair = Pair::new(reporting(), reporting());
    let id = pair.lease(false, 10);
    pair.cancel(id);
    assert_eq!(kinds(&mut pair.client), [], "there was no session yet");
    let limited = Config { message_bytes_max: 100, ..reporting() };
    let mut pair = Pair::new(Config { message_bytes_max: 1 << 20, ..reporting() }, reporting());
    pair.server = Endpoint::new(limited, [2; 32]);
    let other = MethodField::new("Echo", "other");
    pair.server.serve(other, 7).unwrap();
    pair.client.ask_session(
        pair.now,
        SERVER.parse().unwrap(),
        Request { method: other, ..leasing(false, Message::empty()) },
    );
    pair.exchange(|_| false);
    pair.lease(false, 10);
    pair.exchange(|_| false);
    assert!(matches!(pair.answer(), Some(Ok(Answered::Session { .. }))));
    assert_eq!(pair.answer(), Some(Err(CallError::Refused(Refusal::UnknownMethod))));
    assert_eq!((kinds(&mut pair.client), kinds(&mut pair.server)), (vec![], vec![]));
}

#[test]
fn a_leased_oneway_call_that_is_given_back_ends_no_lease() {
    let mut pair = Pair::new(reporting(), reporting());
    pair.ask_for_session();
    pair.lease(true, 10);
    let mut out = Datagrams::new();
    while pair.client.poll_transmit(pair.now, 1, &mut out).is_some() {
        pair.server.handle(pair.now, CLIENT.parse().unwrap(), &mut out.to_vec());
    }
    let call = pair.taken().unwrap();
    assert!(pair.server.refuse_busy(pair.now, call, Duration::from_millis(1)));
    let mut refused = Vec::new();
    pair.exchange(|header| {
        refused.extend((header.kind == PacketType::Refused).then_some(header.flags.has(Flags::LEASED)));
        false
    });
    assert_eq!(refused, [false]);
}

impl Pair {
    fn ask_for_session(&mut self) {
        self.client.ask_session(self.now, SERVER.parse().unwrap(), leasing(false, Message::empty()));
        self.exchange(|_| false);
        assert!(matches!(self.answer(), Some(Ok(Answered::Session { .. }))));
    }

    /// What both ends list, in pages of `max`.
    fn outstanding(&self, max: usize) -> [Vec<OutstandingCall>; 2] {
        [&self.client, &self.server].map(|endpoint| {
            let (mut all, mut after) = (Vec::new(), (0, 0));
            loop {
                let page = endpoint.outstanding(after, max);
                let Some(last) = page.last() else { return all };
                after = (last.session, last.rpc);
                all.extend(page);
            }
        })
    }
}

#[test]
fn leased_calls_are_listed_wherever_they_stand() {
    let mut pair = Pair::new(reporting(), reporting());
    pair.call(b"no lease");
    pair.run();
    // 2 is arriving, 3 runs, 4 is a oneway call that runs, 5 is answered, 6 is a oneway call that ran, 7 runs without a record.
    pair.lease(false, 5000);
    pair.exchange(|header| header.kind == PacketType::Call && header.offset == 0);
    for oneway in [false, true, false, true] {
        pair.lease(oneway, 10);
        pair.exchange(|_| false);
    }
    let taken: Vec<_> = std::iter::from_fn(|| pair.taken()).collect();
    assert_eq!(taken.iter().map(|call| call.rpc).collect::<Vec<_>>(), [3, 4, 5, 6]);
    pair.reply(taken[2]);
    pair.server.done(taken[3]);
    let given_up = pair.lease(false, 10);
    pair.exchange(|header| header.kind == PacketType::Reply);
    pair.cancel_without_answer(given_up);
    let expected = [(2, false), (3, false), (4, false), (5, true), (6, true), (7, false)];
    for max in 1..8 {
        let [caller, callee] = pair.outstanding(max);
        let told: Vec<_> = callee.iter().map(|call| (call.rpc, call.is_answered)).collect();
        assert_eq!(told, expected, "pages of {max}");
        assert!(callee.iter().all(|call| call.is_callee && call.instance == pair.server.instance()));
        let told: Vec<_> = caller.iter().map(|call| (call.rpc, call.is_answered, call.is_callee)).collect();
        assert_eq!(told, [(2, false, false), (3, false, false), (5, false, false)], "pages of {max}");
        let of = |call: &OutstandingCall| (call.session, call.client, call.instance);
        assert!(caller.iter().all(|call| of(call) == of(&callee[0])));
    }
}

impl Pair {
    fn cancel_without_answer(&mut self, call: CallId) {
        assert!(self.taken().is_some());
        self.client.cancel(self.now, call);
        self.exchange(|header| header.kind == PacketType::Reply);
    }
}
