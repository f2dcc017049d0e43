//! The transport as a pure state machine: many peers, many calls, caller and callee at once.
//!
//! An [`Endpoint`] owns no socket, no clock and no thread. Datagrams and the time go in; datagrams, events and the
//! time of the next time-out come out. `docs/protocol.md` says what it does; the simulation (feature `_sim`) drives
//! it through loss, duplication, reordering, corruption and crashes.

mod api;
mod call;
mod callee;
mod callee_answers;
mod callee_order;
mod callee_packets;
mod caller;
mod caller_life;
mod caller_order;
mod caller_packets;
mod caller_refused;
mod caller_send;
mod caller_time;
mod calls;
mod checks;
mod config;
mod datagrams;
mod error;
mod from_control;
mod hash;
mod inbound;
mod landing;
mod link;
mod memory;
mod memory_api;
mod native;
mod open;
mod open_callee;
mod outbound;
mod outstanding;
mod packets;
mod pool;
mod record;
mod reports;
mod rtt;
mod seal;
mod senders;
mod time;
mod timers;
mod transmit;
mod unheard;
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
pub use from_control::SessionControlSeal;
pub use hash::{QuickHasher, QuickMap};
pub use landing::Landing;
pub use memory_api::{MemoryAnswer, MemoryOperation, MemoryReply, MemoryRequest, SPENT_BYTES_MAX};
pub use time::Time;

use crate::wire::{MethodField, check_pointers};
use callee::CalleeSession;
use caller::CallerSession;
use pool::BufferPool;
pub(crate) use seal::{OPEN_NONCE_BYTES, OpenSeal, TAG_BYTES, derive, keyed_hash};
use slab::Slab;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::net::{Ipv6Addr, SocketAddr};
use std::sync::Arc;

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
    /// Its batches may name several objects.
    spans_objects: bool,
    is_draining: bool,
    /// What the control plane is told, if it is told anything.
    reports: Option<Box<reports::Reports>>,

    bytes: usize,
    pool: BufferPool,
    open_seal: Option<Arc<OpenSeal>>,
    /// What a control plane is heard by in sealed sessions.
    control_plane: Option<Box<from_control::ControlPlane>>,

    ready: VecDeque<SessionRef>,
    /// Whole datagrams that belong to no session.
    loose: VecDeque<Loose>,
    /// To which of this end's addresses the datagram was sent that is being handled, where that is known: answers come from there.
    called: Option<Ipv6Addr>,
    refusals_left: u32,
    refusals_since: Time,
    /// Callers that send large messages.
    senders: senders::Senders,
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

/// A whole datagram, where it goes, and where it comes from if that matters.
#[derive(Debug)]
struct Loose {
    to: SocketAddr,
    from: Option<Ipv6Addr>,
    datagram: Vec<u8>,
}

/// Datagrams of no session waiting at most.
const LOOSE_MAX: usize = 1024;
impl Endpoint {
    /// An endpoint whose random values are drawn from `seed`, which must be unpredictable where it matters.
    #[must_use]
    pub fn new(config: Config, seed: [u8; 32]) -> Self {
        let open_seal = config.key.as_ref().map(|key| Arc::new(OpenSeal::new(key)));
        let reports = config.reports.then(Box::default);
        let control_plane = config.control_key.as_ref().map(|key| Box::new(from_control::ControlPlane::new(key)));
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
            spans_objects: false,
            is_draining: false,
            reports,
            bytes: 0,
            pool: BufferPool::default(),
            open_seal,
            control_plane,
            ready: VecDeque::new(),
            loose: VecDeque::new(),
            called: None,
            refusals_left: packets::REFUSALS_PER_SECOND,
            refusals_since: Time::ZERO,
            senders: senders::Senders::default(),
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

    /// Whether [`Endpoint::poll_event`] has something.
    pub(crate) fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// All that has happened, which goes behind what stands in `events`.
    pub(crate) fn take_events(&mut self, events: &mut VecDeque<Event>) {
        if events.is_empty() {
            std::mem::swap(events, &mut self.events);
        } else {
            events.append(&mut self.events);
        }
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
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

    /// The client id of its calls.
    #[cfg(feature = "_sim")]
    pub(crate) fn client(&self) -> u64 {
        self.client
    }

    /// A message's memory, to be used again.
    pub fn recycle(&mut self, spent: Vec<u8>) {
        self.pool.put(spent);
    }

    fn random(&mut self) -> [u8; 32] {
        self.drawn += 1;
        keyed_hash(&self.seed, &self.drawn.to_be_bytes())
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
}
