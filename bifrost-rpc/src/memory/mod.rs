//! Global memory over the transport: a client's handles, to one server or the rack's, and what a memory server has to implement.
//!
//! A memory operation is a call in a session, with a header that says all and a body that is nothing but data. So a
//! retried operation is done once, a large one is cut, sent and put together as a message is, and what is read or
//! written is not copied on its way but into and out of the sockets. `docs/protocol.md` is the normative text.
//!
//! ```no_run
//! use bifrost_rpc::memory::MemoryClient;
//!
//! let memory = MemoryClient::connect("udp://[::1]:7500")?;
//! let object = memory.alloc_and_write(vec![7; 1 << 20])?;
//! assert_eq!(memory.read(object, 4096, 4)?, [7; 4]);
//! memory.free(object)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod batch;
mod client;
mod error;
mod global;
mod handler;
mod pending;
mod together;

pub use crate::endpoint::{MemoryAnswer, MemoryOperation, MemoryReply, MemoryRequest, SPENT_BYTES_MAX, ServedCall};
pub use crate::server::{Later, Unanswered};
pub use crate::wire::{
    ARGUMENT_MAX, Batch, BatchBody, BatchOp, BatchOutcome, MemoryFields, MemoryOp, MemoryStatus, ObjectId,
    PREFIX_DEFAULT, Pointer, PointerError, READ_TO_END,
};
pub use batch::MemoryBatch;
pub use client::MemoryClient;
pub use error::MemoryError;
pub(crate) use global::Allocs;
pub use global::{GlobalMemory, PendingAlloc, ServersError};
pub use handler::MemoryHandler;
pub use pending::PendingMemory;
pub(crate) use together::TOGETHER_BYTES_MAX;
