//! What is to be done when something under way is done.

use super::calls::Ticket;
use super::members::NodeId;

/// A continuation. Lives are named by node and incarnation: what concerns one that is over does nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// The term is on stable storage.
    Begin,
    /// Memory servers and nodes can be heard.
    Ask,
    /// A memory server has heard of the term: its table is read.
    Read(u8),
    /// The tables say what the rules do.
    Reconciled,
    /// A node's new life is on stable storage.
    JoinLogged(NodeId, u32),
    /// A new memory server knows which incarnations have ended.
    ServerTold(NodeId, u32),
    /// A node is in the tables.
    InTables(NodeId, u32),
    /// The end of a life is on stable storage.
    EndLogged(NodeId, u32),
    /// A node is out of the tables.
    EndedInTables(NodeId, u32),
    /// A node's request about a service is in the tables.
    Served {
        /// The node.
        node: NodeId,
        /// Its life.
        incarnation: u32,
        /// The request.
        number: u64,
    },
    /// A memory server has answered the calls' message.
    Told(Ticket),
    /// The calls' change is in the tables.
    Changed(Ticket),
    /// Nothing waits.
    Nothing,
}
