//! What goes into the state machine.

use bifrost_rpc::wire::Pointer;
use std::net::Ipv6Addr;

/// Why the data plane hands a packet over: `docs/switch.md`, section 7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Reason {
    /// An entry leads to the control plane's port.
    Delivered = 1,
    /// A copy, for tracing.
    Mirror = 2,
    /// A method that nobody serves.
    Unserved = 3,
    /// A method that is tracked.
    Tracked = 4,
    /// Pointers, or a call that leases some.
    Lease = 5,
    /// For an instance that is held.
    Held = 6,
    /// An ALLOC, or its answer.
    Alloc = 7,
    /// A FREE, or its answer.
    Free = 8,
    /// CONTROL of an announced source.
    Control = 9,
    /// CONTROL of a source that was not announced.
    Stranger = 10,
    /// CONTROL of a source that is blocked.
    Fenced = 11,
}

/// What a memory server said to a control message.
///
/// Without an answer (its process ended, the session broke) the driver sends the same message again under the same stamp, until the state machine
/// declares the server dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// Applied; how many objects and leases it changed.
    Applied(u64),
    /// Refused, with this code of `docs/memory.md`, section 9. Its number is used up, and nothing has changed.
    Refused(u16),
    /// The server has heard of a later term: another control plane has taken over.
    OldTerm,
}

/// A page of a memory server's access table, as it is read after a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerTable {
    /// The server's boot number.
    pub boot: u32,
    /// Objects: who controls each (address and incarnation), whether it is freed, and the calls that lease it to whom.
    pub objects: Vec<ServerObject>,
    /// The id of the newest object that it has made: those before it that are in no page are gone.
    pub newest: u64,
    /// The highest ended incarnation of each node.
    pub ended: Vec<(Ipv6Addr, u32)>,
    /// Further pages follow.
    pub more: bool,
}

/// An object of [`ServerTable`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerObject {
    /// Its pointer.
    pub pointer: Pointer,
    /// Who controls it.
    pub control: Option<(Ipv6Addr, u32)>,
    /// Its controller has freed it.
    pub freed: bool,
    /// Client and RPC id of each call that leases it, and who may read it for that.
    pub leases: Vec<((u64, u64), (Ipv6Addr, u32))>,
    /// Client and RPC id of the call whose answer gave it to who controls it.
    pub given_by: Option<(u64, u64)>,
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input<'a> {
    /// A packet-in, without its header.
    Packet {
        /// Why.
        reason: Reason,
        /// The port that it came in by.
        port: u16,
        /// The frame.
        frame: &'a [u8],
    },
    /// A memory server has answered a control message.
    Memory {
        /// The server.
        server: u8,
        /// The message's sequence number in the present term.
        sequence: u64,
        /// What it said.
        answered: Answered,
    },
    /// A memory server has told its table.
    Table {
        /// The server.
        server: u8,
        /// A page of it.
        page: ServerTable,
    },
    /// The switch's tables say what a batch wanted; or the switch refused, and it was told in words to the operator.
    Changed {
        /// The batch.
        batch: u64,
        /// Whether all of it was done.
        is_done: bool,
    },
    /// The switch has lost its tables.
    SwitchRestarted,
    /// All log records up to this number are on stable storage.
    Logged(u64),
    /// Nothing more comes on stable storage.
    LogFailed,
}
