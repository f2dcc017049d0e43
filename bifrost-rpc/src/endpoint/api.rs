//! What goes in and out of an [`Endpoint`], datagrams aside.

#[cfg(doc)]
use super::Endpoint;
use super::error::CallError;
use super::memory_api::{MemoryAnswer, MemoryOperation};
use super::time::Time;
use crate::buffer::Message;
use crate::wire::{MethodField, Pointer};
use std::net::SocketAddr;
use std::time::Duration;

/// A call, as its caller names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(pub(super) u64);

/// A call, as its callee names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServedCall {
    pub(super) session: u64,
    pub(super) rpc: u64,
}

impl ServedCall {
    /// Its session: 64 random bits, never used twice.
    #[must_use]
    pub const fn session(self) -> u64 {
        self.session
    }

    /// Its id, which rises within a client.
    #[must_use]
    pub const fn rpc(self) -> u64 {
        self.rpc
    }
}

#[cfg(feature = "_sim")]
impl ServedCall {
    /// Session and number of the call, as they stand in its packets.
    pub(crate) const fn parts(self) -> (u64, u64) {
        (self.session, self.rpc)
    }
}

/// A call to be made.
#[derive(Debug)]
pub struct Request {
    /// The method, as the server registered it.
    pub method: MethodField,
    /// Hash of the service's name ([`service_hash`]): calls to one service at one address share a session.
    pub service: u64,
    /// No answer is expected; the call ends when the server has it.
    pub oneway: bool,
    /// A call whose outcome is unknown may be issued again.
    pub idempotent: bool,
    /// Time allowed for the call, at most 71 minutes on the wire.
    pub deadline: Option<Duration>,
    /// Whether the caller understands references in the answer; it counts only if
    /// [`Config::references`](super::Config::references) is set.
    pub references: bool,
    /// The Thrift message, with its pointers.
    pub message: Message,
}

/// What names a service in [`Request::service`].
#[must_use]
pub fn service_hash(service: &str) -> u64 {
    crate::wire::fnv1a(service.bytes())
}

/// What a callee answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerKind {
    /// A Thrift REPLY: a result or a declared exception.
    Reply,
    /// A Thrift EXCEPTION: an application exception.
    Exception,
}

/// An answered call, as its caller sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered {
    /// The answer's Thrift message, and its pointers.
    Message(AnswerKind, Vec<u8>, Vec<Pointer>),
    /// A oneway call has reached the server.
    Delivered,
    /// There is a session: what [`Endpoint::ask_session`] wanted to know.
    Session {
        /// Whether the server understands references.
        references: bool,
    },
    /// A memory operation's answer.
    Memory(MemoryAnswer),
}

/// What happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// A call of ours has ended.
    Answer {
        /// The call.
        call: CallId,
        /// Its end.
        result: Result<Answered, CallError>,
    },
    /// A call to run. It is answered with [`Endpoint::reply`], or with [`Endpoint::done`] if it is oneway, or given
    /// back with [`Endpoint::refuse_busy`].
    Call {
        /// The call.
        call: ServedCall,
        /// Who calls.
        peer: SocketAddr,
        /// The calling client's id; with that of the call it names the call in all its packets.
        client: u64,
        /// The method, one of those registered.
        method: MethodField,
        /// The service it was registered with.
        service: u32,
        /// Whether no answer is expected.
        oneway: bool,
        /// The Thrift message.
        message: Vec<u8>,
        /// The pointers that its packets told of.
        pointers: Vec<Pointer>,
        /// Whether the caller understands references in the answer.
        references: bool,
        /// When the caller gives it up.
        deadline: Option<Time>,
    },
    /// The data of a memory operation have begun to arrive. It can be answered at once: then they are not waited for.
    MemoryAnnounced {
        /// The operation.
        operation: MemoryOperation,
        /// Bytes that are to come, in all.
        bytes: u32,
    },
    /// A memory operation to be done. It is answered with [`Endpoint::answer_memory`], or given back with
    /// [`Endpoint::refuse_busy`].
    Memory {
        /// The operation.
        operation: MemoryOperation,
        /// The data that came with it, in a buffer that has no spare capacity, unless it is a batch.
        body: Vec<u8>,
    },
    /// The caller no longer waits for a call that was not answered yet, or for a memory operation that was announced. If
    /// it was not started, it need not be. Where endpoints [report](super::Config::reports), [`Endpoint::done`] has to say that it
    /// will not start, or has ended without an answer. Data of a memory operation that stopped coming are reported so, too; should
    /// it come again, it is announced again.
    Cancelled {
        /// The call.
        call: ServedCall,
    },
    /// A memory session has ended: no operation of it comes any more.
    MemorySessionEnded {
        /// The session, as [`ServedCall::session`] says it.
        session: u64,
    },
}

/// What an endpoint has counted since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Packets taken in.
    pub packets_in: u64,
    /// Packets sent.
    pub packets_out: u64,
    /// Datagrams that are no Bifröst packets, or malformed ones.
    pub malformed: u64,
    /// Packets that did not open with the key.
    pub unauthentic: u64,
    /// Calls that came again and were not run again.
    pub duplicates: u64,
    /// Packets sent because an earlier one brought no answer in time.
    pub timeouts: u64,
    /// REFUSED packets sent.
    pub refusals: u64,
    /// Packets of unknown sessions.
    pub strays: u64,
    /// Packets dropped because memory would exceed its bound.
    pub over_budget: u64,
    /// Packets whose address is not their pointer, where links route by pointers.
    pub misplaced: u64,
    /// Datagrams that are not one packet each, behind a switch. Those that came by a link are counted there:
    /// [`Link::odd_frames`](crate::Link::odd_frames).
    pub odd: u64,
}

/// What an endpoint holds at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Sessions as caller, opening ones included.
    pub caller_sessions: usize,
    /// Sessions as callee.
    pub callee_sessions: usize,
    /// Calls of ours that have not ended.
    pub calls: usize,
    /// Calls remembered as callee: arriving, running, answered.
    pub served: usize,
    /// Bytes of arriving messages and kept answers.
    pub bytes: usize,
    /// Of these, bytes of answers that are sent from memory shared with whoever gave them.
    pub pinned: usize,
}

impl Stats {
    /// The sums of two endpoints' counts.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            packets_in: self.packets_in + other.packets_in,
            packets_out: self.packets_out + other.packets_out,
            malformed: self.malformed + other.malformed,
            unauthentic: self.unauthentic + other.unauthentic,
            duplicates: self.duplicates + other.duplicates,
            timeouts: self.timeouts + other.timeouts,
            refusals: self.refusals + other.refusals,
            strays: self.strays + other.strays,
            over_budget: self.over_budget + other.over_budget,
            misplaced: self.misplaced + other.misplaced,
            odd: self.odd + other.odd,
        }
    }
}

impl Usage {
    /// What two endpoints hold together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            caller_sessions: self.caller_sessions + other.caller_sessions,
            callee_sessions: self.callee_sessions + other.callee_sessions,
            calls: self.calls + other.calls,
            served: self.served + other.served,
            bytes: self.bytes + other.bytes,
            pinned: self.pinned + other.pinned,
        }
    }
}
