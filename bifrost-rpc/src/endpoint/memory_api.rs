//! Memory operations as they are asked for and answered.

use super::ServedCall;
use super::time::Time;
use crate::buffer::Message;
use crate::wire::{MemoryFields, MemoryOp, MemoryStatus, Pointer};
use std::net::SocketAddr;
use std::time::Duration;

/// Bytes of a spent buffer that is received into again, at most.
pub const SPENT_BYTES_MAX: usize = 8 << 20;

/// A memory operation to be done.
#[derive(Debug)]
pub struct MemoryRequest {
    /// The object; for an ALLOC, any pointer of the server.
    pub pointer: Pointer,
    /// What to do; of a batch, its strongest operation.
    pub op: MemoryOp,
    /// The operation's argument, which only the server's handler reads.
    pub argument: u8,
    /// Whether the body is a [`Batch`](crate::wire::Batch).
    pub is_batch: bool,
    /// Where in the object, in bytes.
    pub offset: u64,
    /// How many bytes; of an ALLOC, the object's size.
    pub len: u64,
    /// The data to be written.
    pub body: Message,
    /// Memory for what is read: if it has the capacity it is used and given back in [`MemoryAnswer::body`].
    pub place: Option<Vec<u8>>,
    /// Time allowed, at most 71 minutes on the wire.
    pub deadline: Option<Duration>,
}

/// How a memory operation ended, as its caller sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryAnswer {
    /// What stands in the answer's header.
    pub fields: MemoryFields,
    /// The data that were read.
    pub body: Vec<u8>,
}

impl MemoryAnswer {
    /// How it ended.
    #[must_use]
    pub const fn status(&self) -> MemoryStatus {
        self.fields.status
    }

    /// A detail of the status: a limit, a length, what an ALLOC left free; 0 without one.
    #[must_use]
    pub const fn detail(&self) -> u64 {
        self.fields.previous_write
    }

    /// The object that an ALLOC made.
    #[must_use]
    pub fn allocated(&self) -> Pointer {
        let halves = (u128::from(self.fields.offset) << 64) | u128::from(self.fields.len);
        Pointer::from_bytes(halves.to_be_bytes())
    }
}

/// A memory operation, as its callee sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryOperation {
    /// The operation among all of this endpoint.
    pub call: ServedCall,
    /// Where it comes from.
    pub peer: SocketAddr,
    /// The calling process.
    pub client: u64,
    /// The operation's id, which rises within a client.
    pub rpc: u64,
    /// The session's lowest operation that its client still waits for.
    pub lowest: u64,
    /// The incarnation of the calling node.
    pub incarnation: u32,
    /// What is asked, and where.
    pub fields: MemoryFields,
    /// When the caller gives it up.
    pub deadline: Option<Time>,
}

impl MemoryOperation {
    /// What is asked; of a batch, its strongest operation.
    #[must_use]
    pub fn op(&self) -> MemoryOp {
        // An endpoint passes on only those it knows.
        self.fields.operation().unwrap_or(MemoryOp::Read)
    }
}

/// What a callee answers to a memory operation.
#[derive(Debug)]
pub struct MemoryReply {
    /// How it ended.
    pub status: MemoryStatus,
    /// A detail of the status; 0 without one.
    pub detail: u64,
    /// The object that an ALLOC made.
    pub allocated: Option<Pointer>,
    /// The data read. Large blocks are sent as they are, and kept until the caller says that it has them.
    pub body: Message,
    /// Memory that is not needed any more, to receive into: such as what a write replaced. What has more than [`SPENT_BYTES_MAX`]
    /// is not used again, and better dropped where that holds nobody up.
    pub spent: Option<Vec<u8>>,
    /// More of it: of a batch that freed several objects.
    pub more_spent: Vec<Vec<u8>>,
}

impl MemoryReply {
    /// Done, without data.
    #[must_use]
    pub fn done() -> Self {
        Self::with(MemoryStatus::Ok, 0)
    }

    /// A status with its detail, without data.
    #[must_use]
    pub fn with(status: MemoryStatus, detail: u64) -> Self {
        Self { status, detail, allocated: None, body: Message::empty(), spent: None, more_spent: Vec::new() }
    }

    /// Done: an object was made.
    #[must_use]
    pub fn allocated(pointer: Pointer) -> Self {
        Self { allocated: Some(pointer), ..Self::done() }
    }

    /// Done: an object was made, and so many bytes are left; clients choose servers by it. 0 says nothing.
    #[must_use]
    pub fn allocated_leaving(pointer: Pointer, free_bytes: u64) -> Self {
        Self { allocated: Some(pointer), ..Self::with(MemoryStatus::Ok, free_bytes) }
    }

    /// Done: these data were read.
    #[must_use]
    pub fn data(body: Message) -> Self {
        Self { body, ..Self::done() }
    }
}
