//! The memory server's safety checks by name, so that a simulation can leave one out and prove that it is missed.

/// A check that linearizability, protection or bounded memory rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Check {
    /// A write that comes in fragments is seen only when all have come.
    Staging,
    /// A read is served from the version it began with.
    VersionPinning,
    /// An operation waits for the client's write that it names as the previous one.
    WriteOrder,
    /// An operation that was executed is not executed again.
    DuplicateOperation,
    /// An operation that its client said has ended is refused.
    EndedOperation,
    /// Nothing is taken from a client that has ended.
    UnknownClient,
    /// An incarnation that was ended is refused everything.
    Incarnation,
    /// Only who controls an object may write or free it, and only who controls or leases it may read it.
    Rights,
    /// A leased object is not written.
    LeasedReadOnly,
    /// Leases are a set, so that a repeated one changes nothing.
    LeaseSet,
    /// A node leases out only what it controls or leases itself.
    PassRight,
    /// A reply transfers only what its callee controlled.
    TransferControlled,
    /// An object that is freed while it is leased stays until the last lease ends.
    DeferredFree,
    /// An object that is freed while a snapshot has it can be restored.
    SnapshotFree,
    /// A batch touches one object where nodes are protected from each other.
    BatchOneObject,
    /// An object of an earlier boot is lost, whatever its counter.
    BootNumber,
    /// Control messages of older terms are refused.
    Term,
    /// A control message takes effect once, and in its turn.
    Sequence,
    /// The memory in use is bounded.
    Capacity,
    /// The memory of replaced versions that readers hold is bounded.
    PinnedBound,
}

impl Check {
    /// All of them.
    pub const ALL: [Self; 20] = [
        Self::Staging,
        Self::VersionPinning,
        Self::WriteOrder,
        Self::DuplicateOperation,
        Self::EndedOperation,
        Self::UnknownClient,
        Self::Incarnation,
        Self::Rights,
        Self::LeasedReadOnly,
        Self::LeaseSet,
        Self::PassRight,
        Self::TransferControlled,
        Self::DeferredFree,
        Self::SnapshotFree,
        Self::BatchOneObject,
        Self::BootNumber,
        Self::Term,
        Self::Sequence,
        Self::Capacity,
        Self::PinnedBound,
    ];
}

/// The checks a memory server makes: all, except where a simulation leaves one out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Checks {
    #[cfg(feature = "_sim")]
    without: u32,
}

impl Checks {
    /// All but `check`.
    #[cfg(feature = "_sim")]
    #[must_use]
    pub const fn without(check: Check) -> Self {
        Self { without: 1 << check as u32 }
    }

    /// Whether `check` is made: always, outside simulations.
    #[cfg(feature = "_sim")]
    pub(crate) const fn makes(self, check: Check) -> bool {
        self.without & (1 << check as u32) == 0
    }

    /// Whether `check` is made: always, outside simulations.
    #[cfg(not(feature = "_sim"))]
    #[expect(clippy::unused_self, reason = "the simulation's twin looks at it")]
    pub(crate) const fn makes(self, _check: Check) -> bool {
        true
    }
}
