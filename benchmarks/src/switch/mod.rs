//! `bench switch`: the embedded switch against BMv2's `simple_switch` and a plain UDP relay, on the rack's own program.
//!
//! All three get the same frames, and both switches the same entries through the same interface. Everything but BMv2 runs in
//! threads of this process, so a round trip compares what the threads do and not where they are. What is not there is left out, with a word on standard
//! error. Samples are short, so that a machine that does something else in between spoils few of them.

mod plan;
mod rack;
mod report;
mod runner;
mod subjects;

use anyhow::Result;

use self::plan::Plan;
use crate::cli::Args;
use crate::machine;
use crate::rows::Output;

/// What the command line calls it.
pub(crate) const NAME: &str = "switch";

/// Measures as `args` say and puts the figures out.
///
/// # Errors
/// When an option does not hold, a frame is lost or does not arrive as it should, or a file cannot be written.
pub(crate) fn run(args: &Args) -> Result<()> {
    let plan = Plan::of(args)?;
    let mut output = Output::<report::Table>::open(args, plan.placement.name)?;
    runner::run(&plan, &mut |rows| output.take(&rows))?;
    output.finish(&notes(&plan))
}

/// What was measured where.
fn notes(plan: &Plan) -> String {
    let placement = match plan.placement.cores {
        Some((core, _)) => format!("{}: processor {core}", plan.placement.name),
        None => plan.placement.name.to_owned(),
    };
    machine::local_notes([
        ("placement", placement),
        ("rounds", plan.rounds.to_string()),
        ("samples of one variant in one round, at most", plan.iterations.to_string()),
        ("time of one variant in one round", format!("{} ms", plan.budget.as_millis())),
    ])
}
