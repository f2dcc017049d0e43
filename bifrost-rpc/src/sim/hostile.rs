//! Who means harm: a replayer, a forger, and a client that breaks the protocol inside a session of its own.

use super::checker::{Checker, Entry};
use super::network::Way;
use super::node::{SERVICES, field, pointer};
use super::payload::request;
use super::plan::{Method, Plan};
use super::rng::Rng;
use super::trace::Fate;
use super::world::World;
use crate::wire::{
    FinishedBody, Flags, Header, MemoryFields, MemoryOp, MemoryStatus, MethodField, OpenBody, OpenedBody, PacketType,
    Refusal, RefusedBody,
};

/// Packets the adversary keeps.
const KEPT_MAX: usize = 64;

/// What the adversary knows.
#[derive(Debug)]
pub(super) struct Hostile {
    kept: Vec<(usize, Way, Vec<u8>)>,
    /// The node of the rogue.
    me: usize,
    /// An address at which nobody receives.
    pub(super) phantom: usize,
    server: usize,
    client: u64,
    nonce: u64,
    token: Vec<u8>,
    session: Option<(u64, u32)>,
    /// Its session is one for memory operations.
    is_memory: bool,
    next: u64,
}

impl Hostile {
    pub(super) fn new(plan: &Plan, rng: &mut Rng) -> Self {
        let nodes = plan.clients + plan.servers;
        Self {
            kept: Vec::new(),
            me: nodes,
            phantom: nodes + 1,
            server: plan.clients + rng.index(plan.servers),
            client: rng.next(),
            nonce: rng.next(),
            token: Vec::new(),
            session: None,
            is_memory: rng.chance(400),
            next: 1,
        }
    }

    pub(super) fn keep(&mut self, rng: &mut Rng, from: usize, to: Way, bytes: &[u8]) {
        let packet = (from, to, bytes.to_vec());
        if self.kept.len() < KEPT_MAX {
            self.kept.push(packet);
        } else if rng.chance(200) {
            let at = rng.index(KEPT_MAX);
            self.kept[at] = packet;
        }
    }
}

impl World {
    /// A packet seen earlier comes again, as it was and from where it came.
    pub(super) fn replay(&mut self) {
        for _ in 0..self.rng.between(1, 4) {
            if self.hostile.kept.is_empty() {
                return;
            }
            let at = self.rng.index(self.hostile.kept.len());
            let (from, to, bytes) = self.hostile.kept[at].clone();
            // The control plane drops what it has seen.
            if !self.meets_gate(Header::parse(&bytes).ok().as_ref()) {
                self.deliver(from, to, bytes, true);
            }
        }
    }

    fn inject(&mut self, from: usize, to: usize, mut header: Header, body: &[u8]) {
        header.body_len = u16::try_from(body.len()).unwrap_or(0);
        self.trace.packet(self.now, from, to, Some(&header), Fate::Forged);
        let bytes = [&header.to_bytes()[..], body].concat();
        let route = self.route_of(&header);
        self.deliver(from, (to, route), bytes, false);
    }

    /// A call that must not run: its number in the ledger and its message.
    fn trap(&mut self, server: usize, len: usize) -> Vec<u8> {
        let entry = Entry {
            is_forged: true,
            is_abandoned: true,
            request_bytes: len,
            ..Entry::new(self.hostile.me, server, Method::Add, self.now)
        };
        let index = self.checker.enter(entry);
        request(Checker::key(index), len)
    }

