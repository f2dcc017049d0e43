//! Opening sessions: OPEN and its answers, address-validation tokens, what happens when a session is lost.

use super::callee::CalleeSession;
use super::caller::{Call, CallerSession, Phase};
use super::checks::Check;
use super::error::{CallError, Lost};
use super::link::{DATAGRAM_BYTES_MIN, Link};
use super::memory::{MEMORY_SERVICE, is_memory};
use super::seal::{OPEN_NONCE_BYTES, SessionSeal, keyed_hash};
use super::time::Time;
use super::{Endpoint, Event, LOOSE_MAX, SessionRef};
use crate::wire::{Flags, Header, MethodField, OpenBody, OpenedBody, PacketType, Pointer, Refusal};
use std::net::SocketAddr;
use std::time::Duration;

/// Age of an address-validation token in seconds after which it may be refused; it is accepted for up to twice that.
const TOKEN_SECONDS: u64 = 600;
const TOKEN_MAC_BYTES: usize = 16;
/// Tokens kept at most.
const TOKENS_MAX: usize = 1024;

impl Endpoint {
    /// The session for calls to a service at an address, opened if there is none.
    /// That with a memory server has a `root`, the server's own pointer.
    pub(super) fn session_for(
        &mut self,
        now: Time,
        peer: SocketAddr,
        service: u64,
        method: MethodField,
        root: Option<Pointer>,
    ) -> usize {
        if let Some(index) = self.caller_by_target.get(&(peer, service)) {
            return *index;
        }
        let link = Link::new(&self.config, true, peer, self.client, now);
        let mut session = CallerSession::new(&self.config, link, service, method, now);
        session.link.root = root;
        if root.is_some() {
            session.previous = self.abandoned.remove(&peer).unwrap_or(0);
        }
        session.nonce = self.random_u64();
        session.random = self.random();
        let nonce = session.nonce;
        let index = self.callers.insert(session);
        self.caller_by_target.insert((peer, service), index);
        self.caller_by_nonce.insert(nonce, index);
        self.send_open(now, index);
        index
    }

    /// Sends OPEN, or sends it again.
    pub(super) fn send_open(&mut self, now: Time, index: usize) {
        let nonce: [u8; 32] = self.random();
        let Some(session) = self.callers.get_mut(index) else {
            return;
        };
        let body = OpenBody {
            previous: session.previous,
            random: session.random,
            datagram_bytes: u32::from(self.config.datagram_bytes),
            message_bytes_max: self.config.arriving_bytes_max(session.link.root.is_some()),
            token: self.tokens.get(&session.link.peer).cloned().unwrap_or_default(),
        };
        session.token.clone_from(&body.token);
        let mut header = Header::new(PacketType::Open);
        header.flags = Flags::FIRST.with(Flags::TO_CALLEE).and(self.config.references, Flags::REFERENCES);
        header.method = session.first_method;
        put_root(&mut header, session.link.root);
        header.client = self.client;
        header.rpc = session.nonce;
        header.packet = u64::from(session.handshake_attempts);
        header.incarnation = self.config.incarnation;
        session.handshake_attempts += 1;
        session.handshake_sent = now;
        session.handshake_timer = now.plus(session.link.rtt.timeout(session.handshake_attempts - 1));
        session.link.owes(now);
        let peer = session.link.peer;
        self.send_open_sealed(peer, header, &body.to_bytes(), nonce);
        self.arm(now, SessionRef::Caller(index));
    }

