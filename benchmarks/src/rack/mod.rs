//! `bench rack`: what the control plane and a whole rack cost, beside a plain relay and a raw socket.
//!
//! Switch, Gatekeeper, memory server, nodes, relay and raw socket are threads of this process, and talk over UDP: a ratio compares what they do, and
//! not where they are. The state machine alone is measured in a world that does at once what it says.

mod plan;
mod report;
mod runner;
mod subjects;

use anyhow::Result;

use self::plan::Plan;
use crate::cli::Args;
use crate::machine;
use crate::rows::Output;

/// What the command line calls it.
pub(crate) const NAME: &str = "rack";

/// Measures as `args` say and puts the figures out.
///
/// # Errors
/// When an option does not hold, a call fails, or a file cannot be written.
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
