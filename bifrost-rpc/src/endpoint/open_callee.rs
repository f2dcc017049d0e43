//! Opening sessions, as callee: address-validation tokens, sessions made and answered for.

use super::callee::CalleeSession;
use super::checks::Check;
use super::config::Key;
use super::link::{DATAGRAM_BYTES_MIN, Link};
use super::memory::{MEMORY_SERVICE, is_memory};
use super::open::put_root;
use super::seal::{OpenSeal, SessionSeal, keyed_hash};
use super::time::Time;
use super::{Endpoint, SessionRef};
use crate::wire::{Flags, Header, OpenBody, OpenedBody, PacketType, Pointer, Refusal};
use std::net::SocketAddr;
use std::sync::Arc;

/// Age of an address-validation token in seconds after which it may be refused; it is accepted for up to twice that.
const TOKEN_SECONDS: u64 = 600;
const TOKEN_MAC_BYTES: usize = 16;

impl Endpoint {
    /// A client asks for a session.
    pub(super) fn on_open(&mut self, now: Time, from: SocketAddr, header: &Header, raw: &[u8], body: &[u8]) {
        let Some(body) = self.open_body(header, raw, body, self.seal_of(from, header.incarnation).as_deref()) else {
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
        link.local = self.called;
        link.peer_incarnation = header.incarnation;
        link.window.grant(usize::from(header.credits) * crate::wire::CREDIT_BYTES);
        let offered = usize::try_from(open.datagram_bytes).unwrap_or(usize::MAX);
        link.datagram_bytes = link.datagram_bytes.min(offered).max(DATAGRAM_BYTES_MIN);
        let random = self.random();
        if let Some(key) = self.key_of(from, header.incarnation) {
            link.seal = Some(SessionSeal::new(&key, &open.random, &random, false));
        }
        let session = link.session;
        let index = self.callees.insert(CalleeSession::new(link, header.rpc, service, random));
        self.callee_by_session.insert(session, index);
        self.callee_by_nonce.insert((header.client, header.rpc), index);
        self.arm(now, SessionRef::Callee(index));
        index
    }

    pub(super) fn send_opened(&mut self, now: Time, index: usize, open: &OpenBody) {
        let nonce = self.random();
        let Some(session) = self.callees.get(index) else {
            return;
        };
        let (peer, client) = (session.link.peer, session.link.client);
        let seal = self.seal_of(peer, session.link.peer_incarnation);
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
        let spans = self.spans_objects && session.link.root.is_some();
        header.flags = Flags::FIRST.and(understands, Flags::REFERENCES).and(spans, Flags::BATCH);
        put_root(&mut header, session.link.root);
        header.client = client;
        header.rpc = session.nonce;
        header.session = session.link.session;
        header.instance = self.config.instance;
        header.incarnation = self.config.incarnation;
        self.send_open_sealed(peer, header, &body.to_bytes(), nonce, seal);
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
        let seal = self.seal_of(from, header.incarnation);
        self.send_open_sealed(from, answer, &body.to_bytes(), nonce, seal);
    }

    /// The key that a caller has.
    fn key_of(&self, caller: SocketAddr, incarnation: u32) -> Option<Key> {
        let key = self.config.key.as_ref()?;
        Some(if self.config.keys_are_of_lives { key.of_life(caller.ip(), incarnation) } else { key.clone() })
    }

    /// What a caller's OPEN and the answers to it are sealed with.
    fn seal_of(&self, caller: SocketAddr, incarnation: u32) -> Option<Arc<OpenSeal>> {
        if !self.config.keys_are_of_lives {
            return self.open_seal.clone();
        }
        self.key_of(caller, incarnation).map(|key| Arc::new(OpenSeal::new(&key)))
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
}