    /// Queues OPEN or OPENED, sealed if there is a key.
    fn send_open_sealed(&mut self, to: SocketAddr, mut header: Header, body: &[u8], random: [u8; 32]) {
        if self.loose.len() >= LOOSE_MAX {
            return;
        }
        header.credits =
            u16::try_from(self.config.receive_buffer_bytes / crate::wire::CREDIT_BYTES).unwrap_or(u16::MAX);
        let sealed_bytes = OPEN_NONCE_BYTES + body.len() + super::seal::TAG_BYTES;
        let sealed;
        let body = match &self.open_seal {
            Some(seal) => {
                header.flags = header.flags.with(Flags::SEALED);
                header.body_len = u16::try_from(sealed_bytes).unwrap_or(u16::MAX);
                let nonce = random.first_chunk::<OPEN_NONCE_BYTES>().copied().unwrap_or_default();
                let Some(body) = seal.seal(nonce, &header.to_bytes(), body) else {
                    return;
                };
                sealed = body;
                &sealed[..]
            }
            None => {
                header.body_len = u16::try_from(body.len()).unwrap_or(u16::MAX);
                body
            }
        };
        let mut datagram = header.to_bytes().to_vec();
        datagram.extend_from_slice(body);
        self.loose.push_back((to, datagram));
    }

    /// The plain body of an OPEN or OPENED; `None` if keys differ.
    fn open_body(&self, header: &Header, raw: &[u8], body: &[u8]) -> Option<Vec<u8>> {
        let is_sealed = header.flags.has(Flags::SEALED);
        match &self.open_seal {
            Some(seal) if is_sealed => seal.open(raw, body),
            Some(_) => (!self.config.makes(Check::Authentication)).then(|| body.to_vec()),
            None if is_sealed => None,
            None => Some(body.to_vec()),
        }
    }

    /// A client asks for a session.
    pub(super) fn on_open(&mut self, now: Time, from: SocketAddr, header: &Header, raw: &[u8], body: &[u8]) {
        let Some(body) = self.open_body(header, raw, body) else {
            self.stats.unauthentic += 1;
            return self.refuse(now, from, header, Refusal::WrongKey);
        };
        let Ok(open) = OpenBody::parse(&body) else {
            self.stats.malformed += 1;
            return;
        };
        if let Some(index) = self.callee_by_nonce.get(&(header.client, header.rpc)).copied()
            && self.config.makes(Check::OpenNonce)
            && self.callees.get(index).is_some_and(|session| session.link.peer == from)
        {
            return self.send_opened(now, index, &open);
        }
        if !self.is_token(now, from, header.client, &open.token) && self.config.makes(Check::AddressToken) {
            return self.send_token(now, from, header);
        }
        let service = if is_memory(header) {
            self.serves_memory.then_some(MEMORY_SERVICE)
        } else {
            self.methods.get(&header.method).copied()
        };
        let Some(service) = service else {
            return self.refuse(now, from, header, Refusal::UnknownMethod);
        };
        if self.is_draining {
            return self.refuse(now, from, header, Refusal::Draining);
        }
        if self.callees.len() >= self.config.sessions_max {
            return self.refuse(now, from, header, Refusal::TooManySessions);
        }
        if service == MEMORY_SERVICE {
            self.end_previous(header.client, open.previous);
        }
        let index = self.make_callee(now, from, header, service, &open);
        self.send_opened(now, index, &open);
    }

    /// The client has given an earlier session up: of what it asked there nothing is done any more, so that it cannot come
    /// after what it asks now.
    fn end_previous(&mut self, client: u64, previous: u64) {
        if let Some(index) = self.callee_by_session.get(&previous).copied()
            && self.callees.get(index).is_some_and(|session| session.link.client == client)
        {
            self.drop_callee(index);
        }
    }

    fn make_callee(&mut self, now: Time, from: SocketAddr, header: &Header, service: u32, open: &OpenBody) -> usize {
        let mut link = Link::new(&self.config, false, from, header.client, now);
        link.session = self.random_u64();
        link.root = (service == MEMORY_SERVICE).then(|| Pointer::from_bytes(header.pointer).root());
        link.instance = self.config.instance;
        link.window.grant(usize::from(header.credits) * crate::wire::CREDIT_BYTES);
        let offered = usize::try_from(open.datagram_bytes).unwrap_or(usize::MAX);
        link.datagram_bytes = link.datagram_bytes.min(offered).max(DATAGRAM_BYTES_MIN);
        let random = self.random();
        if let Some(key) = &self.config.key {
            link.seal = Some(SessionSeal::new(key, &open.random, &random, false));
        }
        let session = link.session;
        let index = self.callees.insert(CalleeSession::new(link, header.rpc, service, random));
        self.callee_by_session.insert(session, index);
        self.callee_by_nonce.insert((header.client, header.rpc), index);
        self.arm(now, SessionRef::Callee(index));
        index
    }

