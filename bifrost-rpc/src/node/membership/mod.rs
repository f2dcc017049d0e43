//! A node's membership of a rack, as a pure state machine: packets and times in, packets out. `docs/gatekeeper.md` says what is
//! exchanged; keys, sockets and threads are the driver's.

mod request;
mod services;
#[cfg(test)]
mod tests;

use crate::control::ControlPacket;
use crate::endpoint::Time;
use crate::wire::MethodField;
use crate::wire::control::{
    Announce, ControlMessage, ControlRefusal, OutstandingCall, ReportLine, ServeState, Welcome,
};
use request::{Answer, Purpose, Request};
use services::Services;
use std::collections::VecDeque;
use std::time::Duration;

/// Bounds of the ceiling of retransmission time-outs.
const RETRANSMISSION_MAX: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));
/// The shortest and the longest interval of heartbeats that is believed.
const HEARTBEAT_MIN: Duration = Duration::from_millis(10);
const HEARTBEAT_MAX: Duration = Duration::from_secs(60);
/// Questions that wait for their answer at most; more are lost, and asked again.
const QUERIES_MAX: usize = 16;

/// Where a node stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MembershipState {
    /// It announces itself. If the control plane refused that for now, why.
    Announcing(Option<ControlRefusal>),
    /// It is a member.
    Joined,
    /// The control plane does not take it in.
    Refused(ControlRefusal),
    /// Its incarnation was ended by the control plane.
    Fenced,
    /// It has left.
    Left,
}

/// Asks which calls with leases are known after this one of the session; (0, 0): from the first on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query {
    /// What the answer repeats.
    pub number: u64,
    /// The session.
    pub session: u64,
    /// The RPC id.
    pub rpc: u64,
}

/// One life of a node in a rack.
#[derive(Debug)]
pub struct Membership {
    announce: Announce,
    state: MembershipState,
    /// The last number used for a request.
    number: u64,
    incarnation: u32,
    term: u64,
    servers: Vec<u8>,
    heartbeat: Duration,
    beat_at: Time,
    /// The newest heartbeat that was answered.
    alive: u64,
    services: Services,
    request: Option<Request>,
    queries: VecDeque<Query>,
    out: VecDeque<ControlPacket>,
}

impl Membership {
    /// Begins to announce a node. The nonce must be drawn at random, for this life.
    #[must_use]
    pub fn new(now: Time, announce: Announce) -> Self {
        let mut new = Self {
            announce: Announce { token: None, ..announce },
            state: MembershipState::Announcing(None),
            number: 0,
            incarnation: 0,
            term: 0,
            servers: Vec::new(),
            heartbeat: HEARTBEAT_MAX,
            beat_at: now,
            alive: 0,
            services: Services::default(),
            request: None,
            queries: VecDeque::new(),
            out: VecDeque::new(),
        };
        new.announce(now);
        new
    }

    /// Where the node stands.
    #[must_use]
    pub fn state(&self) -> MembershipState {
        self.state
    }

    /// The number of this life; 0 before there is one.
    #[must_use]
    pub fn incarnation(&self) -> u32 {
        self.incarnation
    }

    /// The control plane's term, as last heard.
    #[must_use]
    pub fn term(&self) -> u64 {
        self.term
    }

    /// The numbers of the rack's memory servers, as last heard.
    #[must_use]
    pub fn servers(&self) -> &[u8] {
        &self.servers
    }

    /// The ceiling of retransmission time-outs: half a heartbeat, so that who calls a node that has died asks again soon after the rack knows
    /// of the death, which takes several heartbeats, and is sent elsewhere. At least 100 ms, at most 1 s.
    #[must_use]
    pub fn retransmission_max(&self) -> Duration {
        (self.heartbeat / 2).clamp(RETRANSMISSION_MAX.0, RETRANSMISSION_MAX.1)
    }

    /// Serves a service by an instance from now on, or tells of it again.
    pub fn serve(&mut self, now: Time, instance: u32, service: &str, methods: Vec<(MethodField, u8)>) {
        self.services.open(instance, service, methods);
        self.ask_next(now);
    }

    /// No longer takes sessions of a service at an instance, or has ended it.
    pub fn serve_less(&mut self, now: Time, instance: u32, service: &str, state: ServeState) {
        self.services.change(instance, service, state);
        self.ask_next(now);
    }

