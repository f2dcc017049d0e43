//! A control plane stands between the ends: it holds calls, refuses them, and answers for a callee that is dead.

use super::reports::{leasing, reporting};
use super::*;
use crate::control::SessionControlSeal;
use crate::wire::RefusedBody;
use crate::wire::control::ReportKind;

/// What the ends of a sealed session have.
pub(super) fn keyed(config: Config) -> Config {
    Config { key: Some(Key::from_bytes([7; 32])), control_key: Some(Key::from_bytes([8; 32])), ..config }
}

/// The end of a link at which packets are held.
pub(super) struct Gate {
    pub(super) pair: Pair,
    /// The first fragment of each leased call that came by, newest last.
    pub(super) held: Vec<(Header, Vec<u8>)>,
    /// Where sessions are sealed: what its own packets are sealed with.
    pub(super) seal: Option<SessionControlSeal>,
    pub(super) said: u64,
}

impl Gate {
    fn new() -> Self {
        let short = Config { peer_timeout: Duration::from_secs(2), ..reporting() };
        Self { pair: Pair::new(short.clone(), short), held: Vec::new(), seal: None, said: 1 << 32 }
    }

    pub(super) fn sealed() -> Self {
        let short = keyed(Config { peer_timeout: Duration::from_secs(2), ..reporting() });
        let seal = short.control_key.as_ref().map(SessionControlSeal::new);
        Self { pair: Pair::new(short.clone(), short), held: Vec::new(), seal, said: 1 << 32 }
    }

    fn both() -> [Self; 2] {
        [Self::new(), Self::sealed()]
    }

    /// Moves all datagrams, but keeps the first fragments of leased calls.
    pub(super) fn exchange(&mut self) {
        self.exchange_but(|_| false);
    }

    fn exchange_but(&mut self, mut lose: impl FnMut(&Header) -> bool) {
        let held = &mut self.held;
        let mut out = Datagrams::new();
        loop {
            let mut quiet = true;
            let pair = &mut self.pair;
            while let Some(transmit) = pair.client.poll_transmit(pair.now, 64, &mut out) {
                quiet = false;
                for datagram in out.to_vec().chunks_mut(transmit.segment_bytes) {
                    let header = Header::parse(datagram).unwrap();
                    let is_call = matches!(header.kind, PacketType::Call | PacketType::Oneway);
                    if is_call && header.flags.has(Flags::LEASED) && header.offset == 0 {
                        held.push((header, datagram.to_vec()));
                    } else if !lose(&header) {
                        pair.server.handle(pair.now, CLIENT.parse().unwrap(), datagram);
                    }
                }
            }
            while let Some(transmit) = pair.server.poll_transmit(pair.now, 64, &mut out) {
                quiet = false;
                for datagram in out.to_vec().chunks_mut(transmit.segment_bytes) {
                    if !lose(&Header::parse(datagram).unwrap()) {
                        pair.client.handle(pair.now, SERVER.parse().unwrap(), datagram);
                    }
                }
            }
            if quiet {
                return;
            }
        }
    }

    pub(super) fn last(&self) -> Header {
        self.held.last().unwrap().0
    }

    /// Answers the client in the server's name.
    fn say(&mut self, of: &Header, kind: PacketType, refusal: Option<Refusal>) {
        let body = refusal.map(|refusal| RefusedBody { refusal, packet: of.packet }.to_bytes()).unwrap_or_default();
        let mut header = Header::new(kind);
        (header.client, header.session, header.rpc, header.instance) = (of.client, of.session, of.rpc, of.instance);
        header.method = of.method;
        let mut datagram = self.packet(header, &body);
        self.hear(&mut datagram);
    }

    /// A packet of the control plane's own.
    pub(super) fn packet(&mut self, mut header: Header, body: &[u8]) -> Vec<u8> {
        self.said += 1;
        if let Some(seal) = &self.seal {
            let nonce = std::array::from_fn(|at| self.said.to_be_bytes()[at % 8]);
            return seal.to_datagram(header, body, self.said, nonce).unwrap();
        }
        header.body_len = u16::try_from(body.len()).unwrap();
        [&header.to_bytes()[..], body].concat()
    }

    pub(super) fn hear(&mut self, datagram: &mut [u8]) {
        self.pair.client.handle(self.pair.now, SERVER.parse().unwrap(), datagram);
    }

    pub(super) fn hold(&mut self) {
        let of = self.last();
        self.say(&of, PacketType::Held, None);
    }