    fn send_opened(&mut self, now: Time, index: usize, open: &OpenBody) {
        let nonce = self.random();
        let Some(session) = self.callees.get(index) else {
            return;
        };
        let (peer, client) = (session.link.peer, session.link.client);
        let body = OpenedBody {
            epoch: self.epoch,
            random: session.random,
            lease_ms: u32::try_from(self.config.lease.as_millis()).unwrap_or(u32::MAX),
            calls_max: self.config.calls_max,
            datagram_bytes: u32::try_from(session.link.datagram_bytes).unwrap_or(u32::MAX),
            message_bytes_max: self.config.arriving_bytes_max(session.link.root.is_some()),
            previous_known: open.previous != 0 && self.callee_by_session.contains_key(&open.previous),
            token: self.token(now, peer, client),
        };
        let mut header = Header::new(PacketType::Opened);
        let understands = self.config.references && !self.by_value.contains(&session.service);
        header.flags = Flags::FIRST.and(understands, Flags::REFERENCES);
        put_root(&mut header, session.link.root);
        header.client = client;
        header.rpc = session.nonce;
        header.session = session.link.session;
        header.instance = self.config.instance;
        header.incarnation = self.config.incarnation;
        self.send_open_sealed(peer, header, &body.to_bytes(), nonce);
    }

    /// Answers an OPEN without a valid token with a token, and forgets it.
    fn send_token(&mut self, now: Time, from: SocketAddr, header: &Header) {
        let nonce = self.random();
        let body = OpenedBody {
            epoch: self.epoch,
            random: [0; 32],
            lease_ms: 0,
            calls_max: 0,
            datagram_bytes: 0,
            message_bytes_max: 0,
            previous_known: false,
            token: self.token(now, from, header.client),
        };
        let mut answer = Header::new(PacketType::Opened);
        answer.flags = Flags::FIRST;
        put_root(&mut answer, is_memory(header).then(|| Pointer::from_bytes(header.pointer)));
        answer.client = header.client;
        answer.rpc = header.rpc;
        answer.instance = self.config.instance;
        answer.incarnation = self.config.incarnation;
        self.send_open_sealed(from, answer, &body.to_bytes(), nonce);
    }

    /// A token: the period it was made in, and a keyed hash of that, the address and the client.
    fn token(&self, now: Time, peer: SocketAddr, client: u64) -> Vec<u8> {
        self.token_of(now.as_nanos() / 1_000_000_000 / TOKEN_SECONDS, peer, client)
    }

    fn token_of(&self, period: u64, peer: SocketAddr, client: u64) -> Vec<u8> {
        let mut input = period.to_be_bytes().to_vec();
        match peer.ip() {
            std::net::IpAddr::V4(ip) => input.extend_from_slice(&ip.octets()),
            std::net::IpAddr::V6(ip) => input.extend_from_slice(&ip.octets()),
        }
        input.extend_from_slice(&peer.port().to_be_bytes());
        input.extend_from_slice(&client.to_be_bytes());
        let mac = keyed_hash(&self.seed, &input);
        [&period.to_be_bytes()[..], &mac[..TOKEN_MAC_BYTES]].concat()
    }

    fn is_token(&self, now: Time, peer: SocketAddr, client: u64, token: &[u8]) -> bool {
        let Some(period) = token.first_chunk().copied().map(u64::from_be_bytes) else {
            return false;
        };
        let current = now.as_nanos() / 1_000_000_000 / TOKEN_SECONDS;
        (period == current || period.checked_add(1) == Some(current)) && self.token_of(period, peer, client) == token
    }

