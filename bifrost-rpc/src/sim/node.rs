//! A machine: an endpoint, the socket buffer in front of it, and the application behind it.

use super::plan::{Method, Plan};
use super::rng::Rng;
use crate::endpoint::{CallId, Config, Endpoint, Key, ServedCall};
use crate::wire::{MethodField, Pointer};
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv6Addr, SocketAddr};

/// Services of every server.
pub(super) const SERVICES: [&str; 2] = ["Bank", "Log"];

/// A datagram in a socket buffer.
#[derive(Debug)]
pub(super) struct Datagram {
    pub(super) from: usize,
    pub(super) bytes: Vec<u8>,
    /// On links that route by pointers: the address at its memory server's end.
    pub(super) route: Option<Ipv6Addr>,
    /// As its sender made it.
    pub(super) is_genuine: bool,
}

/// A call that a server works on.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) call: ServedCall,
    pub(super) index: usize,
    pub(super) method: MethodField,
    pub(super) oneway: bool,
    pub(super) is_started: bool,
    /// Of a memory operation: the calling process, the object, and what is to be written.
    pub(super) memory: Option<(u64, u64, Vec<u8>)>,
}

/// A node.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) id: usize,
    pub(super) is_server: bool,
    /// `None` while it is down.
    pub(super) endpoint: Option<Endpoint>,
    /// How often it has started.
    pub(super) life: u32,
    /// Reasons for it to be down at the moment.
    pub(super) down: u32,
    /// Reasons for it to stand still at the moment.
    pub(super) pauses: u32,
    pub(super) inbox: VecDeque<Datagram>,
    pub(super) inbox_bytes: usize,
    /// When it looks at its socket and timers next.
    pub(super) process_at: Option<u64>,
    /// As client: calls that have not ended, by index in the ledger.
    pub(super) calls: BTreeMap<CallId, usize>,
    /// As server.
    pub(super) jobs: BTreeMap<u64, Job>,
    /// As memory server: the objects.
    pub(super) objects: BTreeMap<u64, Bytes>,
}

impl Node {
    pub(super) fn new(id: usize, is_server: bool) -> Self {
        Self {
            id,
            is_server,
            endpoint: None,
            life: 0,
            down: 0,
            pauses: 0,
            inbox: VecDeque::new(),
            inbox_bytes: 0,
            process_at: None,
            calls: BTreeMap::new(),
            jobs: BTreeMap::new(),
            objects: BTreeMap::new(),
        }
    }

    /// The node starts, or starts anew.
    pub(super) fn start(&mut self, plan: &Plan, mut config: Config, rng: &mut Rng) {
        self.life += 1;
        config.references = !self.takes_values_only(plan);
        let mut endpoint = Endpoint::new(config, rng.bytes());
        if self.is_server {
            endpoint.serve_memory();
            for (number, service) in (0u32..).zip(SERVICES) {
                for method in [Method::Add, Method::AddIdempotent, Method::Note] {
                    // The names differ, so none is refused.
                    let _ = endpoint.serve(field(service, method), number);
                }
            }
        }
        self.endpoint = Some(endpoint);
    }

    /// Whether it is a server that, in this life, understands no references.
    pub(super) fn takes_values_only(&self, plan: &Plan) -> bool {
        plan.by_value && self.is_server && self.life % 2 == 1
    }

    /// The node is gone with all it knew. The calls it had under way are returned.
    pub(super) fn stop(&mut self) -> Vec<usize> {
        self.endpoint = None;
        self.inbox.clear();
        self.inbox_bytes = 0;
        self.process_at = None;
        self.jobs.clear();
        self.objects.clear();
        std::mem::take(&mut self.calls).into_values().collect()
    }
}

/// The configuration of a plan's nodes.
pub(super) fn config(plan: &Plan, checks: crate::endpoint::Checks) -> Config {
    Config {
        message_bytes_max: plan.limits.message_bytes,
        memory_bytes_max: plan.limits.message_bytes,
        datagram_bytes: plan.datagram_bytes,
        receive_buffer_bytes: plan.network.socket_bytes.min(1 << 20) / 2,
        rto_max: plan.rto_max,
        peer_timeout: plan.peer_timeout,
        operation_timeout: plan.peer_timeout,
        lease: plan.lease,
        sessions_max: plan.limits.sessions,
        calls_max: plan.limits.calls,
        session_bytes_max: plan.limits.session_bytes,
        total_bytes_max: plan.limits.total_bytes,
        key: plan.keyed.then(|| Key::from_bytes([0x42; 32])),
        native: plan.native,
        reports: plan.has_gate,
        checks,
        ..Config::default()
    }
}

/// A method as it stands in a header.
pub(super) fn field(service: &str, method: Method) -> MethodField {
    let name = match method {
        Method::Add => "add",
        Method::AddIdempotent => "add_idempotent",
        Method::Note => "note",
        Method::Missing => "missing",
        Method::Write | Method::Read | Method::Denied => return MethodField::NONE,
    };
    MethodField::new(service, name)
}

/// The method that stands in a header.
pub(super) fn method_of(service: u32, found: MethodField) -> Option<(usize, Method)> {
    let service = usize::try_from(service).ok()?;
    let name = SERVICES.get(service)?;
    let all = [Method::Add, Method::AddIdempotent, Method::Note];
    all.into_iter().find(|method| field(name, *method) == found).map(|method| (service, method))
}

/// An object of a memory server.
pub(super) fn pointer(server: usize, object: u64) -> Pointer {
    Pointer::new(1, u8::try_from(server).unwrap_or(u8::MAX), object)
}

/// The pointer that an address is, where it is one.
fn pointer_of(address: Ipv6Addr) -> Pointer {
    Pointer::from_bytes(address.octets())
}

/// Where a node is.
pub(super) fn address(id: usize) -> SocketAddr {
    let host = u16::try_from(id).unwrap_or(u16::MAX);
    SocketAddr::from((Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, host + 1), 7400))
}

/// The host of an address.
pub(super) fn host(address: SocketAddr) -> Ipv6Addr {
    match address {
        SocketAddr::V6(v6) => *v6.ip(),
        SocketAddr::V4(v4) => v4.ip().to_ipv6_mapped(),
    }
}

/// The node at an address.
pub(super) fn id_of(address: SocketAddr) -> usize {
    match address {
        SocketAddr::V6(v6) if pointer_of(*v6.ip()).is_routable() => usize::from(pointer_of(*v6.ip()).server()),
        SocketAddr::V6(v6) => usize::from(v6.ip().segments()[7]).saturating_sub(1),
        SocketAddr::V4(_) => usize::MAX,
    }
}
