//! How memory operations fail.

use crate::endpoint::CallError;
use crate::wire::MemoryStatus;

/// Why a memory operation failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryError {
    /// No answer came; [`CallError::may_have_run`] says whether the operation may have been done.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The server refused it. It was not done, except where the status says otherwise.
    #[error("{status}{}", number(.detail))]
    Refused {
        /// Why.
        status: MemoryStatus,
        /// A limit, a length or what is free, as the status says; 0 without one.
        detail: u64,
    },
    /// The answer is none to what was asked; the operation was done.
    #[error("the memory server answered {0}")]
    BadAnswer(&'static str),
    /// The operations cannot be asked for together.
    #[error("no valid batch: {0}")]
    BadBatch(crate::wire::WireError),
    /// The pointer is of a server that the handle does not know; nothing was sent.
    #[error("memory server m{0} is not among those that this handle knows")]
    UnknownServer(u8),
    /// A server is configured under another id than its own.
    #[error("the memory server configured as m{configured} made an object of m{answered}{}", kept(.freed))]
    OtherServer {
        /// The id that it was configured under.
        configured: u8,
        /// The id in the pointer that it gave.
        answered: u8,
        /// Whether the object has been freed.
        freed: bool,
    },
}

fn kept(freed: &bool) -> &'static str {
    if *freed { "" } else { ", which could not be freed" }
}

fn number(detail: &u64) -> String {
    if *detail == 0 { String::new() } else { format!(" ({detail})") }
}

impl MemoryError {
    /// The server's refusal, if it is one.
    #[must_use]
    pub const fn status(&self) -> Option<MemoryStatus> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Whether the operation may have had an effect on the server. `false` is certain.
    #[must_use]
    pub fn may_have_run(&self) -> bool {
        match self {
            Self::Call(error) => error.may_have_run(),
            Self::Refused { status, .. } => matches!(status, MemoryStatus::Failed | MemoryStatus::Other(_)),
            Self::OtherServer { freed, .. } => !freed,
            Self::BadAnswer(_) => true,
            Self::BadBatch(_) | Self::UnknownServer(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_its_number_where_it_has_one() {
        let refused = |status, detail| MemoryError::Refused { status, detail };
        assert_eq!(refused(MemoryStatus::OutOfMemory, 12).to_string(), "out of memory (12)");
        assert_eq!(refused(MemoryStatus::NoObject, 0).to_string(), "no such object");
        assert!(!refused(MemoryStatus::Denied, 0).may_have_run() && refused(MemoryStatus::Failed, 0).may_have_run());
    }
}