    /// A server answers OPEN.
    pub(super) fn on_opened(&mut self, now: Time, from: SocketAddr, header: &Header, raw: &[u8], body: &[u8]) {
        let Some(index) = self.caller_by_nonce.get(&header.rpc).copied() else {
            // An answer to an OPEN that was answered before: if it made another session, that one is not needed.
            if header.session != 0 && !self.caller_by_session.contains_key(&header.session) && self.open_seal.is_none()
            {
                self.close_unwanted(from, header);
            }
            return;
        };
        if header.client != self.client || self.callers.get(index).is_none_or(|session| session.link.peer != from) {
            self.stats.strays += 1;
            return;
        }
        let Some(body) = self.open_body(header, raw, body) else {
            self.stats.unauthentic += 1;
            return;
        };
        let Ok(opened) = OpenedBody::parse(&body) else {
            self.stats.malformed += 1;
            return;
        };
        if self.tokens.len() >= TOKENS_MAX {
            self.tokens.clear();
        }
        self.tokens.insert(from, opened.token.clone());
        if header.session == 0 {
            if let Some(session) = self.callers.get_mut(index)
                && session.token != opened.token
            {
                session.link.owed_since = None;
                self.send_open(now, index);
            }
            return;
        }
        if self.caller_by_session.contains_key(&header.session) {
            // Another server's session has that number, which is 64 random bits: somebody made it up.
            self.stats.strays += 1;
            return;
        }
        self.caller_by_nonce.remove(&header.rpc);
        self.adopt(now, index, header, &opened);
    }

    /// Takes the session that the server made.
    fn adopt(&mut self, now: Time, index: usize, header: &Header, opened: &OpenedBody) {
        let Some(session) = self.callers.get_mut(index) else {
            return;
        };
        session.link.session = header.session;
        session.link.instance = header.instance;
        session.link.peer_references = header.flags.has(Flags::REFERENCES);
        session.link.is_heard(now);
        session.believe();
        session.link.window.grant(usize::from(header.credits) * crate::wire::CREDIT_BYTES);
        let offered = usize::try_from(opened.datagram_bytes).unwrap_or(usize::MAX);
        session.link.datagram_bytes = session.link.datagram_bytes.min(offered).max(DATAGRAM_BYTES_MIN);
        if let Some(key) = &self.config.key {
            session.link.seal = Some(SessionSeal::new(key, &session.random, &opened.random, true));
        }
        session.link.rtt.sample(now.since(session.handshake_sent));
        session.epoch = opened.epoch;
        session.lease = Duration::from_millis(u64::from(opened.lease_ms));
        session.calls_max = usize::try_from(opened.calls_max).unwrap_or(usize::MAX).max(1);
        session.peer_message_max = opened.message_bytes_max;
        session.phase = Phase::Open;
        self.caller_by_session.insert(header.session, index);
        self.advance_caller(now, index);
    }

    fn close_unwanted(&mut self, to: SocketAddr, opened: &Header) {
        if self.loose.len() >= LOOSE_MAX {
            return;
        }
        let mut header = Header::new(PacketType::Close);
        header.flags = Flags::TO_CALLEE;
        put_root(&mut header, is_memory(opened).then(|| Pointer::from_bytes(opened.pointer)));
        header.client = self.client;
        header.session = opened.session;
        header.instance = opened.instance;
        header.incarnation = self.config.incarnation;
        self.loose.push_back((to, header.to_bytes().to_vec()));
    }

    /// Lets waiting calls into an open session that was heard lately; asks after one that was not.
    pub(super) fn advance_caller(&mut self, now: Time, index: usize) {
        let Some(session) = self.callers.get_mut(index) else {
            return;
        };
        if session.phase == Phase::Open
            && session.calls.is_empty()
            && !session.waiting.is_empty()
            && session.is_stale(now)
            && self.config.makes(Check::LeaseConfirmed)
        {
            session.phase = Phase::Confirming;
            session.handshake_attempts = 0;
            session.handshake_since = now;
            self.send_confirmation(now, index);
            return;
        }
        for (call, result) in session.admit(&mut self.next_rpc) {
            let result = result.map_err(|error| call.end_error(error));
            self.events.push_back(Event::Answer { call: call.id, result });
        }
        self.touch(now, SessionRef::Caller(index));
    }

