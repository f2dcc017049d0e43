//! `bench rack`: what the control plane and a whole rack cost, beside a plain relay and a raw socket.
//!
//! The switch with Gatekeeper, the memory server, each server and the relay are processes of their own, as users run them; clients are in this one.
//! The state machine alone is measured in a world that does at once what it says.

mod case;
mod live;
mod machines;
mod part;
mod service;
mod subjects;

use anyhow::Result;

use self::case::Case;
use crate::cases;
use crate::cli::Args;

pub(crate) use part::part_main;

/// What the command line calls it.
pub(crate) const NAME: &str = "rack";

/// Measures as `args` say and puts the figures out.
///
/// # Errors
/// As [`cases::run`].
pub(crate) fn run(args: &Args) -> Result<()> {
    cases::run::<Case>(args, subjects::start)
}
