//! `bench breakdown`: where the time of one `increment` goes, in six parts that add up to the whole.
//!
//! Both processes note when a call reaches certain [points](crate::points), on one clock. Nothing else differs from
//! what `increment` runs; how much the notes cost is measured too, by calls that note nothing.

mod output;
mod parts;
mod plot;
mod report;
mod runner;

use anyhow::{Result, ensure};

use crate::cli::Args;
use crate::plan::Plan;

/// What the command line calls it.
pub(crate) const NAME: &str = "breakdown";

/// Measures as `args` say and puts the figures out.
///
/// # Errors
/// When an option does not hold, a call fails, or a file cannot be written.
pub(crate) fn run(args: &Args, plan: &Plan) -> Result<()> {
    ensure!(args.csv.is_none(), "`breakdown` writes no CSV but with `--save`");
    let mut output = output::Output::open(args, plan)?;
    runner::run(plan, &mut |rows| output.take(&rows))?;
    output.finish(plan)
}
