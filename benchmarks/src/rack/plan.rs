//! What to measure: the checked form of the command line.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::cli::Args;
use crate::plan::Placement;

pub(super) const RACK: &str = "rack";
pub(super) const RELAY: &str = "relay";
pub(super) const RAW_UDP: &str = "raw-udp";
pub(super) const GATEKEEPER: &str = "gatekeeper";

/// Something that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    /// Bytes of a live pointer in the state machine.
    Bytes,
    /// Decisions of the state machine.
    Decisions,
    /// A call with a pointer each way.
    Pointer,
    /// A call with neither arguments nor result.
    Rtt,
}

impl Case {
    /// In the order in which they are measured: what looks at the process's memory before there is anything else in it.
    pub(super) const ALL: [Self; 4] = [Self::Bytes, Self::Decisions, Self::Pointer, Self::Rtt];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Decisions => "decisions",
            Self::Pointer => "pointer",
            Self::Rtt => "rtt",
        }
    }

    /// In the order in which they take turns. The others are compared with the first.
    pub(super) fn variants(self) -> &'static [&'static str] {
        match self {
            Self::Bytes | Self::Decisions => &[GATEKEEPER],
            Self::Pointer => &[RAW_UDP, RACK],
            Self::Rtt => &[RELAY, RACK],
        }
    }

    /// What a sample is, in JSON and comma-separated values.
    pub(super) fn unit(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Decisions => "per_second",
            Self::Pointer | Self::Rtt => "ns",
        }
    }

    /// Whether one sample says all, so that there are no more of it.
    pub(super) fn is_once(self) -> bool {
        self == Self::Bytes
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
            ensure!(is_there, "no variant `{name}`: {RACK}, {RELAY}, {RAW_UDP}, {GATEKEEPER}");
        }
        ensure!(args.plot.is_none(), "`rack` draws no plot");
        ensure!(args.key.is_none(), "`rack` seals nothing: `--key` is for calls");
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
        Plan::of(&Command::try_parse_from(["bench", "rack"].into_iter().chain(line.split_whitespace()))?.args)
    }

    #[test]
    fn cases_and_variants_are_chosen_by_name() {
        assert_eq!(plan("").unwrap().cases, Case::ALL);
        let some = plan("--cases rtt,bytes --variants rack").unwrap();
        assert_eq!(some.cases, [Case::Bytes, Case::Rtt]);
        assert!(some.wants("rack") && !some.wants("relay"));
    }

    #[test]
    fn what_is_not_there_is_named() {
        for (line, complaint) in [("--cases ping", "rtt"), ("--variants bmv2", "relay"), ("--plot x", "no plot")] {
            assert!(plan(line).unwrap_err().to_string().contains(complaint), "{line}");
        }
    }
}
