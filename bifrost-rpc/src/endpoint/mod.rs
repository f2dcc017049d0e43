//! The transport as a pure state machine: many peers, many calls, caller and callee at once.
//!
//! An [`Endpoint`] owns no socket, no clock and no thread. Datagrams and the time go in; datagrams, events and the
//! time of the next time-out come out. `docs/protocol.md` says what it does; the simulation (feature `_sim`) drives
//! it through loss, duplication, reordering, corruption and crashes.

mod api;
mod callee;
mod callee_order;
mod callee_packets;
mod caller;
mod caller_packets;
mod caller_refused;
mod caller_time;
mod checks;
mod config;
mod datagrams;
mod error;
mod hash;
mod inbound;
mod landing;
mod link;
mod memory;
mod native;
mod open;
mod outbound;
mod pool;
mod rtt;
mod seal;
mod time;
mod window;

#[cfg(test)]
mod tests;

pub use api::{AnswerKind, Answered, CallId, Event, Request, ServedCall, Stats, Usage, service_hash};
pub use checks::Check;
#[cfg(feature = "_sim")]
pub use checks::Checks;
pub(crate) use config::MEMORY_BYTES_MAX;
pub use config::{Config, Key};
pub use datagrams::{Datagrams, Transmit};
pub use error::{CallError, Lost};
pub use landing::Landing;
pub use memory::{MemoryAnswer, MemoryOperation, MemoryReply, MemoryRequest};
pub use time::Time;

use crate::wire::{Flags, HEADER_BYTES, Header, MethodField, PacketType, Refusal, WireError, check_pointers};
use callee::CalleeSession;
use caller::CallerSession;
use hash::QuickMap;
use pool::BufferPool;
use slab::Slab;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::net::{Ipv6Addr, SocketAddr};
use std::time::Duration;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum SessionRef {
    Caller(usize),
    Callee(usize),
}

/// The transport state machine.
pub struct Endpoint {
    config: Config,
    seed: [u8; 32],
    drawn: u64,
    client: u64,
    epoch: u64,
    next_call: u64,
    next_rpc: u64,

    callers: Slab<CallerSession>,
    /// The session in use for each address and service.
    caller_by_target: QuickMap<(SocketAddr, u64), usize>,
    caller_by_session: QuickMap<u64, usize>,
    caller_by_nonce: HashMap<u64, usize>,
    tokens: HashMap<SocketAddr, Vec<u8>>,
    /// Memory sessions that were given up, until the next one ends them.
    abandoned: HashMap<SocketAddr, u64>,

    callees: Slab<CalleeSession>,
    callee_by_session: QuickMap<u64, usize>,
    callee_by_nonce: HashMap<(u64, u64), usize>,
    methods: QuickMap<MethodField, u32>,
    /// Services that do not understand references.
    by_value: Vec<u32>,
    serves_memory: bool,
    is_draining: bool,

    bytes: usize,
    pool: BufferPool,
    open_seal: Option<seal::OpenSeal>,

    ready: VecDeque<SessionRef>,
    /// Whole datagrams that belong to no session.
    loose: VecDeque<(SocketAddr, Vec<u8>)>,
    refusals_left: u32,
    refusals_since: Time,
    timers: BinaryHeap<Reverse<(Time, SessionRef)>>,
    events: VecDeque<Event>,
    /// Calls that arrived in the datagram being handled, whose immediate replies are prompt.
    prompt: Vec<ServedCall>,
    /// The message whose next fragment may be received in place.
    expected: Option<(SessionRef, u64)>,
    next_landing: u64,
    stats: Stats,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint").field("usage", &self.usage()).field("stats", &self.stats).finish_non_exhaustive()
    }
}

/// Refusals for packets of no session at most, each second.
const REFUSALS_PER_SECOND: u32 = 1000;
/// Datagrams of no session waiting at most.
const LOOSE_MAX: usize = 1024;
/// Timer entries below which nobody looks for those that are superseded.
const TIMERS_MIN: usize = 64;
/// Bytes of a batch at most: what one UDP send carries.
const BATCH_BYTES_MAX: usize = 65_000;

