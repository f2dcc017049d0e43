//! What was done to one object, by whom, when, and what was seen.

use std::fmt;

/// An operation on an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Makes the object, of these bytes.
    Alloc(Vec<u8>),
    /// Reads so many bytes from an offset.
    Read(usize, usize),
    /// Writes bytes at an offset.
    Write(usize, Vec<u8>),
    /// Frees the object.
    Free,
    /// The control plane restores these bytes, whether or not the object is freed.
    Restore(Vec<u8>),
}

impl Op {
    /// Whether it changes the object.
    #[must_use]
    pub fn changes(&self) -> bool {
        !matches!(self, Self::Read(..))
    }

    /// The bytes it reads or writes.
    pub(super) fn range(&self) -> std::ops::Range<usize> {
        match self {
            Self::Read(at, len) => *at..at + len,
            Self::Write(at, data) => *at..at + data.len(),
            Self::Alloc(data) | Self::Restore(data) => 0..data.len(),
            Self::Free => 0..usize::MAX,
        }
    }
}

/// What a client was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// It is done.
    Done,
    /// The bytes of a read.
    Bytes(Vec<u8>),
    /// There is no such object (any more).
    Gone,
}

/// An operation with its times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Whose. A client's operations stand in the history in the order it issued them.
    pub client: u64,
    /// What.
    pub op: Op,
    /// When it was issued.
    pub begin: u64,
    /// When the client had the answer, and the answer; `None` if it never had one.
    pub end: Option<(u64, Seen)>,
    /// Without an answer: when it has taken effect at the latest, if it ever does; `None` for at any time.
    pub latest: Option<u64>,
}

/// Why a history cannot be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// An operation ends before it begins.
    #[error("operation {0} ends before it begins")]
    Times(usize),
    /// A client's operations do not stand in the order it issued them.
    #[error("operation {0} was issued before the one of the same client that stands before it")]
    IssueOrder(usize),
    /// A read without bytes, or bytes for something else.
    #[error("operation {0} has an answer of another kind")]
    Answer(usize),
}

/// The operations on one object, in the order in which they began.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct History {
    pub(super) entries: Vec<Entry>,
}

impl History {
    /// The history of these operations.
    ///
    /// # Errors
    ///
    /// [`HistoryError`] when they contradict themselves.
    pub fn new(mut entries: Vec<Entry>) -> Result<Self, HistoryError> {
        let mut last = std::collections::BTreeMap::new();
        for (index, entry) in entries.iter().enumerate() {
            if last.insert(entry.client, entry.begin).is_some_and(|before| before > entry.begin) {
                return Err(HistoryError::IssueOrder(index));
            }
            let Some((end, seen)) = &entry.end else { continue };
            if *end < entry.begin {
                return Err(HistoryError::Times(index));
            }
            let fits = match (&entry.op, seen) {
                (_, Seen::Gone) => true,
                (Op::Read(_, len), Seen::Bytes(bytes)) => bytes.len() == *len,
                (Op::Read(..), _) | (_, Seen::Bytes(_)) => false,
                (_, Seen::Done) => true,
            };
            if !fits {
                return Err(HistoryError::Answer(index));
            }
        }
        entries.sort_by_key(|entry| entry.begin);
        Ok(Self { entries })
    }

    /// The operations, in the order in which they began.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

/// The first bytes of some, for people.
pub(super) fn brief(bytes: &[u8]) -> String {
    const SHOWN: usize = 12;
    let shown: Vec<String> = bytes.iter().take(SHOWN).map(|byte| format!("{byte:02x}")).collect();
    shown.join(" ") + if bytes.len() > SHOWN { " …" } else { "" }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alloc(data) => write!(f, "alloc {} B: {}", data.len(), brief(data)),
            Self::Read(at, len) => write!(f, "read {at}..{}", at + len),
            Self::Write(at, data) => write!(f, "write {at}..{}: {}", at + data.len(), brief(data)),
            Self::Free => f.write_str("free"),
            Self::Restore(data) => write!(f, "restore {} B: {}", data.len(), brief(data)),
        }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "client {:x} {}", self.client, self.op)?;
        match &self.end {
            None => match self.latest {
                None => write!(f, ", never answered [{}, …)", self.begin),
                Some(latest) => write!(f, ", never answered [{}, {latest}]", self.begin),
            },
            Some((end, seen)) => {
                match seen {
                    Seen::Done => f.write_str(", done")?,
                    Seen::Bytes(bytes) => write!(f, " → {}", brief(bytes))?,
                    Seen::Gone => f.write_str(" → no such object")?,
                }
                write!(f, " [{}, {end}]", self.begin)
            }
        }
    }
}