    pub(super) fn refuse(&mut self, of: &Header, refusal: Refusal) {
        self.say(of, PacketType::Refused, Some(refusal));
    }

    /// The newest copy goes on.
    pub(super) fn release(&mut self) {
        let (_, mut datagram) = self.held.pop().unwrap();
        self.pair.server.handle(self.pair.now, CLIENT.parse().unwrap(), &mut datagram);
    }

    fn reports(&mut self) -> Vec<ReportKind> {
        std::iter::from_fn(|| self.pair.client.poll_report()).map(|line| line.kind).collect()
    }

    /// A successor takes the server's place, at the same address.
    fn replace_server(&mut self) {
        let config = if self.seal.is_some() { keyed(reporting()) } else { reporting() };
        self.pair.server = Endpoint::new(Config { instance: 77, ..config }, [3; 32]);
        self.pair.server.serve(method(), 7).unwrap();
    }
}

#[test]
fn a_held_call_is_asked_after_slowly_and_runs_once_when_it_is_released() {
    for (len, mut gate) in [10, 5000].into_iter().flat_map(|len| Gate::both().map(|gate| (len, gate))) {
        gate.pair.lease(false, len);
        gate.exchange();
        gate.hold();
        for round in 0..25 {
            let before = gate.held.len();
            gate.pair.pass(Duration::from_millis(199));
            gate.exchange();
            assert_eq!(gate.held.len(), before, "nothing is sent while it is held");
            gate.pair.pass(Duration::from_millis(1));
            gate.exchange();
            // The server says that the call, or some of it, is not there.
            assert_eq!(gate.held.len(), before + 1, "{len} bytes, round {round}");
            gate.hold();
        }
        gate.release();
        gate.exchange();
        assert_eq!(gate.pair.serve(), 1, "{len} bytes");
        gate.exchange();
        assert!(matches!(gate.pair.answer(), Some(Ok(_))));
        assert_eq!(gate.pair.serve(), 0);
    }
}

#[test]
fn a_held_call_whose_callee_is_dead_waits_for_whoever_holds_it() {
    let mut gate = Gate::new();
    gate.pair.lease(false, 10);
    gate.exchange();
    gate.hold();
    for _ in 0..50 {
        gate.pair.pass(Duration::from_millis(200));
        gate.exchange_but(|_| true);
        gate.hold();
        assert_eq!(gate.pair.answer(), None);
    }
    // Nobody says anything any more.
    for _ in 0..15 {
        gate.pair.pass(Duration::from_millis(200));
        gate.exchange_but(|_| true);
    }
    assert_eq!(gate.pair.answer(), Some(Err(CallError::OutcomeUnknown(Lost::Silence))));
    assert_eq!(gate.reports(), [ReportKind::Abandoned]);
}

#[test]
fn a_held_call_goes_on_by_itself_when_the_holder_falls_silent() {
    let mut gate = Gate::new();
    gate.pair.lease(false, 10);
    gate.exchange();
    gate.hold();
    let before = gate.held.len();
    for _ in 0..8 {
        gate.pair.pass(Duration::from_millis(200));
        gate.exchange_but(|header| header.kind == PacketType::Ack);
    }
    assert!(gate.held.len() > before, "three probes went unanswered");
}

#[test]
fn who_may_not_pass_a_pointer_is_told_so() {
    Gate::both().into_iter().for_each(is_told);
}

fn is_told(mut gate: Gate) {
    gate.pair.lease(false, 10);
    gate.exchange();
    let other = gate.pair.call(b"other");
    gate.exchange();
    let of = gate.last();
    gate.refuse(&of, Refusal::NoRight);
    let error = CallError::Refused(Refusal::NoRight);
    assert!(!error.may_have_run() && error.to_string().contains("may not pass"), "{error}");
    assert_eq!(gate.pair.answer(), Some(Err(error)));
    assert_eq!(gate.pair.serve(), 1, "only the other one");
    gate.exchange();
    assert_eq!(gate.pair.answer(), reply(b"other"), "{other:?}");
    assert_eq!(gate.reports(), [], "it never ran");
}

#[test]
fn a_call_that_was_never_released_is_issued_to_whoever_answers_at_the_address_now() {
    for (oneway, mut gate) in [false, true].into_iter().flat_map(|oneway| Gate::both().map(|gate| (oneway, gate))) {
        gate.pair.lease(oneway, 5000);
        gate.exchange();
        gate.hold();
        let of = gate.last();
        gate.replace_server();
        gate.refuse(&of, Refusal::NeverReleased);
        gate.refuse(&of, Refusal::NeverReleased);
        gate.exchange();
        let again = gate.last();
        assert!(again.session != of.session && again.rpc > of.rpc && again.instance == 77);
        gate.release();
        gate.exchange();
        assert_eq!(gate.pair.serve(), 1);
        gate.exchange();
        assert!(matches!(gate.pair.answer(), Some(Ok(_))));
        assert_eq!((gate.pair.answer(), gate.pair.serve()), (None, 0));
        assert!(!gate.reports().contains(&ReportKind::Abandoned));
    }
}

