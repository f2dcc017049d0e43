//! What comes out of the state machine.

use super::record::Record;
use crate::rules::{EntryChange, Scope};
use bifrost_rpc::wire::Pointer;
use std::net::Ipv6Addr;

/// How a frame leaves the switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// As the forwarding tables have it.
    Route,
    /// By this port, as it is.
    Port(u16),
}

/// One life of a node: its address and its incarnation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Holder {
    /// The address that its packets come from.
    pub node: Ipv6Addr,
    /// The number of this life.
    pub incarnation: u32,
}

/// A call, as memory servers name it: client id and RPC id.
pub type CallKey = (u64, u64);

/// A control message to a memory server: `docs/memory.md`, section 7.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemoryMessage {
    /// `to` controls an object that nobody controls.
    Grant {
        /// The object.
        object: Pointer,
        /// Who controls it from now on.
        to: Holder,
    },
    /// A call leases objects to its callee.
    Lease {
        /// The call.
        call: CallKey,
        /// Who calls.
        caller: Holder,
        /// Who is called.
        callee: Holder,
        /// What is passed.
        objects: Vec<Pointer>,
    },
    /// A call's leases end.
    Release(CallKey),
    /// A call's leases end; of the objects returned the caller controls those that the callee did.
    Reply {
        /// The call.
        call: CallKey,
        /// The callee.
        from: Holder,
        /// The caller.
        to: Holder,
        /// The pointers in the reply.
        returned: Vec<Pointer>,
    },
    /// An incarnation has ended; what it controlled is freed, what is leased to it is not any more.
    Cleanup(Holder),
    /// Nobody controls an object that `from` did.
    Revoke {
        /// The object.
        object: Pointer,
        /// Who controlled it.
        from: Holder,
    },
    /// Objects that `from` controls are freed on its behalf; others stay as they are.
    Reclaim {
        /// The objects.
        objects: Vec<Pointer>,
        /// Who controls them.
        from: Holder,
    },
}

/// What is to be done. The driver does all of a kind in the order given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Sends a packet-out.
    Send {
        /// How.
        way: Way,
        /// The frame.
        frame: Vec<u8>,
    },
    /// Changes the switch's tables; answered by [`Input::Changed`](super::Input::Changed).
    Change {
        /// Names the batch.
        batch: u64,
        /// The changes, in order.
        changes: Vec<EntryChange>,
    },
    /// Makes the switch's tables say exactly what the state machine's own rules have, and nothing else; answered as a batch is.
    Reconcile {
        /// Names the batch.
        batch: u64,
        /// Which tables. Before it knows the rights, those of the description alone: the others stay as they are.
        scope: Scope,
    },
    /// Sends a control message to a memory server; answered by [`Input::Memory`](super::Input::Memory).
    Memory {
        /// The server.
        server: u8,
        /// The present term.
        term: u64,
        /// Counts this server's messages of the term, from 1.
        sequence: u64,
        /// The message.
        message: MemoryMessage,
    },
    /// Reads a memory server's whole table; answered by [`Input::Table`](super::Input::Table).
    ReadTable {
        /// The server.
        server: u8,
    },
    /// A memory server is there at this port and Ethernet address, or no longer: control messages go to it, or are given up.
    Server {
        /// The server.
        server: u8,
        /// Where; `None`: it is gone.
        at: Option<(u16, [u8; 6])>,
    },
    /// Another control plane has begun a later term: this one does nothing more.
    Deposed,
    /// Writes a record to the durable log; answered by [`Input::Logged`](super::Input::Logged) if it is to be waited for.
    Log {
        /// Counts the records, from 1.
        number: u64,
        /// The record.
        record: Record,
    },
}
