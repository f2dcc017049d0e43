//! `bench codec`: encoders and decoders on the same values, in one process, without a network.
//!
//! All variants encode and decode the same Rust types (`idl/codec.thrift`), with maps in the same order. Before
//! anything is timed their encodings are compared and decoded. A sample is the mean of a batch of at least 20 µs.
//! Encoding goes into memory that is used again; decoding is from memory, and includes dropping the value.

mod blob;
mod cases;
mod peers;
mod report;
mod runner;
mod shapes;
mod subject;

use anyhow::{Result, ensure};

use self::cases::Case;
use crate::cases::Plan;
use crate::cli::Args;
use crate::rows::Output;

/// What the command line calls it.
pub(crate) const NAME: &str = "codec";

/// Measures as `args` say and puts the figures out.
///
/// # Errors
/// When an option does not hold, a variant does not encode or decode as the others do, or a file cannot be written.
pub(crate) fn run(args: &Args) -> Result<()> {
    let plan = plan(args)?;
    let mut output = Output::<report::Table>::open(args, plan.placement.name)?;
    runner::run(&plan, &mut |rows| output.take(&rows))?;
    output.finish(&plan.notes())
}

fn plan(args: &Args) -> Result<Plan<Case>> {
    ensure!(args.pin != "cross", "`codec` runs on one processor: `--pin same` or `none`");
    Plan::of(args)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::tests;

    #[test]
    fn what_is_not_there_is_named() {
        tests::refuses::<Case>(&[("--cases struct11", "struct10"), ("--variants binary", "apache-binary")]);
        tests::refuses::<Case>(&[("--plot plots", "no plot"), ("--key file", "seals nothing")]);
        let mut args = tests::args::<Case>("--pin none").unwrap();
        assert_eq!(plan(&args).unwrap().placement.name, "none");
        args.pin = "cross".to_owned();
        assert!(plan(&args).unwrap_err().to_string().contains("one processor"));
    }
}
