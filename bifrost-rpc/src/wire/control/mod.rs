//! What a node and the rack's control plane tell each other: the bodies of CONTROL packets. `docs/gatekeeper.md` is the
//! normative text.
//!
//! A request carries a number in the header's RPC id, and its answer the same one. Requests are repeated until they are
//! answered; an answer to a repeated request is the same.

mod codec;
#[cfg(test)]
mod tests;

#[cfg(test)]
use super::WireError;
use super::{HEADER_BYTES, MethodField};
use std::net::Ipv6Addr;

/// Bytes of a node's name at most.
pub const NAME_BYTES_MAX: usize = 63;
/// Bytes of a specification, and of a service's name, at most.
pub const TEXT_BYTES_MAX: usize = 255;
/// Addresses of a node at most.
pub const ADDRESSES_MAX: usize = 8;
/// Methods in one message at most; a service with more is told of in several.
pub const METHODS_MAX: usize = 40;
/// Entries of a report, and calls in one message, at most.
pub const REPORTS_MAX: usize = 32;
/// Memory servers in one message at most: as many as there are numbers that are not 0.
pub const SERVERS_MAX: usize = 255;
/// Bytes of a message at most: what every IPv6 link carries in one packet, sealed.
pub const MESSAGE_BYTES_MAX: usize = 1280 - 40 - 8 - HEADER_BYTES - SEAL_BYTES_MAX;
/// Bytes that sealing adds at most: the name's length and the name, the nonce, the tag.
pub const SEAL_BYTES_MAX: usize = 1 + NAME_BYTES_MAX + 24 + 16;
const _: () = assert!(2 + REPORTS_MAX * codec::OUTSTANDING_BYTES < MESSAGE_BYTES_MAX);
const _: () = assert!(9 + TEXT_BYTES_MAX + METHODS_MAX * 18 < MESSAGE_BYTES_MAX);
/// Bytes of a token.
pub const CONTROL_TOKEN_BYTES: usize = 32;
/// Bytes of an announcement's nonce.
pub const ANNOUNCE_NONCE_BYTES: usize = 16;

/// The address of the control plane in a rack of this prefix: the prefix, then `::b1f0`.
#[must_use]
pub fn gatekeeper_address(prefix: Ipv6Addr) -> Ipv6Addr {
    Ipv6Addr::from_bits(prefix.to_bits() >> 64 << 64 | 0xb1f0)
}

/// What a machine brings into the rack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NodeKind {
    /// Runs services and their callers; its capacity is in processors.
    Compute,
    /// A memory server; its capacity is in bytes.
    Memory,
    /// Ways out of the rack; its capacity is in bits per second.
    Network,
    /// Storage; its capacity is in bytes.
    Storage,
    /// A kind that this version has no name for.
    Other(u8),
}

/// A node comes up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announce {
    /// Drawn for this life of the node: its repetitions have the same one.
    pub nonce: [u8; ANNOUNCE_NONCE_BYTES],
    /// What [`ControlMessage::Challenge`] brought; `None` before it.
    pub token: Option<[u8; CONTROL_TOKEN_BYTES]>,
    /// Its name, 1 to [`NAME_BYTES_MAX`] bytes.
    pub name: String,
    /// What it is.
    pub kind: NodeKind,
    /// How much of it there is, in the unit of its kind; 0: it does not say.
    pub capacity: u64,
    /// What it is in words, for people.
    pub specification: String,
    /// Its addresses, 1 to [`ADDRESSES_MAX`]; the first is the one it sends from. A memory server's is its root pointer.
    pub addresses: Vec<Ipv6Addr>,
    /// It takes packets at the addresses of the services that it serves.
    pub owns_service_addresses: bool,
    /// A memory server's number and boot number.
    pub memory: Option<MemoryServer>,
}

/// What names a memory server's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryServer {
    /// Byte 5 of its pointers.
    pub server: u8,
    /// The boot number of its first objects.
    pub boot: u32,
}

/// A node is taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Welcome {
    /// The announcement's nonce.
    pub nonce: [u8; ANNOUNCE_NONCE_BYTES],
    /// The number of this life of the node, which stands in all that it sends from now on.
    pub incarnation: u32,
    /// The control plane's term.
    pub term: u64,
    /// How often the node is to send a heartbeat, in ms.
    pub heartbeat_ms: u32,
    /// The numbers of the memory servers that are there, in order.
    pub servers: Vec<u8>,
}

