//! How a node attaches to a switch through a tunnel, from both ends, as pure state machines: messages and times in, messages
//! and events out. `docs/tunnel.md` says what they exchange; sockets and threads are the driver's.

mod messages;
mod node;
mod switch;
#[cfg(test)]
mod tests;

pub use node::{NodeEnd, NodeState};
pub use switch::{PortEvent, SwitchEnd};

use std::time::Duration;

/// Time after which a switch forgets a node that it does not hear, by default.
pub const LEASE: Duration = Duration::from_secs(6);

/// Why an attachment was refused or has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DetachReason {
    /// The node left.
    #[error("the node has left")]
    Left,
    /// Somebody else, who knows the key, attached to the port later.
    #[error("the port was taken over from another address")]
    TakenOver,
    /// The port was closed: the switch ends, or no longer has it.
    #[error("the switch closed the port")]
    Closed,
    /// The node was not heard for as long as the lease.
    #[error("the node was not heard any more")]
    Expired,
    /// The switch has no such port, or no port for such a node.
    #[error("the switch has no such port or node")]
    Unknown,
}

impl DetachReason {
    const ALL: [Self; 5] = [Self::Left, Self::TakenOver, Self::Closed, Self::Expired, Self::Unknown];

    fn to_wire(self) -> u64 {
        self as u64
    }

    /// Reasons of a later version are taken for the mildest.
    fn from_wire(number: u64) -> Self {
        usize::try_from(number).ok().and_then(|at| Self::ALL.get(at).copied()).unwrap_or(Self::Closed)
    }
}