    fn send_confirmation(&mut self, now: Time, index: usize) {
        let Some(session) = self.callers.get_mut(index) else {
            return;
        };
        let echo = session.handshake_since.as_nanos().to_be_bytes();
        session.link.note(PacketType::Ping, 0, Flags::default(), echo.to_vec());
        session.link.owes(now);
        session.handshake_timer = now.plus(session.link.rtt.timeout(session.handshake_attempts));
        session.handshake_attempts += 1;
        self.touch(now, SessionRef::Caller(index));
    }

    /// OPEN or the confirming PING was not answered in time.
    pub(super) fn handshake_timeout(&mut self, now: Time, index: usize) {
        let Some(session) = self.callers.get(index) else {
            return;
        };
        match session.phase {
            Phase::Opening => {
                self.stats.timeouts += 1;
                self.send_open(now, index);
            }
            Phase::Confirming => {
                self.stats.timeouts += 1;
                self.send_confirmation(now, index);
            }
            Phase::Open => {}
        }
    }

    /// A call ends without an answer.
    pub(super) fn fail(&mut self, call: &Call, error: CallError) {
        self.events.push_back(Event::Answer { call: call.id, result: Err(call.end_error(error)) });
    }

    /// Forgets a session, and gives its calls to `each`.
    #[expect(clippy::vec_box, reason = "a call is large, and moves between tables")]
    pub(super) fn drop_caller(&mut self, index: usize) -> Vec<Box<Call>> {
        if !self.callers.contains(index) {
            return Vec::new();
        }
        let mut session = self.callers.remove(index);
        self.caller_by_nonce.remove(&session.nonce);
        if session.link.session != 0 {
            self.caller_by_session.remove(&session.link.session);
        }
        let target = (session.link.peer, session.service);
        if self.caller_by_target.get(&target) == Some(&index) {
            self.caller_by_target.remove(&target);
        }
        self.bytes = self.bytes.saturating_sub(session.bytes);
        if session.link.root.is_some() {
            // One that never came to be has not ended the one before it either.
            let last = if session.link.session == 0 { session.previous } else { session.link.session };
            self.abandon_memory(session.link.peer, last);
        }
        session.drain_calls()
    }

    /// The server does not know the session any more. Calls that were sent have an unknown outcome, except where they
    /// may be issued again; the others go to a new session.
    pub(super) fn lose_caller(&mut self, now: Time, index: usize) {
        let Some(session) = self.callers.get(index) else {
            return;
        };
        let (peer, service, method, lost) =
            (session.link.peer, session.service, session.first_method, session.link.session);
        let root = session.link.root;
        let calls = self.drop_caller(index);
        let mut moved = Vec::new();
        for call in calls {
            if !call.out.transmitted || call.idempotent || !self.config.makes(Check::OutcomeUnknown) {
                let mut call = call.reset();
                call.lost_before = call.out.transmitted;
                moved.push(call);
            } else {
                self.fail(&call, CallError::OutcomeUnknown(Lost::Session));
            }
        }
        if let Some(first) = moved.first() {
            let method = if method == MethodField::NONE { first.method } else { method };
            let index = self.session_for(now, peer, service, method, root);
            if let Some(session) = self.callers.get_mut(index) {
                session.previous = lost;
                session.waiting.extend(moved);
            }
            self.advance_caller(now, index);
        }
    }
}

/// Packets of a memory session that belong to no operation carry the server's own pointer.
fn put_root(header: &mut Header, root: Option<Pointer>) {
    if let Some(root) = root {
        header.pointers = 1;
        header.pointer = root.to_bytes();
    }
}
