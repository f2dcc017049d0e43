//! One packet's way through the program, for people to read.

use std::fmt;

/// A step of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The ingress pass begins: parser, ingress control flow.
    Ingress {
        /// The port that it came in by.
        port: u32,
        /// Bytes.
        bytes: usize,
    },
    /// The parser enters a state.
    State(String),
    /// The parser takes a header.
    Extract(String),
    /// The parser stops early.
    ParserError(String),
    /// A checksum was verified.
    Checksum {
        /// Its name.
        name: String,
        /// Whether it is right.
        correct: bool,
    },
    /// A condition of the control flow.
    Condition {
        /// Its name.
        name: String,
        /// What came of it.
        holds: bool,
    },
    /// A table was applied.
    Table {
        /// Its name.
        name: String,
        /// The entry that was hit.
        hit: Option<u32>,
    },
    /// An action runs.
    Action(String),
    /// A copy was made for a mirroring session.
    Clone {
        /// The session.
        session: u16,
        /// Whether there is such a session: if not, there is no copy.
        configured: bool,
    },
    /// A copy was made for each member of a multicast group.
    Multicast {
        /// The group.
        group: u32,
        /// How many.
        copies: usize,
    },
    /// A digest goes to the control plane.
    Digest(String),
    /// The packet goes through ingress again, as it came.
    Resubmit,
    /// The packet goes through ingress again, as it would have been sent.
    Recirculate,
    /// The egress pass begins.
    Egress {
        /// The port that it is for.
        port: u32,
    },
    /// The packet ends here.
    Drop(&'static str),
    /// A header is sent.
    Emit(String),
    /// The packet leaves.
    Send {
        /// By this port.
        port: u32,
        /// Bytes.
        bytes: usize,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ingress { port, bytes } => write!(f, "ingress: {bytes} bytes from port {port}"),
            Self::State(name) => write!(f, "  parser state {name}"),
            Self::Extract(name) => write!(f, "    extract {name}"),
            Self::ParserError(name) => write!(f, "    parser error {name}"),
            Self::Checksum { name, correct } => {
                write!(f, "  checksum {name}: {}", if *correct { "right" } else { "wrong" })
            }
            Self::Condition { name, holds } => write!(f, "  condition {name}: {holds}"),
            Self::Table { name, hit: Some(handle) } => write!(f, "  table {name}: hit entry {handle}"),
            Self::Table { name, hit: None } => write!(f, "  table {name}: miss"),
            Self::Action(name) => write!(f, "    action {name}"),
            Self::Clone { session, configured: true } => write!(f, "  clone by session {session}"),
            Self::Clone { session, configured: false } => write!(f, "  no clone: session {session} is not configured"),
            Self::Multicast { group, copies } => write!(f, "  multicast to group {group}: {copies} copies"),
            Self::Digest(name) => write!(f, "  digest {name}"),
            Self::Resubmit => write!(f, "  resubmit"),
            Self::Recirculate => write!(f, "  recirculate"),
            Self::Egress { port } => write!(f, "egress: for port {port}"),
            Self::Drop(reason) => write!(f, "  dropped {reason}"),
            Self::Emit(name) => write!(f, "  emit {name}"),
            Self::Send { port, bytes } => write!(f, "sent: {bytes} bytes to port {port}"),
        }
    }
}

/// Takes events, or does not: then they are not even made.
pub(crate) trait Trace {
    /// It takes none.
    const IS_SILENT: bool;
    fn note(&mut self, event: impl FnOnce() -> Event);
}

/// Takes none.
#[derive(Debug)]
pub(crate) struct Silent;

impl Trace for Silent {
    const IS_SILENT: bool = true;

    #[inline(always)]
    fn note(&mut self, _event: impl FnOnce() -> Event) {}
}

impl Trace for Vec<Event> {
    const IS_SILENT: bool = false;

    fn note(&mut self, event: impl FnOnce() -> Event) {
        self.push(event());
    }
}