impl Endpoint {
    /// An endpoint whose random values are drawn from `seed`, which must be unpredictable where it matters.
    #[must_use]
    pub fn new(config: Config, seed: [u8; 32]) -> Self {
        let open_seal = config.key.as_ref().map(seal::OpenSeal::new);
        let mut endpoint = Self {
            config,
            seed,
            drawn: 0,
            client: 0,
            epoch: 0,
            next_call: 1,
            next_rpc: 1,
            callers: Slab::new(),
            caller_by_target: QuickMap::default(),
            caller_by_session: QuickMap::default(),
            caller_by_nonce: HashMap::new(),
            tokens: HashMap::new(),
            abandoned: HashMap::new(),
            callees: Slab::new(),
            callee_by_session: QuickMap::default(),
            callee_by_nonce: HashMap::new(),
            methods: QuickMap::default(),
            by_value: Vec::new(),
            serves_memory: false,
            is_draining: false,
            bytes: 0,
            pool: BufferPool::default(),
            open_seal,
            ready: VecDeque::new(),
            loose: VecDeque::new(),
            refusals_left: REFUSALS_PER_SECOND,
            refusals_since: Time::ZERO,
            timers: BinaryHeap::new(),
            events: VecDeque::new(),
            prompt: Vec::new(),
            expected: None,
            next_landing: 0,
            stats: Stats::default(),
        };
        endpoint.client = endpoint.random_u64();
        endpoint.epoch = endpoint.random_u64();
        if endpoint.config.instance == 0 {
            #[expect(clippy::cast_possible_truncation, reason = "any 32 of the 64 random bits will do")]
            let instance = endpoint.random_u64() as u32;
            endpoint.config.instance = instance.max(1);
        }
        endpoint
    }

    /// Registers a method of service number `service` to be served.
    ///
    /// # Errors
    ///
    /// The field of another method is the same: the service it belongs to is returned.
    pub fn serve(&mut self, method: MethodField, service: u32) -> Result<(), u32> {
        match self.methods.insert(method, service) {
            Some(other) => Err(other),
            None => Ok(()),
        }
    }

    /// Of a service registered: it does not understand references, so that it is sent values.
    pub fn takes_values_only(&mut self, service: u32) {
        self.by_value.push(service);
    }

    /// Starts a call to a server.
    ///
    /// # Errors
    ///
    /// [`CallError::TooLarge`]: the message is over the limit. [`CallError::Pointers`]: its pointers cannot be sent; where the
    /// server does not understand them the call ends with this later.
    pub fn call(&mut self, now: Time, peer: SocketAddr, request: Request) -> Result<CallId, CallError> {
        let (len, limit) = (request.message.len(), self.config.message_bytes_max as usize);
        if len > limit {
            return Err(CallError::TooLarge { len, limit });
        }
        check_pointers(request.message.pointers(), true)?;
        Ok(self.enter(
            now,
            peer,
            Request { references: request.references && self.config.references, ..request },
            false,
        ))
    }

    fn enter(&mut self, now: Time, peer: SocketAddr, request: Request, only_asks: bool) -> CallId {
        let id = CallId(self.next_call);
        self.next_call += 1;
        let index = self.session_for(now, peer, request.service, request.method, None);
        let Some(session) = self.callers.get_mut(index) else {
            return id;
        };
        let deadline = request.deadline.map(|after| now.plus(after));
        session.wait(now, id, request, None, None);
        if let Some(call) = session.waiting.back_mut() {
            call.only_asks = only_asks;
        }
        self.advance_caller(now, index);
        if let Some(deadline) = deadline {
            self.arm_at(deadline, SessionRef::Caller(index));
        }
        id
    }

    /// Asks for a session with a server, as a call would, and what the server said in it of itself. Ends with
    /// [`Answered::Session`], after [`Request::deadline`] at the latest; the request's message is not sent.
    pub fn ask_session(&mut self, now: Time, peer: SocketAddr, request: Request) -> CallId {
        self.enter(now, peer, request, true)
    }

