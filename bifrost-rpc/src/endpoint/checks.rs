//! The protocol's safety checks by name, so that a simulation can leave one out and prove that it is missed.

/// A check that exactly-once, authenticity or bounded memory rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Check {
    /// A callee finds the record of a call it has seen and does not run it again.
    DuplicateCall,
    /// A callee ignores calls that the client said have ended.
    EndedCall,
    /// A callee refuses packets of sessions it does not know, rather than making a session for them.
    UnknownSession,
    /// A caller does not issue a call again whose outcome is unknown.
    OutcomeUnknown,
    /// A callee remembers a CANCEL that came before its CALL.
    CancelRemembered,
    /// A caller confirms a session that was silent for half its lease before it sends a call in it.
    LeaseConfirmed,
    /// A callee answers a repeated OPEN with the session it made for the first.
    OpenNonce,
    /// A callee makes no session for an OPEN without a valid token.
    AddressToken,
    /// An end drops a packet whose FIRST flag and fragment offset disagree.
    FirstFragment,
    /// An end drops fragments whose message length differs from that of the message they belong to.
    MessageLength,
    /// An end with a key drops packets that do not open with it.
    Authentication,
    /// A callee takes packets of a session only from the address and client it was opened for.
    SessionOwner,
    /// The memory for arriving messages is bounded.
    MemoryBound,
    /// A callee drops fragments of a memory operation that name another target than those before them.
    MemoryTarget,
    /// A callee does a memory operation only after the write that it follows.
    WriteOrder,
    /// An end drops a packet that did not go to, or come from, the address that its pointer is (on links that route by pointers).
    PointerAddress,
    /// A callee reports a leased call done only when its handler has ended.
    HandlerEnded,
}

impl Check {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::DuplicateCall,
        Self::EndedCall,
        Self::UnknownSession,
        Self::OutcomeUnknown,
        Self::CancelRemembered,
        Self::LeaseConfirmed,
        Self::OpenNonce,
        Self::AddressToken,
        Self::FirstFragment,
        Self::MessageLength,
        Self::Authentication,
        Self::SessionOwner,
        Self::MemoryBound,
        Self::MemoryTarget,
        Self::WriteOrder,
        Self::PointerAddress,
        Self::HandlerEnded,
    ];
}

/// The checks an endpoint makes: all, except where a simulation leaves one out.
#[cfg(feature = "_sim")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Checks {
    without: u32,
}

#[cfg(feature = "_sim")]
impl Checks {
    /// All but `check`.
    #[must_use]
    pub const fn without(check: Check) -> Self {
        Self { without: 1 << check as u32 }
    }

    pub(super) const fn makes(self, check: Check) -> bool {
        self.without & (1 << check as u32) == 0
    }
}

impl super::Config {
    /// Whether this endpoint makes `check`: always, outside simulations.
    #[cfg(feature = "_sim")]
    pub(super) const fn makes(&self, check: Check) -> bool {
        self.checks.makes(check)
    }

    /// Whether this endpoint makes `check`: always, outside simulations.
    #[cfg(not(feature = "_sim"))]
    #[expect(clippy::unused_self, reason = "the simulation's twin looks at it")]
    pub(super) const fn makes(&self, _check: Check) -> bool {
        true
    }
}
