//! Why something is refused, and the status that says so on the wire.

use bifrost_rpc::memory::MemoryStatus;

/// Why an operation or a control message is refused. It has had no effect, except where [`Refusal::may_have_run`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The server's memory does not suffice.
    #[error("out of memory: {free} bytes are free")]
    OutOfMemory {
        /// Bytes that are free.
        free: u64,
    },
    /// The server has no such object: it was freed, or never made.
    #[error("no such object")]
    NoSuchObject,
    /// The object was made before the server restarted, and is gone.
    #[error("object lost: the memory server has restarted since it was made")]
    ObjectLost,
    /// The pointer is of another server or another rack.
    #[error("a pointer of another memory server")]
    WrongServer,
    /// The node neither controls the object nor leases it in the way that the operation needs.
    #[error("the node has no right to do this to the object")]
    NoRight,
    /// The object is leased to a call, so that nobody may write it until the call ends.
    #[error("the object is leased to a call and cannot be written until the call ends")]
    Leased,
    /// The control plane has ended the sender's incarnation.
    #[error("the sender's incarnation has been ended")]
    EndedIncarnation,
    /// The range ends behind the object.
    #[error("past the end of the object, which has {len} bytes")]
    PastEnd {
        /// Bytes of the object.
        len: u64,
    },
    /// An object, a read or a write of no bytes.
    #[error("a length of zero")]
    ZeroLength,
    /// The object or message would be larger than the server allows.
    #[error("too large: at most {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// Offset or length is no multiple of the operation's unit.
    #[error("misaligned: offset and length must be multiples of {unit} bytes")]
    Misaligned {
        /// The unit in bytes.
        unit: u64,
    },
    /// The server has as many objects as it may.
    #[error("too many objects: at most {limit}")]
    TooManyObjects {
        /// The limit.
        limit: u64,
    },
    /// The node controls as many bytes as it may.
    #[error("over the node's quota of {limit} bytes")]
    Quota {
        /// The limit in bytes.
        limit: u64,
    },
    /// Readers hold as many bytes of replaced versions as they may; later, when they have done, it will go.
    #[error("too many versions are being read: at most {limit} bytes")]
    TooManyPinned {
        /// The limit in bytes.
        limit: u64,
    },
    /// The client has as many operations outstanding, waiting or staged as it may. Only this copy is refused: the same
    /// operation, sent again later, may be executed.
    #[error("too many operations outstanding: at most {limit}")]
    TooManyOutstanding {
        /// The limit.
        limit: u64,
    },
    /// The server has as many clients as it may.
    #[error("too many clients: at most {limit}")]
    TooManyClients {
        /// The limit.
        limit: u64,
    },
    /// The server does not know the client: it was never opened, or it has ended.
    #[error("unknown client")]
    UnknownClient,
    /// The client said before that this operation has ended.
    #[error("the client has ended this operation")]
    Ended,
    /// A batch of operations on more than one object, or with an alloc, where nodes are protected from each other.
    #[error("a batch touches one object")]
    SeveralObjects,
    /// A batch with no or too many steps.
    #[error("a batch has 1 to {limit} steps")]
    BatchLength {
        /// The limit.
        limit: u64,
    },
    /// Not all of a staged write has arrived, or what arrived does not fit what was announced.
    #[error("not all of the write has arrived")]
    Incomplete,
    /// This boot has used up its object ids.
    #[error("no object ids are left")]
    IdsExhausted,
    /// A control message of an older term.
    #[error("a control message of an older term; it is now {term}")]
    OldTerm {
        /// The term that holds.
        term: u64,
    },
    /// A control message came before the one it follows.
    #[error("a control message out of sequence: {expected} is next")]
    OutOfSequence {
        /// The sequence number that is next.
        expected: u64,
    },
    /// There is no such snapshot.
    #[error("no such snapshot")]
    NoSuchSnapshot,
    /// A snapshot of that number covers other objects.
    #[error("a snapshot of this number exists already, of other objects")]
    SnapshotExists,
    /// The server keeps as many snapshots as it may.
    #[error("too many snapshots, or objects in them: at most {limit}")]
    TooManySnapshots {
        /// The limit.
        limit: u64,
    },
    /// The access table has as many leases as it may.
    #[error("too many leases: at most {limit}")]
    TooManyLeases {
        /// The limit.
        limit: u64,
    },
    /// The access table has as many nodes as it may.
    #[error("too many nodes: at most {limit}")]
    TooManyNodes {
        /// The limit.
        limit: u64,
    },
}

impl Refusal {
    /// Whether an earlier copy of the operation may have been executed: this refusal is about the sender or this copy, and
    /// the server does not know, or no longer knows, what became of others.
    #[must_use]
    pub const fn may_have_run(&self) -> bool {
        matches!(self, Self::EndedIncarnation | Self::UnknownClient | Self::Ended | Self::TooManyOutstanding { .. })
    }
}

