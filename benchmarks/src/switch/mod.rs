//! `bench switch`: the embedded switch against BMv2's `simple_switch` and a plain UDP relay, on the rack's own program.
//!
//! All three get the same frames, and both switches the same entries through the same interface. Everything but BMv2 runs in
//! threads of this process, so a round trip compares what the threads do and not where they are. What is not there is left out, with a word on standard
//! error. Samples are short, so that a machine that does something else in between spoils few of them.

mod case;
mod rack;
mod subjects;

use anyhow::Result;

use self::case::Case;
use crate::cases;
use crate::cli::Args;

/// What the command line calls it.
pub(crate) const NAME: &str = "switch";

/// Measures as `args` say and puts the figures out.
///
/// # Errors
/// As [`cases::run`].
pub(crate) fn run(args: &Args) -> Result<()> {
    cases::run::<Case>(args, subjects::start)
}
