//! Gatekeeper, the control plane of a rack: who is there, who serves what, who may touch which object, which calls run.
//! `docs/gatekeeper.md` is the normative text.
//!
//! [`Input`] and [`Output`] are what goes in and out of the state machine: it has no socket, clock, thread, file or randomness
//! but from its seed.

pub mod calls;
mod input;
mod output;
mod record;

pub use input::{Answered, Input, Reason, ServerObject, ServerTable};
pub use output::{CallKey, Holder, MemoryMessage, Output, Way};
pub use record::Record;
