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
