//! What can go wrong in a run, by name, so that single faults can be left out.

/// A kind of trouble. Each seed draws which of those allowed it has, and how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Fault {
    /// Datagrams are lost, up to 30 %.
    Loss,
    /// Datagrams arrive twice or more, up to 50 %.
    Duplication,
    /// Some datagrams take far longer than others.
    Reordering,
    /// The path drops datagrams larger than its MTU, silently.
    PathMtu,
    /// Bytes change on the way. Without a key the UDP checksum catches it; with one the endpoint has to.
    Corruption,
    /// Pairs of nodes do not hear each other, in one or both directions.
    Partition,
    /// Clients and servers crash and start anew, remembering nothing.
    Crash,
    /// Nodes stand still, longer than any timer, while their sockets fill.
    Pause,
    /// Servers drain, end and have a successor at their address.
    Drain,
    /// Clients close all their sessions in the middle of their calls.
    Close,
    /// Socket buffers are small, and emptied late.
    SmallBuffers,
    /// Few sessions, few calls, little memory, short messages.
    Limits,
    /// Servers give calls back as busy.
    Busy,
    /// Calls are cancelled or have a deadline.
    Impatience,
    /// Datagrams seen earlier are sent again, however old.
    Replay,
    /// Forged packets: from foreign addresses, or, with a key, from the right ones.
    Forgery,
    /// A client that has a session of its own breaks the protocol.
    Rogue,
    /// A control plane holds calls with pointers, and refuses some (without a key).
    Gate,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::Loss,
        Self::Duplication,
        Self::Reordering,
        Self::PathMtu,
        Self::Corruption,
        Self::Partition,
        Self::Crash,
        Self::Pause,
        Self::Drain,
        Self::Close,
        Self::SmallBuffers,
        Self::Limits,
        Self::Busy,
        Self::Impatience,
        Self::Replay,
        Self::Forgery,
        Self::Rogue,
        Self::Gate,
    ];
}

/// A set of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Faults(u32);

impl Faults {
    /// Every fault.
    pub const ALL: Self = Self(u32::MAX);
    /// None.
    pub const NONE: Self = Self(0);

    /// These and `fault`.
    #[must_use]
    pub const fn with(self, fault: Fault) -> Self {
        Self(self.0 | 1 << fault as u32)
    }

    /// These but not `fault`.
    #[must_use]
    pub const fn without(self, fault: Fault) -> Self {
        Self(self.0 & !(1 << fault as u32))
    }

    /// Whether `fault` is one of them.
    #[must_use]
    pub const fn has(self, fault: Fault) -> bool {
        self.0 & (1 << fault as u32) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_hold_what_was_put_in() {
        let set = Faults::NONE.with(Fault::Crash).with(Fault::Loss).without(Fault::Loss);
        assert!(set.has(Fault::Crash) && !set.has(Fault::Loss));
        assert!(Fault::ALL.iter().all(|fault| Faults::ALL.has(*fault)));
    }
}
