//! What the calls want done.

use super::super::output::{Holder, MemoryMessage, Way};
use super::made::Made;
use crate::rules::Decision;

/// Names something that is to be answered. Never used twice.
pub type Ticket = u64;

/// Something to be done. Those of a kind are done in the order given, `Tell` for each server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Sends a control message to a memory server; answered by [`Calls::handle_told`](super::Calls::handle_told).
    Tell {
        /// The server.
        server: u8,
        /// Names the answer.
        ticket: Ticket,
        /// The message.
        message: MemoryMessage,
    },
    /// Changes rights in the switch's tables: [`Decision::Grant`] and [`Decision::Revoke`]. Answered by
    /// [`Calls::handle_changed`](super::Calls::handle_changed), once this and all that was given before it is in force.
    Change {
        /// Names the answer.
        ticket: Ticket,
        /// What is changed, in order.
        decisions: Vec<Decision>,
    },
    /// Sends a frame.
    Send {
        /// How.
        way: Way,
        /// The frame.
        frame: Vec<u8>,
    },
    /// Sends a packet of the control plane's own in a sealed session.
    Say {
        /// How.
        way: Way,
        /// The life of a node whose end it is for; it is named by the address that the end has, which need not be the node's first.
        to: Holder,
        /// The packet.
        packet: Made,
    },
    /// All memory servers have cleaned up after an incarnation that was [ended](super::Calls::end_node): its address may be used by the
    /// next one.
    Cleaned(Holder),
}
