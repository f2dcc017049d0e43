//! What is measured, over which variants.

use crate::cases::{self, Measured, Unit};
use crate::variants::RAW_UDP;

pub(super) const RACK: &str = "rack";
pub(super) const RACK_IN_PROCESS: &str = "rack-in-process";
pub(super) const RELAY: &str = "relay";
pub(super) const DIRECT: &str = "direct";
pub(super) const GATEKEEPER: &str = "gatekeeper";
pub(super) const KILLED: &str = "killed";
pub(super) const KILLED_DEADLINE: &str = "killed-deadline";

/// Something that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    /// Bytes of a live pointer in the state machine.
    Bytes,
    /// Decisions of the state machine.
    Decisions,
    /// A call with neither arguments nor result.
    Rtt,
    /// A call with a pointer each way.
    Pointer,
    /// The same of several clients.
    Calls,
    /// From the death of a node until another one answers.
    Failover,
}

impl cases::Case for Case {
    const BENCH: &'static str = super::NAME;
    const ALL: &'static [Self] = &[Self::Bytes, Self::Decisions, Self::Rtt, Self::Pointer, Self::Calls, Self::Failover];

    fn name(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Decisions => "decisions",
            Self::Rtt => "rtt",
            Self::Pointer => "pointer",
            Self::Calls => "calls",
            Self::Failover => "failover",
        }
    }

    fn variants(self) -> &'static [&'static str] {
        match self {
            Self::Bytes => &["pointers-10000", "pointers-1000000"],
            Self::Decisions => &[GATEKEEPER],
            Self::Rtt => &[RAW_UDP, DIRECT, RELAY, RACK, RACK_IN_PROCESS],
            Self::Pointer => &[RAW_UDP, RACK, RACK_IN_PROCESS],
            Self::Calls => &["clients-1", "clients-4", "clients-16"],
            Self::Failover => &[KILLED, KILLED_DEADLINE],
        }
    }
}

impl Measured for Case {
    const COMPARED: &'static [(&'static str, &'static str, &'static str)] =
        &[(RAW_UDP, "ratio_raw_udp", "÷ raw UDP"), (RELAY, "ratio_relay", "÷ relay")];

    fn unit(self) -> Unit {
        match self {
            Self::Bytes => Unit::Bytes,
            Self::Decisions | Self::Calls => Unit::PerSecond,
            Self::Rtt | Self::Pointer => Unit::Nanoseconds,
            Self::Failover => Unit::Suspicions,
        }
    }

    fn rounds_max(self) -> Option<u32> {
        match self {
            Self::Bytes => Some(1),
            Self::Failover => Some(10),
            _ => None,
        }
    }
}

/// The number behind the last dash of a variant's name, as in `clients-16`.
pub(super) fn count(variant: &str) -> Option<usize> {
    variant.rsplit_once('-').and_then(|(_, count)| count.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::{Case as _, tests};

    #[test]
    fn cases_and_variants_are_chosen_by_name() {
        assert_eq!(tests::plan::<Case>("").unwrap().cases, Case::ALL);
        let some = tests::plan::<Case>("--cases rtt,bytes --variants rack").unwrap();
        assert_eq!(some.cases, [Case::Bytes, Case::Rtt]);
        assert!(some.wants(RACK) && !some.wants(RELAY));
    }

    #[test]
    fn what_is_not_there_is_named() {
        tests::refuses::<Case>(&[("--cases ping", "rtt"), ("--variants bmv2", "relay"), ("--plot x", "no plot")]);
    }

    #[test]
    fn variants_that_differ_by_a_number_say_it() {
        assert!(Case::Bytes.variants().iter().chain(Case::Calls.variants()).all(|variant| count(variant).is_some()));
        assert_eq!((count("clients-16"), count(RACK)), (Some(16), None));
    }
}
