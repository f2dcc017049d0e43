//! Safety mechanisms that a run can leave out, everywhere at once.

use crate::checks::Check;
use bifrost_rpc::endpoint;

/// What linearizability rests on from end to end. Some of it both the transport and the memory server see to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Missing {
    /// A write takes effect when all its fragments have come.
    Staging,
    /// A read is sent from the version it began with.
    VersionPinning,
    /// An operation that comes again is not done again.
    Deduplication,
    /// An operation that its client has ended is not done any more.
    EndedOperations,
    /// An operation is done after the writes of its client to the object that came before it.
    WriteOrder,
    /// An operation whose outcome is unknown is not issued again.
    OutcomeUnknown,
    /// An ended incarnation is refused everything.
    Incarnation,
    /// Objects of a server's earlier life are lost.
    BootNumber,
}

impl Missing {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Staging,
        Self::VersionPinning,
        Self::Deduplication,
        Self::EndedOperations,
        Self::WriteOrder,
        Self::OutcomeUnknown,
        Self::Incarnation,
        Self::BootNumber,
    ];

    /// Its name, as a command line takes it.
    #[must_use]
    pub fn name(self) -> String {
        bifrost_rpc::sim::kebab(&format!("{self:?}"))
    }

    /// The mechanism of a name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|missing| missing.name() == name)
    }

    /// The check that endpoints leave out.
    pub(super) fn of_transport(self) -> Option<endpoint::Check> {
        use endpoint::Check;
        match self {
            Self::Deduplication => Some(Check::DuplicateCall),
            Self::EndedOperations => Some(Check::EndedCall),
            Self::WriteOrder => Some(Check::WriteOrder),
            Self::OutcomeUnknown => Some(Check::OutcomeUnknown),
            Self::Staging | Self::VersionPinning | Self::Incarnation | Self::BootNumber => None,
        }
    }

    /// The check that memory servers leave out. Staging and pinning are left out on the wire.
    pub(super) fn of_memory(self) -> Option<Check> {
        match self {
            Self::Deduplication => Some(Check::DuplicateOperation),
            Self::EndedOperations => Some(Check::EndedOperation),
            Self::WriteOrder => Some(Check::WriteOrder),
            Self::Incarnation => Some(Check::Incarnation),
            Self::BootNumber => Some(Check::BootNumber),
            Self::Staging | Self::VersionPinning | Self::OutcomeUnknown => None,
        }
    }
}