    /// Whether the control plane has confirmed that a service is as this node wants it, or why it refused that.
    ///
    /// # Errors
    ///
    /// The refusal. The service is then not told of again.
    pub fn is_served(&self, instance: u32, service: &str) -> Result<bool, ControlRefusal> {
        self.services.is_settled(instance, service)
    }

    /// Whether [`Membership::report`] may be called: reports go one at a time.
    #[must_use]
    pub fn takes_report(&self) -> bool {
        self.state == MembershipState::Joined && self.request.is_none()
    }

    /// Reports these lines, at most [`REPORTS_MAX`](crate::wire::control::REPORTS_MAX), until they are confirmed.
    pub fn report(&mut self, now: Time, lines: Vec<ReportLine>) {
        debug_assert!(self.takes_report());
        self.ask(now, ControlMessage::Report(lines), Purpose::Report);
    }

    /// The next question about outstanding calls.
    pub fn poll_query(&mut self) -> Option<Query> {
        self.queries.pop_front()
    }

    /// Answers a question: calls in order, at most [`REPORTS_MAX`](crate::wire::control::REPORTS_MAX), and whether there are more.
    pub fn answer(&mut self, query: Query, calls: Vec<OutstandingCall>, more: bool) {
        self.send(query.number, ControlMessage::Outstanding { calls, more });
    }

    /// Leaves in good order. What was not said yet remains unsaid: the control plane ends all that the node had.
    pub fn leave(&mut self, now: Time) {
        match self.state {
            MembershipState::Announcing(_) => self.end(MembershipState::Left),
            MembershipState::Joined if !self.is_leaving() => {
                self.services = Services::default();
                self.ask(now, ControlMessage::Leave, Purpose::Leave);
            }
            _ => {}
        }
    }

    fn is_leaving(&self) -> bool {
        self.request.as_ref().is_some_and(|request| request.purpose == Purpose::Leave)
    }

    /// Takes a packet of the control plane in, one that opened under this node's key.
    pub fn handle(&mut self, now: Time, packet: &ControlPacket) {
        if packet.incarnation != self.incarnation {
            return;
        }
        match (self.state, &packet.message) {
            (MembershipState::Announcing(_), message) => self.on_announced(now, packet.number, message),
            (MembershipState::Joined, ControlMessage::Alive { term, servers }) => {
                self.on_alive(now, packet.number, *term, servers);
            }
            // Whoever leaves wants no other life: that this one is over is all that it asked for.
            (MembershipState::Joined, ControlMessage::Fenced) if self.is_leaving() => self.end(MembershipState::Left),
            (MembershipState::Joined, ControlMessage::Fenced) => self.end(MembershipState::Fenced),
            (MembershipState::Joined, ControlMessage::Query { session, rpc }) if self.queries.len() < QUERIES_MAX => {
                self.queries.push_back(Query { number: packet.number, session: *session, rpc: *rpc });
            }
            (MembershipState::Joined, ControlMessage::Confirmed) => self.on_answer(now, packet.number, Ok(())),
            (MembershipState::Joined, ControlMessage::Refused(why)) => self.on_answer(now, packet.number, Err(*why)),
            _ => {}
        }
    }

    fn on_announced(&mut self, now: Time, number: u64, message: &ControlMessage) {
        match message {
            // A new token for one that was not taken waits for its turn, lest two ends that disagree talk without end.
            ControlMessage::Challenge(token) if self.is_asked(number) => {
                let is_first = self.announce.token.replace(*token).is_none();
                if is_first {
                    self.announce(now);
                }
            }
            ControlMessage::Welcome(welcome) if welcome.nonce == self.announce.nonce && welcome.incarnation != 0 => {
                self.on_welcome(now, welcome);
            }
            ControlMessage::Refused(why) if self.is_asked(number) => match why {
                ControlRefusal::Taken | ControlRefusal::Full | ControlRefusal::NotReady => {
                    self.state = MembershipState::Announcing(Some(*why));
                }
                _ => self.end(MembershipState::Refused(*why)),
            },
            _ => {}
        }
    }

    fn on_welcome(&mut self, now: Time, welcome: &Welcome) {
        self.state = MembershipState::Joined;
        self.incarnation = welcome.incarnation;
        self.term = welcome.term;
        self.servers.clone_from(&welcome.servers);
        self.heartbeat = Duration::from_millis(welcome.heartbeat_ms.into()).clamp(HEARTBEAT_MIN, HEARTBEAT_MAX);
        self.beat_at = now.plus(self.heartbeat);
        self.request = None;
        self.ask_next(now);
    }

