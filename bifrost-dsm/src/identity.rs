//! Who asks.

use std::fmt;
use std::net::Ipv6Addr;

/// A machine of the rack, named by the address its packets come from (an IPv4 address in its mapped form).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node(pub Ipv6Addr);

/// One life of a node. Rights belong to it; the processes of the node share them, its next life does not have them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Holder {
    /// The node.
    pub node: Node,
    /// Its incarnation: a number that the control plane gives each time the node joins, and that rises.
    pub incarnation: u32,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.node.0, self.incarnation)
    }
}

/// A process that sends operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Client {
    /// The node it runs on.
    pub holder: Holder,
    /// The random id it drew when it started.
    pub id: u64,
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{:x}", self.holder, self.id)
    }
}
