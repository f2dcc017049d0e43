//! What outlives the control plane: the records of its durable log.

use bifrost_rpc::wire::control::NodeKind;
use std::net::Ipv6Addr;

/// A record. Those of a node replace what the log says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A control plane has begun this term.
    Term(u64),
    /// A node was taken in.
    Node {
        /// Its name.
        name: String,
        /// What it is.
        kind: NodeKind,
        /// Its number of this life.
        incarnation: u32,
        /// Its announcement's nonce.
        nonce: [u8; 16],
        /// Its port.
        port: u16,
        /// Its Ethernet address.
        mac: [u8; 6],
        /// Its addresses.
        addresses: Vec<Ipv6Addr>,
        /// It takes packets at its services' addresses.
        owns_service_addresses: bool,
        /// A memory server's number and boot number.
        memory: Option<(u8, u32)>,
        /// How much of it there is.
        capacity: u64,
        /// What it is in words.
        specification: String,
    },
    /// The last incarnation that an address had, where no node's record says it any more.
    Lived {
        /// The address.
        address: Ipv6Addr,
        /// The incarnation.
        incarnation: u32,
    },
    /// A node serves a service by an instance.
    Serves {
        /// The node's name.
        node: String,
        /// The service's name.
        service: String,
        /// The instance.
        instance: u32,
        /// Its methods: length of the name, field, tracking.
        methods: Vec<(u8, [u8; 16], u8)>,
        /// It takes new sessions.
        is_open: bool,
    },
    /// A node serves a service no longer.
    ServesNot {
        /// The node's name.
        node: String,
        /// The service's name.
        service: String,
        /// The instance.
        instance: u32,
    },
    /// A node's incarnation has ended, in good order or not.
    Ended {
        /// The node's name.
        node: String,
        /// The incarnation.
        incarnation: u32,
        /// It was declared dead: its addresses are blocked.
        is_dead: bool,
    },
}
