//! How calls fail.

use crate::wire::{PassError, Refusal};
use std::net::SocketAddr;
use std::time::Duration;

/// Why it is unknown whether a call ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lost {
    /// The server does not know the session any more: it restarted, or forgot the session.
    Session,
    /// The server was silent for too long.
    Silence,
    /// The connection ended before the answer came.
    Connection,
}

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Session => "the server lost the session (did it restart?)",
            Self::Silence => "the server fell silent",
            Self::Connection => "the connection ended",
        })
    }
}

/// Why a call brought no answer. [`CallError::may_have_run`] says whether it may have had an effect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The deadline passed.
    #[error("no answer within the deadline of {waited:?}{}", may(.may_have_run))]
    Deadline {
        /// The time that was allowed.
        waited: Duration,
        /// Whether the call was sent.
        may_have_run: bool,
    },
    /// The call was sent, and there is no knowing whether it ran. It is never issued again by itself.
    #[error("outcome unknown: {0}; the call may have run, once")]
    OutcomeUnknown(Lost),
    /// Nothing was heard of a memory operation, while its server answered a PING sent with it. A rack's switch drops what its node has no right to.
    #[error(
        "no answer for {waited:?}, though its server is there: the rack may have refused it; the operation may have run"
    )]
    Unanswered {
        /// How long it was tried.
        waited: Duration,
    },
    /// The server never answered; the call was not sent.
    #[error("{peer} does not answer after {waited:?}; the call was not sent")]
    Unreachable {
        /// The server's address.
        peer: SocketAddr,
        /// How long it was tried.
        waited: Duration,
    },
    /// The server refused the call without running it.
    #[error("refused by the server: {}", refusal(.0))]
    Refused(Refusal),
    /// The request is longer than a limit on this side.
    #[error("a message of {len} bytes, over the limit of {limit}; the call was not sent")]
    TooLarge {
        /// Length of the message.
        len: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The message cannot be sent with its pointers: this side, or the session that there is now, does not take them.
    #[error("{0}; the call was not sent")]
    Pointers(#[from] PassError),
    /// The answer cannot be taken: it is longer than a limit on this side. The call ran.
    #[error("an answer of {len} bytes, over the limit of {limit}; the call ran")]
    AnswerTooLarge {
        /// Length of the answer.
        len: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// What was to be sent is no Thrift message.
    #[error("no Thrift message: {reason}; the call was not sent")]
    BadCall {
        /// What is wrong with it.
        reason: String,
    },
    /// What came as the answer is no Thrift message, or answers no call that was made.
    #[error("no answer that makes sense: {reason}; the call may have run")]
    BadAnswer {
        /// What is wrong with it.
        reason: String,
    },
    /// The caller gave the call up.
    #[error("cancelled{}", may(.may_have_run))]
    Cancelled {
        /// Whether the call was sent.
        may_have_run: bool,
    },
    /// Memory operations go over UDP only.
    #[error("memory operations go over udp:// only; the operation was not sent")]
    NeedsUdp,
    /// The endpoint was closed.
    #[error("the channel is closed{}", may(.may_have_run))]
    Closed {
        /// Whether the call was sent.
        may_have_run: bool,
    },
    /// The socket failed.
    #[error("the socket failed: {message}{}", may(.may_have_run))]
    Socket {
        /// What the system says.
        message: String,
        /// Whether the call was sent.
        may_have_run: bool,
    },
}

fn may(may_have_run: &bool) -> &'static str {
    if *may_have_run { "; the call may have run" } else { "; the call was not sent" }
}

fn refusal(refusal: &Refusal) -> String {
    match refusal {
        Refusal::UnknownSession => "unknown session".into(),
        Refusal::Busy { .. } => "its queue is full".into(),
        Refusal::TooLarge { limit } => format!("the message is over its limit of {limit} bytes"),
        Refusal::UnknownMethod => "it has no such method".into(),
        Refusal::TooManySessions => "it has as many clients as it may".into(),
        Refusal::Draining => "it is shutting down".into(),
        Refusal::WrongKey => "the keys differ, or only one side has one".into(),
        Refusal::WrongVersion { speaks } => format!("it speaks version {speaks} of the protocol"),
        Refusal::NeverReleased => "the call was held and never released".into(),
        Refusal::BadOperation => "no memory operation that it knows".into(),
        Refusal::NoRight => "a pointer is passed that this node may not pass".into(),
    }
}

impl CallError {
    /// Whether the call may have had an effect on the server. `false` is certain: issuing the call again cannot make
    /// it run twice.
    #[must_use]
    pub fn may_have_run(&self) -> bool {
        match self {
            Self::Deadline { may_have_run, .. }
            | Self::Cancelled { may_have_run }
            | Self::Closed { may_have_run }
            | Self::Socket { may_have_run, .. } => *may_have_run,
            Self::OutcomeUnknown(_)
            | Self::Unanswered { .. }
            | Self::AnswerTooLarge { .. }
            | Self::BadAnswer { .. } => true,
            Self::Unreachable { .. }
            | Self::BadCall { .. }
            | Self::NeedsUdp
            | Self::Pointers(_)
            | Self::Refused(_)
            | Self::TooLarge { .. } => false,
        }
    }

    /// The call error inside an error of the `thrift` crate, if it is one.
    #[must_use]
    pub fn of(error: &thrift::Error) -> Option<&Self> {
        match error {
            thrift::Error::User(inner) => inner.downcast_ref(),
            _ => None,
        }
    }
}

impl From<CallError> for thrift::Error {
    /// A method that the server does not have becomes Thrift's own UNKNOWN_METHOD; everything else stays a
    /// [`CallError`], to be had back with [`CallError::of`].
    fn from(error: CallError) -> Self {
        match error {
            CallError::Refused(Refusal::UnknownMethod) => Self::Application(thrift::ApplicationError::new(
                thrift::ApplicationErrorKind::UnknownMethod,
                error.to_string(),
            )),
            other => Self::User(Box::new(other)),
        }
    }
}
