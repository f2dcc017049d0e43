//! Benchmarks of cases, in each of which variants take turns: what `switch` and `rack` have in common, and `codec` where it can.

mod plan;
mod report;
mod runner;

use anyhow::{Result, ensure};

pub(crate) use plan::Plan;
pub(crate) use runner::{Start, Subject};

use crate::cli::Args;
use crate::rows::Output;

/// Something that is measured.
pub(crate) trait Case: Copy + 'static {
    /// What the command line calls the benchmark.
    const BENCH: &'static str;
    /// In the order in which they are measured.
    const ALL: &'static [Self];

    /// What the command line calls it.
    fn name(self) -> &'static str;

    /// In the order in which they take turns.
    fn variants(self) -> &'static [&'static str];
}

/// A case whose samples are numbers, and nothing else is said of its rows.
pub(crate) trait Measured: Case {
    /// The variants that others are compared with, with their keys in JSON and the headings of their columns.
    const COMPARED: &'static [(&'static str, &'static str, &'static str)];

    /// What a sample is.
    fn unit(self) -> Unit;

    /// Of a case whose samples take seconds: rounds at most, each of one sample with none before it.
    fn rounds_max(self) -> Option<u32> {
        None
    }
}

/// What a sample is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Nanoseconds,
    PerSecond,
    /// Of memory, for each of what is counted.
    Bytes,
    /// Times in which a node is suspected.
    Suspicions,
}

impl Unit {
    /// In comma-separated values, and in the keys of JSON.
    fn key(self) -> &'static str {
        match self {
            Self::Nanoseconds => "ns",
            Self::PerSecond => "per_second",
            Self::Bytes => "bytes",
            Self::Suspicions => "suspicions",
        }
    }

    /// For people.
    fn text(self) -> &'static str {
        if self == Self::PerSecond { "a second" } else { self.key() }
    }

    /// Whether it is a time, of which more than the median is told.
    fn is_time(self) -> bool {
        matches!(self, Self::Nanoseconds | Self::Suspicions)
    }
}

/// Measures as `args` say and puts the figures out.
///
/// # Errors
/// When an option does not hold, a file cannot be written, or some variant failed; in the last case after all figures have been put out.
pub(crate) fn run<C: Measured>(args: &Args, start: Start<C>) -> Result<()> {
    let plan = Plan::of(args)?;
    let mut output = Output::<report::Table<C>>::open(args, plan.placement.name)?;
    let failures = runner::run(&plan, start, &mut |rows| output.take(&rows))?;
    output.finish(&plan.notes())?;
    ensure!(failures == 0, "measurements that failed: {failures}; they are named above");
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        args: Args,
    }

    /// A benchmark's options.
    pub(crate) fn args<C: Case>(options: &str) -> Result<Args> {
        let words = ["bench", C::BENCH].into_iter().chain(options.split_whitespace());
        Ok(Command::try_parse_from(words)?.args)
    }

    /// The plan that they make.
    pub(crate) fn plan<C: Case>(options: &str) -> Result<Plan<C>> {
        Plan::of(&args::<C>(options)?)
    }

    /// That what is wrong is named: options, and what is said of them.
    pub(crate) fn refuses<C: Case>(wrong: &[(&str, &str)]) {
        for (options, complaint) in wrong {
            let Err(error) = plan::<C>(options) else { panic!("{options} is taken") };
            assert!(error.to_string().contains(complaint), "{options}: {error}");
        }
    }
}
