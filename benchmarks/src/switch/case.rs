//! What is measured, over which variants.

use crate::cases::{self, Measured, Unit};

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

impl cases::Case for Case {
    const BENCH: &'static str = super::NAME;
    const ALL: &'static [Self] = &[Self::Rtt, Self::Pps, Self::PpsBurst, Self::PpsProcess, Self::Changes, Self::Cost];

    fn name(self) -> &'static str {
        match self {
            Self::Rtt => "rtt",
            Self::Pps => "pps",
            Self::PpsBurst => "pps-burst",
            Self::PpsProcess => "pps-process",
            Self::Changes => "changes",
            Self::Cost => "cost",
        }
    }

    fn variants(self) -> &'static [&'static str] {
        match self {
            Self::Rtt | Self::Pps | Self::PpsBurst => &[RELAY, EMBEDDED, BMV2],
            Self::PpsProcess => &[EMBEDDED, BMV2],
            Self::Changes => &[EMBEDDED, "embedded-thrift", BMV2],
            Self::Cost => &["entries-1000", "entries-1000000"],
        }
    }
}

impl Measured for Case {
    const COMPARED: &'static [(&'static str, &'static str, &'static str)] =
        &[(RELAY, "ratio_relay", "÷ relay"), (BMV2, "ratio_bmv2", "÷ BMv2")];

    fn unit(self) -> Unit {
        if matches!(self, Self::Rtt | Self::Cost) { Unit::Nanoseconds } else { Unit::PerSecond }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::{Case as _, tests};

    #[test]
    fn cases_and_variants_are_chosen_by_name() {
        assert_eq!(tests::plan::<Case>("").unwrap().cases, Case::ALL);
        let some = tests::plan::<Case>("--cases cost,rtt --variants embedded").unwrap();
        assert_eq!(some.cases, [Case::Rtt, Case::Cost]);
        assert!(some.wants(EMBEDDED) && !some.wants(BMV2));
    }

    #[test]
    fn what_is_not_there_is_named() {
        tests::refuses::<Case>(&[("--cases ping", "rtt"), ("--variants raw-udp", "relay"), ("--plot x", "no plot")]);
    }
}
