//! The memory server of a Bifröst rack.
//!
//! [`Memory`] is its brain, without sockets, clock or threads: it takes operations and control messages, and says what came
//! of them. [`daemon`] puts it behind the transport, [`front`] lets the control plane reach it. `docs/memory.md` is the normative text.

mod access;
mod block;
pub mod checks;
mod config;
mod content;
mod control;
pub mod daemon;
pub mod front;
mod identity;
mod ledger;
#[cfg(feature = "_sim")]
pub mod linear;
mod memory;
mod metrics;
mod operation;
mod pieces;
mod refusal;
mod retired;
mod sent;
#[cfg(feature = "_sim")]
pub mod sim;
mod table;

pub use access::{CallKey, ObjectRow};
pub use bifrost_rpc::memory::{ObjectId, Pointer};
pub use config::{BATCH_STEPS_MAX, Config};
pub use control::{CONTROL_OBJECTS_MAX, Control, Controlled, Stamp};
pub use identity::{Client, Holder, Node};
pub use memory::{Announce, Memory, Page, Place, Retired, Staged};
pub use metrics::{Metrics, Operations};
pub use operation::{Action, Answer, Data, Outcome, READ_TO_END_BYTES_MAX, Request, Step, Submitted, Work};
pub use refusal::Refusal;
pub use sent::{SentAnswer, SentBatch};
