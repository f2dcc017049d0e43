//! The control plane's safety checks by name, so that a simulation can leave one out and prove that it is missed.

/// A check that protection, exactly-once or an orderly end rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Check {
    /// A packet is taken only from the present incarnation of its sender.
    Incarnation,
    /// A right is put into the tables when its memory server has it.
    ServerFirst,
    /// A call goes on when the tables have its rights.
    TablesFirst,
    /// A call goes on only if its caller may pass what it passes.
    PassRight,
    /// A call that has ended does not begin again.
    EndedCall,
    /// An answer goes on when the call's rights have ended.
    AnswerHeld,
    /// Of a call that its callee may have had, the outcome is unknown when the callee is gone.
    OutcomeUnknown,
    /// What an answer gives a caller that has given the call up is freed.
    Reclaim,
    /// A oneway call, or one that was given up, ends when its callee says that it has.
    Done,
    /// A node comes back when all memory servers have cleaned up after its earlier life.
    CleanupFirst,
    /// A node is taken in when its incarnation is on the disk.
    IncarnationLogged,
    /// A control plane speaks when its term is on the disk.
    TermLogged,
    /// After a restart the memory servers' tables are read before anything is decided.
    ReadBack,
    /// After a restart the nodes are asked for their calls before anything is decided.
    AskNodes,
    /// A switch that has lost its tables is given them again.
    Repair,
}

impl Check {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Incarnation,
        Self::ServerFirst,
        Self::TablesFirst,
        Self::PassRight,
        Self::EndedCall,
        Self::AnswerHeld,
        Self::OutcomeUnknown,
        Self::Reclaim,
        Self::Done,
        Self::CleanupFirst,
        Self::IncarnationLogged,
        Self::TermLogged,
        Self::ReadBack,
        Self::AskNodes,
        Self::Repair,
    ];
}

#[cfg(feature = "_sim")]
impl Check {
    /// Its name, as a command line takes it.
    #[must_use]
    pub fn name(self) -> String {
        bifrost_rpc::sim::kebab(&format!("{self:?}"))
    }

    /// The check of a name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|check| check.name() == name)
    }
}

/// The checks that a control plane makes: all, except where a simulation leaves one out.
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
