//! What to measure: the checked form of the command line.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::cli::Args;
use crate::plan::Placement;

/// Variants that several cases have.
pub(super) const RELAY: &str = "relay";
pub(super) const EMBEDDED: &str = "embedded";
pub(super) const BMV2: &str = "bmv2";

/// Something that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    /// A frame there and another back, between two nodes on UDP tunnels.
    Rtt,
    /// Frames from node to node, a datagram each.
    Pps,
    /// The same in bursts of 32 that are sent and received by one system call each.
    PpsBurst,
    /// Frames through ports in the same process.
    PpsProcess,
    /// Entries added and deleted.
    Changes,
    /// One packet through the engine, with random entries in `memory_access`.
    Cost,
}

impl Case {
    pub(super) const ALL: [Self; 6] =
        [Self::Rtt, Self::Pps, Self::PpsBurst, Self::PpsProcess, Self::Changes, Self::Cost];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Rtt => "rtt",
            Self::Pps => "pps",
            Self::PpsBurst => "pps-burst",
            Self::PpsProcess => "pps-process",
            Self::Changes => "changes",
            Self::Cost => "cost",
        }
    }

    /// In the order in which they take turns.
    pub(super) fn variants(self) -> &'static [&'static str] {
        match self {
            Self::Rtt | Self::Pps | Self::PpsBurst => &[RELAY, EMBEDDED, BMV2],
            Self::PpsProcess => &[EMBEDDED, BMV2],
            Self::Changes => &[EMBEDDED, "embedded-thrift", BMV2],
            Self::Cost => &["entries-1000", "entries-1000000"],
        }
    }

    /// Whether the figures are so many a second, and not nanoseconds.
    pub(super) fn is_rate(self) -> bool {
        !matches!(self, Self::Rtt | Self::Cost)
    }
}

/// A whole run.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) cases: Vec<Case>,
    /// Empty for all.
    variants: Vec<String>,
    pub(super) rounds: u32,
    /// Samples of one variant in one round, at most.
    pub(super) iterations: u32,
    /// Time of one variant in one round, about.
    pub(super) budget: Duration,
    pub(super) placement: Placement,
    pub(super) address: IpAddr,
}

impl Plan {
    pub(super) fn of(args: &Args) -> Result<Self> {
        let known = Case::ALL.map(Case::name).join(", ");
        for name in &args.cases {
            ensure!(Case::ALL.iter().any(|case| case.name() == name), "no case `{name}`: {known}");
        }
        let wanted = |case: &Case| args.cases.is_empty() || args.cases.iter().any(|name| name == case.name());
        let cases: Vec<Case> = Case::ALL.into_iter().filter(wanted).collect();
        for name in &args.variants {
            let is_there = Case::ALL.iter().any(|case| case.variants().contains(&name.as_str()));
            ensure!(is_there, "no variant `{name}`: {RELAY}, {EMBEDDED}, {BMV2} and others");
        }
        ensure!(args.plot.is_none(), "`switch` draws no plot");
        ensure!(args.key.is_none(), "`--key` is for calls");
        Ok(Self {
            cases,
            variants: args.variants.clone(),
            rounds: args.rounds,
            iterations: args.iterations,
            budget: Duration::from_millis(args.burst_ms),
            placement: Placement::named(&args.pin)?,
            address: args.address,
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
        Plan::of(&Command::try_parse_from(["bench", "switch"].into_iter().chain(line.split_whitespace()))?.args)
    }

    #[test]
    fn cases_and_variants_are_chosen_by_name() {
        assert_eq!(plan("").unwrap().cases, Case::ALL);
        let some = plan("--cases rtt,cost --variants embedded").unwrap();
        assert_eq!(some.cases, [Case::Rtt, Case::Cost]);
        assert!(some.wants("embedded") && !some.wants("bmv2"));
    }

    #[test]
    fn what_is_not_there_is_named() {
        for (line, complaint) in [("--cases ping", "rtt"), ("--variants raw-udp", "relay"), ("--plot x", "no plot")] {
            assert!(plan(line).unwrap_err().to_string().contains(complaint), "{line}");
        }
    }
}
