//! Opening sessions, as caller: OPEN and what its answer brings.

use super::caller::{CallerSession, Phase};
use super::checks::Check;
use super::link::{DATAGRAM_BYTES_MIN, Link};
use super::memory::is_memory;
use super::seal::{OPEN_NONCE_BYTES, OpenSeal, SessionSeal};
use super::time::Time;
use super::{Endpoint, LOOSE_MAX, Loose, SessionRef};
use crate::wire::{Flags, Header, MethodField, OpenBody, OpenedBody, PacketType, Pointer};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

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
        self.send_open_sealed(peer, header, &body.to_bytes(), nonce, self.open_seal.clone());
        self.arm(now, SessionRef::Caller(index));
    }

    /// Queues OPEN or OPENED, sealed if there is a seal.
    pub(super) fn send_open_sealed(
        &mut self,
        to: SocketAddr,
        mut header: Header,
        body: &[u8],
        random: [u8; 32],
        seal: Option<Arc<OpenSeal>>,
    ) {
        if self.loose.len() >= LOOSE_MAX {
            return;
        }
        header.credits =
            u16::try_from(self.config.receive_buffer_bytes / crate::wire::CREDIT_BYTES).unwrap_or(u16::MAX);
        let sealed_bytes = OPEN_NONCE_BYTES + body.len() + super::seal::TAG_BYTES;
        let sealed;
        let body = match seal {
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
        let from = if header.flags.has(Flags::TO_CALLEE) { None } else { self.called };
        self.loose.push_back(Loose { to, from, datagram });
    }

    /// The plain body of an OPEN or OPENED; `None` if keys differ.
    pub(super) fn open_body(
        &self,
        header: &Header,
        raw: &[u8],
        body: &[u8],
        seal: Option<&OpenSeal>,
    ) -> Option<Vec<u8>> {
        let is_sealed = header.flags.has(Flags::SEALED);
        match seal {
            Some(seal) if is_sealed => seal.open(raw, body),
            Some(_) => (!self.config.makes(Check::Authentication)).then(|| body.to_vec()),
            None if is_sealed => None,
            None => Some(body.to_vec()),
        }
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
        let Some(body) = self.open_body(header, raw, body, self.open_seal.as_deref()) else {
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
        session.link.peer_spans = header.flags.has(Flags::BATCH);
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
        self.loose.push_back(Loose { to, from: None, datagram: header.to_bytes().to_vec() });
    }
}

/// Packets of a memory session that belong to no operation carry the server's own pointer.
pub(super) fn put_root(header: &mut Header, root: Option<Pointer>) {
    if let Some(root) = root {
        header.pointers = 1;
        header.pointer = root.to_bytes();
    }
}