    /// Whether the server of a service understands references, where there is a session in which a call would be sent
    /// at once; `None` where there is none, for [`Endpoint::ask_session`] to find out.
    #[must_use]
    pub fn peer_references(&self, now: Time, peer: SocketAddr, service: u64) -> Option<bool> {
        let index = self.caller_by_target.get(&(peer, service))?;
        let session = self.callers.get(*index)?;
        let is_open = session.phase == caller::Phase::Open && !session.is_stale(now);
        is_open.then_some(session.link.peer_references)
    }

    /// Whether [`Endpoint::poll_transmit`] may have something.
    #[must_use]
    pub fn wants_transmit(&self) -> bool {
        !self.ready.is_empty() || !self.loose.is_empty()
    }

    /// The next batch of datagrams to send, at most `segments_max` of one size.
    pub fn poll_transmit(&mut self, now: Time, segments_max: usize, out: &mut Datagrams) -> Option<Transmit> {
        out.clear();
        if let Some((to, datagram)) = self.loose.pop_front() {
            let (header, body) = datagram.split_first_chunk::<HEADER_BYTES>()?;
            out.begin(header, body.len());
            out.put(body);
            self.stats.packets_out += 1;
            let from = if self.config.native { native::source_of(&datagram) } else { None };
            return Some(Transmit { from, ..out.transmit(to) });
        }
        let limits = (segments_max, BATCH_BYTES_MAX);
        while let Some(session) = self.ready.pop_front() {
            let (transmit, can_send) = match session {
                SessionRef::Caller(index) => {
                    let Some(caller) = self.callers.get_mut(index) else {
                        continue;
                    };
                    caller.fill(now, self.next_rpc, limits, out);
                    caller.link.is_ready = caller.can_send();
                    (caller.link.address(out), caller.link.is_ready)
                }
                SessionRef::Callee(index) => {
                    let Some(callee) = self.callees.get_mut(index) else {
                        continue;
                    };
                    callee.fill(now, limits, out);
                    callee.link.is_ready = callee.can_send();
                    (callee.link.address(out), callee.link.is_ready)
                }
            };
            if can_send {
                self.ready.push_front(session);
            }
            self.arm(now, session);
            if !out.is_empty() {
                self.stats.packets_out += transmit.segments as u64;
                return Some(transmit);
            }
        }
        None
    }

