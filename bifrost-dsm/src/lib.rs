//! The memory server of a Bifröst rack: its brain, without sockets, clock or threads.

mod block;
pub mod checks;
mod config;
mod content;
mod identity;
mod ledger;
pub mod pointer;
mod refusal;

pub use config::{BATCH_STEPS_MAX, Config};
pub use identity::{Client, Holder, Node};
pub use pointer::{ObjectId, Pointer};
pub use refusal::Refusal;