/// Writes down once which status says what on the wire, and which field travels with it.
macro_rules! statuses {
    ($($name:ident $($field:ident)? => $status:ident;)*) => {
        impl Refusal {
            /// Number of kinds of refusal. Their codes are 1 to this.
            pub const KINDS: usize = [$(MemoryStatus::$status),*].len();

            /// What says so on the wire.
            #[must_use]
            pub const fn status(&self) -> MemoryStatus {
                match self { $(Self::$name { .. } => MemoryStatus::$status,)* }
            }

            /// The number that goes with the status: a limit, a length, what is free; 0 where there is none.
            #[must_use]
            pub const fn detail(&self) -> u64 {
                match *self { $(statuses!(@pattern $name $($field)?) => statuses!(@value $($field)?),)* }
            }

            /// The refusal of a status and its detail; `None` for a status that is no refusal of a memory server.
            #[must_use]
            pub const fn of(status: MemoryStatus, detail: u64) -> Option<Self> {
                let _ = detail;
                match status {
                    $(MemoryStatus::$status => Some(statuses!(@make detail $name $($field)?)),)*
                    _ => None,
                }
            }

            /// What kind of refusal it is, in the words that metrics use.
            #[must_use]
            pub const fn kind(&self) -> &'static str {
                match self { $(Self::$name { .. } => stringify!($name),)* }
            }
        }
    };
    (@pattern $name:ident) => { Self::$name };
    (@pattern $name:ident $field:ident) => { Self::$name { $field } };
    (@value) => { 0 };
    (@value $field:ident) => { $field };
    (@make $detail:ident $name:ident) => { Self::$name };
    (@make $detail:ident $name:ident $field:ident) => { Self::$name { $field: $detail } };
}

statuses! {
    OutOfMemory free => OutOfMemory;
    NoSuchObject => NoObject;
    ObjectLost => ObjectLost;
    WrongServer => WrongServer;
    NoRight => Denied;
    Leased => Leased;
    EndedIncarnation => IncarnationEnded;
    PastEnd len => OutOfRange;
    ZeroLength => ZeroLength;
    TooLarge limit => TooLarge;
    Misaligned unit => Misaligned;
    TooManyObjects limit => TooManyObjects;
    Quota limit => Quota;
    TooManyPinned limit => TooManyPinned;
    TooManyOutstanding limit => TooManyOutstanding;
    TooManyClients limit => TooManyClients;
    Ended => Ended;
    SeveralObjects => SeveralObjects;
    BatchLength limit => BatchLength;
    Incomplete => Incomplete;
    IdsExhausted => IdsExhausted;
    OldTerm term => OldTerm;
    OutOfSequence expected => OutOfSequence;
    NoSuchSnapshot => NoSnapshot;
    SnapshotExists => SnapshotExists;
    TooManySnapshots limit => TooManySnapshots;
    TooManyLeases limit => TooManyLeases;
    TooManyNodes limit => TooManyNodes;
    UnknownClient => UnknownClient;
}

impl Refusal {
    /// The number on the wire. It never changes its meaning.
    #[must_use]
    pub const fn code(&self) -> u16 {
        self.status().to_wire()
    }

    /// The refusal of a code and its detail; `None` for a code that this version does not know.
    #[must_use]
    pub const fn from_wire(code: u16, detail: u64) -> Option<Self> {
        Self::of(MemoryStatus::from_wire(code), detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_is_one_status_and_each_status_one_refusal() {
        let mut kinds = std::collections::BTreeSet::new();
        for code in 0..=u16::MAX {
            let status = MemoryStatus::from_wire(code);
            let Some(refusal) = Refusal::of(status, 77) else {
                use MemoryStatus::{Failed, NotDone, Ok, Other};
                assert!(matches!(status, Ok | NotDone | Failed | Other(_)), "{status:?} is no refusal");
                continue;
            };
            assert_eq!((refusal.status(), refusal.code()), (status, code));
            assert_eq!(Refusal::from_wire(code, refusal.detail()), Some(refusal));
            assert!(refusal.detail() == 77 || refusal.detail() == 0);
            kinds.insert(refusal.kind());
        }
        assert_eq!(kinds.len(), Refusal::KINDS);
        let last = u16::try_from(Refusal::KINDS).unwrap();
        assert!((1..=last).all(|code| Refusal::from_wire(code, 0).is_some()), "codes are dense");
    }

    #[test]
    fn a_refusal_says_what_the_limit_is() {
        assert_eq!(Refusal::PastEnd { len: 5 }.to_string(), "past the end of the object, which has 5 bytes");
        assert_eq!((Refusal::PastEnd { len: 5 }).kind(), "PastEnd");
    }
}