    /// Forges a packet after one that was seen: from a foreign address, or, where there are keys, from the right one.
    pub(super) fn forge(&mut self) {
        if self.rng.chance(250) {
            return self.forge_open();
        }
        let calls = |(_, _, bytes): &&(usize, Way, Vec<u8>)| {
            Header::parse(bytes).is_ok_and(|header| matches!(header.kind, PacketType::Call | PacketType::Oneway))
        };
        let found: Vec<_> = self.hostile.kept.iter().filter(calls).cloned().collect();
        if found.is_empty() {
            return;
        }
        let (client, (server, _), bytes) = found[self.rng.index(found.len())].clone();
        let Ok(seen) = Header::parse(&bytes) else {
            return;
        };
        if self.plan.keyed && self.rng.chance(300) {
            return self.flip(client, server, bytes);
        }
        let (from_client, from_server) =
            if self.plan.keyed { (client, server) } else { (self.hostile.phantom, self.hostile.phantom) };
        let mut header = Header::new(PacketType::Call);
        header.flags = Flags::FIRST.with(Flags::TO_CALLEE);
        header.client = seen.client;
        header.session = seen.session;
        header.instance = seen.instance;
        header.packet = seen.packet + self.rng.below(2000);
        if self.plan.keyed && self.rng.chance(200) {
            return self.forge_refusal(client, server, &seen);
        }
        match self.rng.below(5) {
            0 | 1 => {
                let message = self.trap(server, 64);
                header.method = field(SERVICES[0], Method::Add);
                if seen.method.bytes().starts_with(b"Log") {
                    header.method = field(SERVICES[1], Method::Add);
                }
                header.rpc = seen.rpc + self.rng.below(3);
                header.message_len = 64;
                self.inject(from_client, server, header, &message);
            }
            2 => {
                header.kind = if self.rng.chance(500) { PacketType::Reply } else { PacketType::Exception };
                header.flags = Flags::FIRST;
                header.rpc = seen.rpc + self.rng.below(3);
                header.message_len = 40;
                self.inject(from_server, client, header, &[0xBA; 40]);
            }
            3 => {
                header.kind = PacketType::Ack;
                let ranges = vec![(seen.rpc, seen.rpc + 3)];
                self.inject(from_client, server, header, &FinishedBody { ranges }.to_bytes());
            }
            _ => {
                header.kind = if self.rng.chance(500) { PacketType::Close } else { PacketType::Cancel };
                header.rpc = seen.rpc;
                self.inject(from_client, server, header, &[]);
            }
        }
    }

    /// Tells a client that its server knows nothing of its session: no key is needed to say so.
    fn forge_refusal(&mut self, client: usize, server: usize, seen: &Header) {
        let mut header = Header::new(PacketType::Refused);
        header.client = seen.client;
        header.session = seen.session;
        header.rpc = seen.rpc;
        let body = RefusedBody { refusal: Refusal::UnknownSession, packet: seen.packet };
        for _ in 0..self.rng.between(1, 6) {
            self.inject(server, client, header, &body.to_bytes());
        }
    }

    fn flip(&mut self, from: usize, to: usize, mut bytes: Vec<u8>) {
        for _ in 0..self.rng.between(1, 3) {
            let at = self.rng.index(bytes.len());
            bytes[at] ^= 1 << self.rng.below(8);
        }
        self.deliver(from, (to, None), bytes, false);
    }

    /// Asks for a session from an address at which nobody receives, with a stolen token if there is one.
    fn forge_open(&mut self) {
        let token = self.hostile.kept.iter().find_map(|(_, _, bytes)| {
            let header = Header::parse(bytes).ok()?;
            let body = bytes.get(crate::wire::HEADER_BYTES..)?;
            let opened = OpenedBody::parse(body).ok()?;
            (header.kind == PacketType::Opened).then_some(opened.token)
        });
        let server = self.plan.clients + self.rng.index(self.plan.servers);
        let (client, nonce) = (self.rng.next(), self.rng.next());
        self.open_as(self.hostile.phantom, server, client, nonce, token.unwrap_or_default());
    }

    fn open_as(&mut self, from: usize, server: usize, client: u64, nonce: u64, token: Vec<u8>) {
        let body =
            OpenBody { previous: 0, random: self.rng.bytes(), datagram_bytes: 9000, message_bytes_max: 1 << 20, token };
        let mut header = Header::new(PacketType::Open);
        header.flags = Flags::FIRST.with(Flags::TO_CALLEE);
        header.method = field(SERVICES[0], Method::Add);
        if from == self.hostile.me && self.hostile.is_memory {
            header.method = MethodField::NONE;
            header.set_pointers(&[pointer(server, 0)]);
        }
        header.client = client;
        header.rpc = nonce;
        header.credits = 100;
        self.inject(from, server, header, &body.to_bytes());
    }

