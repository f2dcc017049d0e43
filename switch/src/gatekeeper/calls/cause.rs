//! Why packets were refused or dropped, and how often.

use std::collections::BTreeMap;

/// Why a packet that the data plane handed over did not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Cause {
    /// Not a whole, sound packet of a kind that is handed over; or one with something behind it.
    Malformed,
    /// Its sender is no node that lives.
    UnknownSender,
    /// Its sender's incarnation has ended, or has not begun.
    WrongIncarnation,
    /// Nobody knows the instance.
    UnknownInstance,
    /// The instance's node is gone.
    InstanceGone,
    /// The client id or the session is another's.
    Foreign,
    /// The call has ended.
    Ended,
    /// Not what the first copy of the call said.
    Altered,
    /// An answer, or a sign of an end, of a node that was not called, or of a call that nobody made.
    NotCalled,
    /// The answer to an ALLOC that nobody asked for.
    NotAsked,
    /// It passes what its sender may not pass.
    NoRight,
    /// It passes an object of a memory server that is gone, or asks one that is not there, or not yet.
    ServerGone,
    /// Held until its deadline had passed.
    Deadline,
    /// A limit is reached.
    Full,
    /// The switch did not take the rights.
    NotInForce,
    /// For an instance that is held: its sender has it.
    Held,
    /// A copy of a packet that is kept, or an end that is known.
    Copy,
    /// Its caller is gone, or has given it up.
    Abandoned,
}

impl Cause {
    /// Its name in tables and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnknownSender => "unknown_sender",
            Self::WrongIncarnation => "wrong_incarnation",
            Self::UnknownInstance => "unknown_instance",
            Self::InstanceGone => "instance_gone",
            Self::Foreign => "foreign",
            Self::Ended => "ended",
            Self::Altered => "altered",
            Self::NotCalled => "not_called",
            Self::NotAsked => "not_asked",
            Self::NoRight => "no_right",
            Self::ServerGone => "server_gone",
            Self::Deadline => "deadline",
            Self::Full => "full",
            Self::NotInForce => "not_in_force",
            Self::Held => "held",
            Self::Copy => "copy",
            Self::Abandoned => "abandoned",
        }
    }
}

/// What the calls have counted since they began.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Packets that did not go on, by cause.
    pub causes: BTreeMap<Cause, u64>,
    /// Calls that went on with their rights in force.
    pub released: u64,
    /// Calls that have ended.
    pub ended: u64,
    /// HELD that were sent.
    pub held: u64,
    /// REFUSED that were sent.
    pub refused: u64,
    /// Objects that were made.
    pub made: u64,
}