#[test]
fn a_held_call_past_its_deadline_ends_and_is_cancelled() {
    for told_first in [true, false] {
        let mut gate = Gate::new();
        let request = Request { deadline: Some(Duration::from_secs(1)), ..leasing(false, message(b"x")) };
        gate.pair.client.call(gate.pair.now, SERVER.parse().unwrap(), request).unwrap();
        gate.exchange();
        let of = gate.last();
        for _ in 0..4 {
            gate.hold();
            gate.pair.pass(Duration::from_millis(240));
        }
        if told_first {
            gate.refuse(&of, Refusal::NeverReleased);
        }
        let mut cancelled = Vec::new();
        gate.pair.pass(Duration::from_millis(50));
        gate.exchange_but(|header| {
            cancelled
                .extend((header.kind == PacketType::Cancel).then_some((header.rpc, header.flags.has(Flags::LEASED))));
            false
        });
        let Some(Err(CallError::Deadline { may_have_run, .. })) = gate.pair.answer() else { panic!("no deadline") };
        assert_eq!(may_have_run, !told_first);
        let (cancels, reports) =
            if told_first { (vec![], vec![]) } else { (vec![(of.rpc, true)], vec![ReportKind::Abandoned]) };
        assert_eq!((cancelled, gate.reports()), (cancels, reports));
        // A copy that is released too late does not run.
        if !told_first {
            gate.release();
            assert_eq!(gate.pair.serve(), 0);
        }
    }
}

#[test]
fn a_held_call_that_is_cancelled_does_not_run_when_it_is_released_too_late() {
    let mut gate = Gate::new();
    let call = gate.pair.lease(false, 10);
    gate.exchange();
    gate.hold();
    gate.pair.client.cancel(gate.pair.now, call);
    gate.exchange();
    assert_eq!(gate.pair.answer(), Some(Err(CallError::Cancelled { may_have_run: true })));
    gate.release();
    assert_eq!(gate.pair.serve(), 0);
    assert_eq!(gate.reports(), [ReportKind::Abandoned]);
}

#[test]
fn the_end_of_an_instance_ends_all_calls_of_its_sessions() {
    Gate::both().into_iter().for_each(all_calls_end);
}

fn all_calls_end(mut gate: Gate) {
    gate.pair.lease(false, 10);
    gate.exchange();
    let idempotent = Request { idempotent: true, ..leasing(false, message(b"idempotent")) };
    gate.pair.client.call(gate.pair.now, SERVER.parse().unwrap(), idempotent).unwrap();
    gate.pair.call(b"plain");
    gate.exchange();
    let of = gate.last();
    gate.replace_server();
    gate.refuse(&of, Refusal::UnknownSession);
    gate.exchange();
    let lost = Some(Err(CallError::OutcomeUnknown(Lost::Session)));
    assert_eq!((gate.pair.answer(), gate.pair.answer(), gate.pair.answer()), (lost.clone(), lost, None));
    // Any of the three takes references in its answer.
    assert_eq!(gate.reports(), [ReportKind::Abandoned; 3]);
    assert_eq!(gate.last().instance, 77);
    gate.release();
    assert_eq!(gate.pair.serve(), 1);
    gate.exchange();
    assert!(matches!(gate.pair.answer(), Some(Ok(_))));
}

#[test]
fn what_was_held_runs_elsewhere_though_the_session_is_lost_right_after() {
    let mut gate = Gate::new();
    gate.pair.lease(false, 10);
    gate.exchange();
    let held = gate.last();
    gate.pair.lease(false, 10);
    gate.exchange();
    let released = gate.last();
    gate.replace_server();
    gate.refuse(&held, Refusal::NeverReleased);
    gate.refuse(&released, Refusal::UnknownSession);
    gate.exchange();
    assert_eq!(gate.pair.answer(), Some(Err(CallError::OutcomeUnknown(Lost::Session))));
    gate.release();
    assert_eq!(gate.pair.serve(), 1);
    gate.exchange();
    assert!(matches!(gate.pair.answer(), Some(Ok(_))));
}