    /// The rogue opens a session, then misuses it.
    pub(super) fn rogue(&mut self) {
        let (me, server) = (self.hostile.me, self.hostile.server);
        let Some((session, instance)) = self.hostile.session else {
            let (client, nonce, token) = (self.hostile.client, self.hostile.nonce, self.hostile.token.clone());
            return self.open_as(me, server, client, nonce, token);
        };
        let mut header = Header::new(PacketType::Call);
        header.flags = Flags::FIRST.with(Flags::TO_CALLEE);
        header.method = field(SERVICES[0], Method::Add);
        header.client = self.hostile.client;
        header.session = session;
        header.instance = instance;
        header.rpc = self.hostile.next;
        header.packet = self.hostile.next;
        header.credits = 100;
        self.hostile.next += 1;
        if self.hostile.is_memory {
            return self.rogue_memory(header);
        }
        header.message_len = 600;
        let body = self.trap(server, 600);
        match self.rng.below(6) {
            0 => {
                header.flags = Flags::TO_CALLEE;
                self.inject(me, server, header, &body);
            }
            1 => {
                header.offset = 600;
                self.inject(me, server, header, &body);
            }
            2 => {
                self.inject(me, server, header, &body[..300]);
                header.flags = Flags::TO_CALLEE;
                header.offset = 300;
                header.message_len = 601;
                self.inject(me, server, header, &body[300..]);
            }
            3 => {
                header.session = self.rng.next();
                self.inject(me, server, header, &body);
            }
            _ => {
                header.message_len = self.plan.limits.message_bytes.min(1 << 20);
                for _ in 0..64 {
                    header.rpc = self.hostile.next;
                    header.packet = self.hostile.next;
                    self.hostile.next += 1;
                    self.inject(me, server, header, &body[..32]);
                }
            }
        }
    }

    /// Asks for memory operations that must not be done.
    fn rogue_memory(&mut self, mut header: Header) {
        let (me, server) = (self.hostile.me, self.hostile.server);
        let body = self.trap(server, 600);
        header.message_len = 600;
        header.method = MethodField::NONE;
        let mut fields = MemoryFields {
            pointer: pointer(server, 1).with_operation(MemoryOp::Write as u8, 0),
            offset: super::payload::key_of(&body).unwrap_or(0),
            len: 600,
            previous_write: 0,
            is_batch: false,
            status: MemoryStatus::Ok,
        };
        match self.rng.below(7) {
            // Sent to where it may write, for an object that it may not.
            6 if self.plan.native => {
                fields.put(&mut header, false);
                header.body_len = 600;
                let bytes = [&header.to_bytes()[..], &body].concat();
                let elsewhere = pointer(server, 2).with_operation(MemoryOp::Write as u8, 0);
                return self.deliver(me, (server, Some(elsewhere.address())), bytes, false);
            }
            0 => fields.pointer = fields.pointer.with_operation(9, 0),
            1 => fields.offset = u64::MAX - 10,
            2 => fields.pointer = fields.pointer.with_operation(MemoryOp::Read as u8, 0),
            3 => header.flags = header.flags.with(Flags::MEMORY_REPLY),
            _ => {
                // The second half is for another object.
                fields.put(&mut header, false);
                self.inject(me, server, header, &body[..300]);
                header.flags = Flags::TO_CALLEE;
                header.offset = 300;
                fields.pointer = pointer(server, 2).with_operation(MemoryOp::Write as u8, 0);
                fields.put(&mut header, false);
                return self.inject(me, server, header, &body[300..]);
            }
        }
        fields.put(&mut header, false);
        self.inject(me, server, header, &body);
    }

    pub(super) fn rogue_hears(&mut self, bytes: &[u8]) {
        let Some((Ok(header), body)) =
            bytes.split_at_checked(crate::wire::HEADER_BYTES).map(|(h, b)| (Header::parse(h), b))
        else {
            return;
        };
        match (header.kind, OpenedBody::parse(body)) {
            (PacketType::Opened, Ok(opened)) if header.session == 0 => self.hostile.token = opened.token,
            (PacketType::Opened, Ok(_)) => self.hostile.session = Some((header.session, header.instance)),
            (PacketType::Refused, _) if header.session != 0 && header.rpc == 0 => self.hostile.session = None,
            _ => {}
        }
    }
}