/// What becomes of a service on a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServeState {
    /// It takes new sessions.
    Open,
    /// It takes no new sessions.
    Draining,
    /// It has ended.
    Ended,
}

/// A node serves a service, or does so no longer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Serve {
    /// The service's name, 1 to [`TEXT_BYTES_MAX`] bytes.
    pub service: String,
    /// The instance that serves it, as packets name it; not 0.
    pub instance: u32,
    /// What becomes of it.
    pub state: ServeState,
    /// Methods in this message, each with what the switch is to track of it (`docs/switch.md`, section 4); at most [`METHODS_MAX`].
    pub methods: Vec<(MethodField, u8)>,
    /// Further messages tell of more methods; the service is served once the last has come.
    pub more: bool,
}

/// What a node tells of a call or a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ReportKind {
    /// The caller has the answer, and owns what it gave.
    Accepted,
    /// The caller gave the call up: nobody owns what its answer gave, or will give.
    Abandoned,
    /// The handler of a oneway call, or of one that was cancelled, has ended or will never run.
    Done,
    /// The callee has forgotten the session; the RPC id is 0.
    SessionEnded,
}

/// A line of [`ControlMessage::Report`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReportLine {
    /// What happened.
    pub kind: ReportKind,
    /// The session.
    pub session: u64,
    /// The calling client's id.
    pub client: u64,
    /// The call.
    pub rpc: u64,
}

/// A call with leases, as one end knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutstandingCall {
    /// The end that tells is the callee.
    pub is_callee: bool,
    /// The callee has its answer, or the caller is waiting for nothing more.
    pub is_answered: bool,
    /// The session.
    pub session: u64,
    /// The calling client's id.
    pub client: u64,
    /// The call.
    pub rpc: u64,
    /// The callee's instance.
    pub instance: u32,
}

/// Why the control plane refuses a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[repr(u8)]
pub enum ControlRefusal {
    /// The name, an address or the server's number belongs to another node that lives.
    #[error("the name, an address or the number belongs to another node that lives")]
    Taken = 1,
    /// The rack does not know this node, and takes only those that it knows.
    #[error("the rack does not know this node, and takes only those that it knows")]
    Unknown = 2,
    /// The announcement and the rack's description differ.
    #[error("the rack's description says otherwise of this node")]
    Differs = 3,
    /// The rack has as much as it can hold.
    #[error("the rack has as much as it can hold")]
    Full = 4,
    /// A method's field is that of another service's method.
    #[error("a method cannot be told apart from another service's")]
    Collision = 5,
    /// The message makes no sense.
    #[error("the control plane finds no sense in it")]
    Malformed = 6,
    /// The control plane is not ready; later it may be.
    #[error("the control plane is not ready")]
    NotReady = 7,
}

/// The body of a CONTROL packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ControlMessage {
    /// Node: it comes up. Answers: `Challenge`, `Welcome`, `Refused`.
    Announce(Announce),
    /// Node: it serves a service. Answers: `Confirmed`, `Refused`.
    Serve(Serve),
    /// Node: it lives. Answers: `Alive`, `Fenced`.
    Heartbeat,
    /// Node: what became of calls and sessions, at most [`REPORTS_MAX`] lines. Answer: `Confirmed`.
    Report(Vec<ReportLine>),
    /// Node: it goes, in good order. Answer: `Confirmed`.
    Leave,
    /// Node: calls with leases that it knows, and whether it knows more; in answer to `Query`. At most [`REPORTS_MAX`].
    Outstanding {
        /// The calls.
        calls: Vec<OutstandingCall>,
        /// There are more: to be asked for after the last of these.
        more: bool,
    },
    /// Control plane: the announcement is to be repeated with this token.
    Challenge([u8; CONTROL_TOKEN_BYTES]),
    /// Control plane: the node is taken in.
    Welcome(Welcome),
    /// Control plane: done.
    Confirmed,
    /// Control plane: not done.
    Refused(ControlRefusal),
    /// Control plane: it has heard of the node, and the numbers of the memory servers that are there.
    Alive {
        /// The control plane's term.
        term: u64,
        /// The memory servers.
        servers: Vec<u8>,
    },
    /// Control plane: this incarnation has ended, if the node thinks that it lives; it may announce itself anew.
    Fenced,
    /// Control plane: which calls with leases does the node know after this one of the session (0, 0: from the first on)? Is it there? Answer:
    /// `Outstanding`.
    Query {
        /// The session of the last call told of.
        session: u64,
        /// Its RPC id.
        rpc: u64,
    },
}
