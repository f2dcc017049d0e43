//! What to measure: the checked form of the command line.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::Case;
use crate::cli::Args;
use crate::machine;
use crate::plan::Placement;

/// A whole run.
#[derive(Debug, Clone)]
pub(crate) struct Plan<C> {
    pub(crate) cases: Vec<C>,
    /// Empty for all.
    variants: Vec<String>,
    pub(crate) rounds: u32,
    /// Samples of one variant in one round, at most.
    pub(crate) iterations: u32,
    /// Time of one variant in one round, about.
    pub(crate) budget: Duration,
    pub(crate) placement: Placement,
    pub(crate) address: IpAddr,
}

impl<C: Case> Plan<C> {
    pub(crate) fn of(args: &Args) -> Result<Self> {
        let cases = || C::ALL.iter().copied();
        let known: Vec<&str> = cases().map(C::name).collect();
        check("case", &args.cases, &known)?;
        let mut known = Vec::new();
        for variant in cases().flat_map(|case| case.variants()) {
            if !known.contains(variant) {
                known.push(*variant);
            }
        }
        check("variant", &args.variants, &known)?;
        ensure!(args.plot.is_none(), "`{}` draws no plot", C::BENCH);
        ensure!(args.key.is_none(), "`{}` seals nothing: `--key` is for calls", C::BENCH);
        let wanted = |case: &C| args.cases.is_empty() || args.cases.iter().any(|name| name == case.name());
        Ok(Self {
            cases: cases().filter(wanted).collect(),
            variants: args.variants.clone(),
            rounds: args.rounds,
            iterations: args.iterations,
            budget: Duration::from_millis(args.burst_ms),
            placement: Placement::named(&args.pin)?,
            address: args.address,
        })
    }

    pub(crate) fn wants(&self, variant: &str) -> bool {
        self.variants.is_empty() || self.variants.iter().any(|name| name == variant)
    }

    /// What was measured where.
    pub(crate) fn notes(&self) -> String {
        let placement = match self.placement.cores {
            Some((client, server)) if client == server => format!("{}: processor {client}", self.placement.name),
            Some((client, server)) => format!("{}: processors {client} and {server}", self.placement.name),
            None => self.placement.name.to_owned(),
        };
        machine::local_notes([
            ("placement", placement),
            ("rounds", self.rounds.to_string()),
            ("samples of one variant in one round, at most", self.iterations.to_string()),
            ("time of one variant in one round", format!("{} ms", self.budget.as_millis())),
        ])
    }
}

/// That all names are known.
fn check(what: &str, names: &[String], known: &[&str]) -> Result<()> {
    for name in names {
        ensure!(known.contains(&name.as_str()), "no {what} `{name}`: {}", known.join(", "));
    }
    Ok(())
}