    /// Whether [`Endpoint::poll_event`] has something.
    pub(crate) fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`Endpoint::handle_timeout`] has something to do. It may turn out that there is nothing.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        self.timers.peek().map(|Reverse((time, _))| *time)
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Time) {
        // What is added meanwhile waits for the next time, so that this ends.
        for _ in 0..self.timers.len() {
            let Some(Reverse((time, session))) = self.timers.peek().copied().filter(|Reverse((time, _))| *time <= now)
            else {
                break;
            };
            self.timers.pop();
            match self.link_mut(session) {
                Some(link) if link.armed == Some(time) => link.armed = None,
                // An earlier time took its place, or the session is gone.
                _ => continue,
            }
            match session {
                SessionRef::Caller(index) => self.caller_timeout(now, index),
                SessionRef::Callee(index) => self.callee_timeout(now, index),
            }
        }
    }

    /// Takes in a datagram, or several that the kernel joined. Bodies are decrypted in place.
    pub fn handle(&mut self, now: Time, from: SocketAddr, datagram: &mut [u8]) {
        self.handle_at(now, from, None, datagram);
    }

    /// As [`Endpoint::handle`], of a datagram that was sent to the address `local`. A memory server behind links that
    /// route by pointers ([`Config::native`]) has to know it.
    pub fn handle_at(&mut self, now: Time, from: SocketAddr, local: Option<Ipv6Addr>, datagram: &mut [u8]) {
        self.prompt.clear();
        self.expected = None;
        let mut rest = datagram;
        while !rest.is_empty() {
            let header = match Header::parse(rest) {
                Ok(header) => header,
                Err(WireError::Type(_)) => {
                    // A later version's packet: what follows it may be known.
                    self.stats.malformed += 1;
                    let body_len =
                        rest.get(102..104).and_then(|bytes| bytes.try_into().ok()).map_or(0, u16::from_be_bytes);
                    rest = rest.get_mut(HEADER_BYTES + usize::from(body_len)..).unwrap_or_default();
                    continue;
                }
                Err(error) => {
                    self.on_malformed(now, from, rest, error);
                    return;
                }
            };
            let end = HEADER_BYTES + usize::from(header.body_len);
            if rest.len() < end {
                self.stats.malformed += 1;
                return;
            }
            let (packet, more) = rest.split_at_mut(end);
            rest = more;
            let head_bytes = header.further_bytes().map(|further| HEADER_BYTES + further);
            let Some((head, body)) = head_bytes.ok().and_then(|head| packet.split_at_mut_checked(head)) else {
                self.stats.malformed += 1;
                continue;
            };
            self.stats.packets_in += 1;
            if !self.is_in_place(from, local, &header) {
                self.stats.misplaced += 1;
                continue;
            }
            self.handle_packet(now, from, &header, head, body);
        }
    }

    fn handle_packet(&mut self, now: Time, from: SocketAddr, header: &Header, raw: &[u8], body: &mut [u8]) {
        let to_callee = header.flags.has(Flags::TO_CALLEE);
        match header.kind {
            PacketType::Open if to_callee => self.on_open(now, from, header, raw, body),
            PacketType::Opened if !to_callee => self.on_opened(now, from, header, raw, body),
            PacketType::Control => self.stats.strays += 1,
            PacketType::Memory if to_callee == header.flags.has(Flags::MEMORY_REPLY) => self.stats.malformed += 1,
            _ if to_callee => self.on_packet_to_callee(now, from, header, raw, body),
            _ => self.on_packet_to_caller(now, from, header, raw, body),
        }
    }

    fn on_malformed(&mut self, now: Time, from: SocketAddr, datagram: &[u8], error: WireError) {
        self.stats.malformed += 1;
        let WireError::Version(version) = error else {
            return;
        };
        let kind = datagram.get(3).copied();
        let nonce = datagram.get(48..56).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes);
        if kind == Some(PacketType::Open as u8) {
            let mut header = Header::new(PacketType::Open);
            header.rpc = nonce;
            self.refuse(now, from, &header, Refusal::WrongVersion { speaks: crate::wire::VERSION });
        } else if matches!(kind, Some(kind) if kind == PacketType::Refused as u8 || kind == PacketType::Opened as u8) {
            self.on_foreign_version(now, from, nonce, version);
        }
    }

    /// Stops taking new sessions and calls; those running are finished. Whoever is refused may call elsewhere: there is
    /// no way back, so a call that was refused never runs here.
    pub fn drain(&mut self) {
        self.is_draining = true;
    }

    /// What has been counted.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// What is held.
    #[must_use]
    pub fn usage(&self) -> Usage {
        Usage {
            caller_sessions: self.callers.len(),
            callee_sessions: self.callees.len(),
            calls: self.callers.iter().map(|(_, session)| session.calls.len() + session.waiting.len()).sum(),
            served: self.callees.iter().map(|(_, session)| session.calls.len()).sum(),
            bytes: self.bytes,
            pinned: self.callees.iter().map(|(_, session)| session.pinned).sum(),
        }
    }

    /// The server instance this endpoint is.
    #[must_use]
    pub fn instance(&self) -> u32 {
        self.config.instance
    }

    /// A message's memory, to be used again.
    pub fn recycle(&mut self, spent: Vec<u8>) {
        self.pool.put(spent);
    }

    /// A datagram could not be sent because it is larger than the link takes: smaller ones are sent from now on.
    pub fn datagram_too_large(&mut self, peer: SocketAddr) {
        let callers = self.callers.iter_mut().map(|(_, session)| &mut session.link);
        let callees = self.callees.iter_mut().map(|(_, session)| &mut session.link);
        callers.chain(callees).filter(|link| link.reaches(peer)).for_each(link::Link::shrink_datagrams);
    }

    fn random(&mut self) -> [u8; 32] {
        self.drawn += 1;
        seal::keyed_hash(&self.seed, &self.drawn.to_be_bytes())
    }

    /// A random number, never 0.
    fn random_u64(&mut self) -> u64 {
        let bytes = self.random();
        bytes.first_chunk().copied().map_or(1, u64::from_be_bytes).max(1)
    }

    fn link_mut(&mut self, session: SessionRef) -> Option<&mut link::Link> {
        match session {
            SessionRef::Caller(index) => self.callers.get_mut(index).map(|session| &mut session.link),
            SessionRef::Callee(index) => self.callees.get_mut(index).map(|session| &mut session.link),
        }
    }

    /// Puts a session with something to send into the queue, and its next deadline into the timer queue.
    fn touch(&mut self, now: Time, session: SessionRef) {
        let can_send = match session {
            SessionRef::Caller(index) => self.callers.get(index).is_some_and(CallerSession::can_send),
            SessionRef::Callee(index) => self.callees.get(index).is_some_and(CalleeSession::can_send),
        };
        if can_send
            && let Some(link) = self.link_mut(session)
            && !link.is_ready
        {
            link.is_ready = true;
            self.ready.push_back(session);
        }
        self.arm(now, session);
    }

    /// Puts a session's next deadline into the timer queue. Where an entry stands for a time that is near anyway,
    /// the search for an earlier one is left to it.
    fn arm(&mut self, now: Time, session: SessionRef) {
        let near = now.plus(self.config.rto_min);
        let is_callee = matches!(session, SessionRef::Callee(_));
        let Some(link) = self.link_mut(session) else { return };
        let nothing_new = is_callee && !link.has_new_timer;
        if link.armed.is_some_and(|armed| armed <= near || nothing_new) {
            return;
        }
        link.has_new_timer = false;
        let due = match session {
            SessionRef::Caller(index) => {
                self.callers.get(index).and_then(|session| session.next_deadline(&self.config))
            }
            SessionRef::Callee(index) => {
                self.callees.get(index).and_then(|session| session.next_deadline(&self.config))
            }
        };
        if let Some(due) = due {
            self.arm_at(due, session);
        }
    }

    fn arm_at(&mut self, due: Time, session: SessionRef) {
        if let Some(link) = self.link_mut(session)
            && link.armed.is_none_or(|armed| due < armed)
        {
            link.armed = Some(due);
            self.timers.push(Reverse((due, session)));
            self.sweep_timers();
        }
    }

    /// Drops the timer entries that others took the place of, when they are the most.
    fn sweep_timers(&mut self) {
        if self.timers.len() <= TIMERS_MIN + 4 * (self.callers.len() + self.callees.len()) {
            return;
        }
        let (callers, callees) = (&self.callers, &self.callees);
        self.timers.retain(|Reverse((time, session))| {
            let link = match session {
                SessionRef::Caller(index) => callers.get(*index).map(|session| &session.link),
                SessionRef::Callee(index) => callees.get(*index).map(|session| &session.link),
            };
            link.is_some_and(|link| link.armed == Some(*time))
        });
    }

    /// Refuses a packet of no session.
    fn refuse(&mut self, now: Time, to: SocketAddr, refused: &Header, refusal: Refusal) {
        if now.since(self.refusals_since) >= Duration::from_secs(1) {
            self.refusals_since = now;
            self.refusals_left = REFUSALS_PER_SECOND;
        }
        if self.refusals_left == 0 || self.loose.len() >= LOOSE_MAX {
            return;
        }
        self.refusals_left -= 1;
        self.stats.refusals += 1;
        let body = crate::wire::RefusedBody { refusal, packet: refused.packet }.to_bytes();
        let mut header = Header::new(PacketType::Refused);
        header.method = refused.method;
        header.flags = Flags(0).and(refused.flags.has(Flags::LEASED), Flags::LEASED);
        if memory::is_memory(refused) {
            (header.pointers, header.pointer) = (1, refused.pointer);
        }
        header.client = refused.client;
        header.rpc = refused.rpc;
        header.session = refused.session;
        header.instance = self.config.instance;
        header.incarnation = self.config.incarnation;
        header.body_len = u16::try_from(body.len()).unwrap_or(0);
        let mut datagram = header.to_bytes().to_vec();
        datagram.extend_from_slice(&body);
        self.loose.push_back((to, datagram));
    }
}
