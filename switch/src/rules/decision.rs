//! What a control plane decides while the rack runs.

use super::access::Operations;
use super::topology::{MemoryServer, Node};
use bifrost_rpc::wire::{MethodField, Pointer};
use std::net::Ipv6Addr;

/// A decision.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// A node comes, or comes back: its addresses are blocked no longer.
    NodeJoins(Node),
    /// A node goes in good order: nothing of it stays.
    NodeLeaves(String),
    /// A node is declared dead: its addresses are blocked, its rights and all that it serves are gone. Held instances stay held.
    NodeDies(String),
    /// A service has these methods, each with what is tracked of it. Methods that it has already stay as they are; a service that no manifest
    /// has gets a number.
    ServiceDeclared {
        /// The service's name.
        service: String,
        /// Methods and their tracking.
        methods: Vec<(MethodField, u8)>,
    },
    /// A node serves a service and takes new sessions, before an instance is known by number. `at`: which of its addresses, for a node
    /// that does not own the service's; by default its first one.
    ServiceStarts {
        /// The service's name.
        service: String,
        /// The node's name.
        node: String,
        /// Where it takes calls.
        at: Option<Ipv6Addr>,
    },
    /// A node takes no new sessions of a service.
    ServiceDrains {
        /// The service's name.
        service: String,
        /// The node's name.
        node: String,
    },
    /// A node serves a service no longer.
    ServiceStops {
        /// The service's name.
        service: String,
        /// The node's name.
        node: String,
    },
    /// An instance begins to serve a service; its node takes new sessions. It may serve several, where the node owns the services' addresses.
    InstanceStarts {
        /// Its number, as packets name it.
        instance: u32,
        /// The service's name.
        service: String,
        /// The node's name.
        node: String,
        /// Where it takes calls.
        at: Option<Ipv6Addr>,
    },
    /// An instance serves a service no longer. It ends with its last one.
    InstanceServesNot {
        /// Its number.
        instance: u32,
        /// The service's name.
        service: String,
    },
    /// An instance ends.
    InstanceEnds(u32),
    /// What goes to an instance is held at the control plane.
    InstanceHeld(u32),
    /// An instance goes on, on the same or another node.
    InstanceRestored {
        /// Its number.
        instance: u32,
        /// The node's name.
        node: String,
        /// Where it takes calls.
        at: Option<Ipv6Addr>,
    },
    /// A memory server comes, or comes back.
    MemoryJoins(MemoryServer),
    /// A memory server goes in good order; rights to its objects are gone.
    MemoryLeaves(u8),
    /// A memory server is declared dead: its addresses are blocked, rights to its objects are gone.
    MemoryDies(u8),
    /// Operations on an object are allowed to a node's address. The memory server was told already.
    Grant {
        /// The object.
        pointer: Pointer,
        /// What is allowed, besides what is already.
        operations: Operations,
        /// An address of a node.
        source: Ipv6Addr,
    },
    /// Operations on an object are allowed to an address no longer. The memory server was told already.
    Revoke {
        /// The object.
        pointer: Pointer,
        /// What is taken away, where it was allowed.
        operations: Operations,
        /// The address.
        source: Ipv6Addr,
    },
    /// An object was freed: all rights to it are gone.
    Freed(Pointer),
}
