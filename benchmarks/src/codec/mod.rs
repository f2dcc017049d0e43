//! `bench codec`: encoders and decoders on the same values, in one process, without a network.
//!
//! All variants encode and decode the same Rust types (`idl/codec.thrift`), with maps in the same order. Before
//! anything is timed their encodings are compared and decoded. A sample is the mean of a batch of at least 20 µs.
//! Encoding goes into memory that is used again; decoding is from memory, and includes dropping the value.

mod blob;
mod cases;
mod peers;
mod plan;
mod report;
mod runner;
mod shapes;
mod subject;

use anyhow::Result;

use self::plan::Plan;
use crate::cli::Args;
use crate::machine;
use crate::rows::Output;

/// What the command line calls it.
pub(crate) const NAME: &str = "codec";

/// Measures as `args` say and puts the figures out.
///
/// # Errors
/// When an option does not hold, a variant does not encode or decode as the others do, or a file cannot be written.
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
        ("batches of one variant in one round, at most", plan.batches.to_string()),
        ("time of one variant in one round", format!("{} ms", plan.budget.as_millis())),
    ])
}
