//! Gatekeeper, the control plane of a rack: who is there, who serves what, who may touch which object, which calls run.
//! `docs/gatekeeper.md` is the normative text.
//!
//! [`Input`] and [`Output`] are what goes in and out of the state machine: it has no socket, clock, thread, file or randomness
//! but from its seed.

pub mod calls;
mod checks;
mod config;
mod control;
mod counters;
mod described;
mod directory;
mod input;
mod joining;
mod life;
mod machine;
mod members;
mod numbered;
mod orders;
mod outbox;
mod output;
mod record;
mod recovery;
mod replay;
mod services;
mod serving;
mod status;
mod then;
mod token;
mod unconfirmed;
mod unserved;

pub use checks::{Check, Checks};
pub use config::Config;
pub use counters::Counters;
pub use input::{Answered, Input, Reason, ServerObject, ServerTable};
pub use machine::Gatekeeper;
pub use output::{CallKey, Holder, MemoryMessage, Output, Way};
pub use record::Record;
pub use status::{Instance, Resource, ResourceState, Status};

#[cfg(test)]
mod tests;