    fn on_alive(&mut self, now: Time, number: u64, term: u64, servers: &[u8]) {
        // What an older answer says is out of date.
        if number <= self.alive || number > self.number || term < self.term {
            return;
        }
        self.alive = number;
        self.servers = servers.to_vec();
        if term > self.term {
            self.term = term;
            self.on_successor(now);
        }
    }

    /// Another control plane has taken over. Its log may lack what the last one confirmed at its end, and it may have heard heartbeats
    /// with higher numbers before what is being asked.
    fn on_successor(&mut self, now: Time) {
        self.services.tell_anew(|_| true);
        match self.request.take() {
            Some(Request { message, purpose, .. }) if !matches!(purpose, Purpose::Serve(..)) => {
                self.ask(now, message, purpose);
            }
            _ => self.ask_next(now),
        }
    }

    fn is_asked(&self, number: u64) -> bool {
        self.request.as_ref().is_some_and(|request| request.number == number)
    }

    fn on_answer(&mut self, now: Time, number: u64, answer: Answer) {
        let Some(mut request) = self.request.take_if(|request| request.number == number) else { return };
        if answer == Err(ControlRefusal::NotReady) {
            // Its number is used up: the same answer would come again.
            request.number = self.draw_number();
            self.request = Some(request);
            return;
        }
        match request.purpose {
            Purpose::Announce | Purpose::Report => {}
            Purpose::Serve(instance, service, told) => self.services.on_answer(instance, &service, told, answer),
            Purpose::Leave => self.end(MembershipState::Left),
        }
        self.ask_next(now);
    }

    fn end(&mut self, state: MembershipState) {
        self.state = state;
        self.request = None;
        self.queries.clear();
    }

    fn announce(&mut self, now: Time) {
        self.ask(now, ControlMessage::Announce(self.announce.clone()), Purpose::Announce);
    }

    /// Tells of the next service, if nothing else is being asked.
    fn ask_next(&mut self, now: Time) {
        if self.state == MembershipState::Joined
            && self.request.is_none()
            && let Some((serve, methods)) = self.services.next()
        {
            let purpose = Purpose::Serve(serve.instance, serve.service.clone(), (methods, serve.state));
            self.ask(now, ControlMessage::Serve(serve), purpose);
        }
    }

    fn ask(&mut self, now: Time, message: ControlMessage, purpose: Purpose) {
        let number = self.draw_number();
        self.request = Some(Request::new(now, number, message.clone(), purpose));
        self.send(number, message);
    }

    fn draw_number(&mut self) -> u64 {
        self.number = next_number(self.number, self.term);
        self.number
    }

    fn send(&mut self, number: u64, message: ControlMessage) {
        self.out.push_back(ControlPacket { number, incarnation: self.incarnation, message });
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Time) {
        if self.state == MembershipState::Joined && now >= self.beat_at {
            let number = self.draw_number();
            self.send(number, ControlMessage::Heartbeat);
            self.beat_at = now.plus(self.heartbeat);
        }
        let Some(request) = self.request.as_mut().filter(|request| now >= request.due) else { return };
        if request.wants_number(self.announce.token) {
            if let Purpose::Serve(instance, service, _) = &request.purpose {
                // One of several messages would be taken for all of them.
                self.services.tell_anew(|key| (key.0, &key.1) == (*instance, service));
                self.request = None;
                return self.ask_next(now);
            }
            request.number = next_number(self.number, self.term);
            self.number = request.number;
        }
        request.repeat(now);
        let (number, message) = (request.number, request.message.clone());
        self.send(number, message);
    }

    /// When [`Membership::handle_timeout`] is to be called; `None` when there is nothing more to do.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        let beat = (self.state == MembershipState::Joined).then_some(self.beat_at);
        self.request.as_ref().map(|request| request.due).into_iter().chain(beat).min()
    }

    /// Whether an answer is waited for.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.request.is_some()
    }

    /// The next packet for the control plane.
    pub fn poll_transmit(&mut self) -> Option<ControlPacket> {
        self.out.pop_front()
    }
}

/// A number above the last one, whose upper half says in which term it is used: a control plane that has just taken over knows by it what
/// was meant for the one before.
fn next_number(last: u64, term: u64) -> u64 {
    last.max((term & u64::from(u32::MAX)) << 32).saturating_add(1)
}
