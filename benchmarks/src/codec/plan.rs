//! What to measure: the checked form of the command line.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::cases::Case;
use crate::cli::Args;
use crate::plan::Placement;

/// The variants in the order in which they take turns. Those with `bytes` are of `blob` only.
pub(super) const VARIANTS: [&str; 8] = [
    "apache-binary",
    "apache-compact",
    "pilota-binary",
    "pilota-compact",
    "bifrost-binary",
    "bifrost-compact",
    "bifrost-binary-bytes",
    "bifrost-compact-bytes",
];

/// A whole run.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) cases: Vec<Case>,
    /// Empty for all.
    pub(super) variants: Vec<String>,
    pub(super) rounds: u32,
    /// Batches of one variant in one round, at most.
    pub(super) batches: u32,
    /// Time of one variant in one round, about.
    pub(super) budget: Duration,
    pub(super) placement: Placement,
}

impl Plan {
    pub(super) fn of(args: &Args) -> Result<Self> {
        let known = || Case::ALL.map(Case::name).join(", ");
        for name in &args.cases {
            ensure!(Case::named(name).is_some(), "no case `{name}`: {}", known());
        }
        for name in &args.variants {
            ensure!(VARIANTS.contains(&name.as_str()), "no variant `{name}`: {}", VARIANTS.join(", "));
        }
        ensure!(args.plot.is_none(), "`codec` draws no plot");
        ensure!(args.pin != "cross", "`codec` runs on one processor: `--pin same` or `none`");
        let wanted = |case: &Case| args.cases.is_empty() || args.cases.iter().any(|name| name == case.name());
        Ok(Self {
            cases: Case::ALL.into_iter().filter(wanted).collect(),
            variants: args.variants.clone(),
            rounds: args.rounds,
            batches: args.iterations,
            budget: Duration::from_millis(args.burst_ms),
            placement: Placement::named(&args.pin)?,
        })
    }

    pub(super) fn wants(&self, variant: &str) -> bool {
        self.variants.is_empty() || self.variants.iter().any(|name| name == variant)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        args: Args,
    }

    fn plan(line: &str) -> Result<Plan> {
        Plan::of(&Command::try_parse_from(["bench", "codec"].into_iter().chain(line.split_whitespace()))?.args)
    }

    #[test]
    fn cases_and_variants_are_chosen_by_name() {
        let all = plan("").unwrap();
        assert_eq!(all.cases, Case::ALL);
        assert!(VARIANTS.iter().all(|variant| all.wants(variant)));
        let some = plan("--cases blob,struct10 --variants apache-binary").unwrap();
        assert_eq!(some.cases, [Case::Struct10, Case::Blob]);
        assert!(some.wants("apache-binary") && !some.wants("bifrost-binary"));
    }

    #[test]
    fn what_is_not_there_is_named() {
        for (line, complaint) in [
            ("--cases struct11", "struct10"),
            ("--variants binary", "apache-binary"),
            ("--plot plots", "no plot"),
            ("--pin cross", "one processor"),
        ] {
            assert!(plan(line).unwrap_err().to_string().contains(complaint), "{line}");
        }
    }
}
