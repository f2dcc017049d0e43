//! Operations on objects, and their answers.

use crate::config::BATCH_STEPS_MAX;
use crate::pieces::Pieces;
use crate::refusal::Refusal;
use crate::sent::{SentAnswer, SentBatch};
use bifrost_rpc::memory::{MemoryOp, ObjectId, Pointer};
use bytes::Bytes;

/// Bytes that a read to the object's end answers at most. Of more the reader is told how many there are.
pub const READ_TO_END_BYTES_MAX: u64 = 64 << 20;

/// One operation on one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The object; for an alloc only prefix and server count.
    pub target: Pointer,
    /// The operation that this one follows: the client's previous write to the object; 0 for none.
    pub previous: u64,
    /// log₂ of the unit whose multiples offset and length must be, 0 for any range: the address's operation argument.
    pub unit_log2: u8,
    /// What to do.
    pub action: Action,
}

/// What to do to an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Makes an object of zeros.
    Alloc {
        /// Its bytes.
        len: u64,
    },
    /// Makes an object that begins with these bytes; the rest is zero.
    AllocWrite {
        /// Its bytes, at least as many as there are data.
        len: u64,
        /// If it is the whole object, the buffer becomes its memory.
        data: Vec<u8>,
    },
    /// Reads a range.
    Read {
        /// Where it begins.
        offset: u64,
        /// Its bytes; [`bifrost_rpc::memory::READ_TO_END`] for all that there are, n more if they are n at most.
        len: u64,
    },
    /// Writes a range.
    Write {
        /// Where it begins.
        offset: u64,
        /// If it is the whole object, the buffer becomes its memory.
        data: Vec<u8>,
    },
    /// Gives the object back.
    Free,
}

impl Action {
    /// The operation as the pointer's byte 6 says it.
    #[must_use]
    pub const fn operation(&self) -> MemoryOp {
        match self {
            Self::Alloc { .. } | Self::AllocWrite { .. } => MemoryOp::Alloc,
            Self::Read { .. } => MemoryOp::Read,
            Self::Write { .. } => MemoryOp::Write,
            Self::Free => MemoryOp::Free,
        }
    }

    /// Bytes that came with it.
    pub(crate) fn data_len(&self) -> u64 {
        match self {
            Self::AllocWrite { data, .. } | Self::Write { data, .. } => data.len() as u64,
            _ => 0,
        }
    }
}

/// What a client asks for, under an id that it uses once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Rises within a client; not 0.
    pub id: u64,
    /// The lowest id whose answer the client still waits for.
    pub lowest: u64,
    /// What to do.
    pub work: Work,
}

/// One step or several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// One operation.
    One(Step),
    /// Several, in order, with nobody else's between them. It stops at the first that is refused; those before it stand.
    Batch(Vec<Step>),
    /// The same as it came. None of its steps waits for another operation.
    Sent(SentBatch),
}

impl Work {
    /// Those that are made already: of a batch as it came none are, nor have they anything to wait for.
    pub(crate) fn steps(&self) -> &[Step] {
        match self {
            Self::One(step) => std::slice::from_ref(step),
            Self::Batch(steps) => steps,
            Self::Sent(_) => &[],
        }
    }

    /// Bytes that came with it.
    pub(crate) fn data_len(&self) -> u64 {
        match self {
            Self::Sent(batch) => batch.data_bytes() as u64,
            _ => self.steps().iter().map(|step| step.action.data_len()).sum(),
        }
    }

    /// Forgets the bytes that came with it, and steps beyond those that a batch may have.
    pub(crate) fn drop_data(&mut self) {
        let steps = match self {
            Self::One(step) => std::slice::from_mut(step),
            Self::Batch(steps) => {
                steps.truncate(BATCH_STEPS_MAX);
                steps.shrink_to_fit();
                steps.as_mut_slice()
            }
            // It does not wait for its turn.
            Self::Sent(_) => return,
        };
        for step in steps {
            if let Action::AllocWrite { data, .. } | Action::Write { data, .. } = &mut step.action {
                *data = Vec::new();
            }
        }
    }

    /// Whether it changes nothing, so that doing it again does no harm.
    pub(crate) fn only_reads(&self) -> bool {
        match self {
            Self::Sent(batch) => batch.only_reads(),
            _ => self.steps().iter().all(|step| matches!(step.action, Action::Read { .. })),
        }
    }
}

/// What came of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// An object was made.
    Allocated(Pointer),
    /// What was read.
    Data(Data),
    /// The write has taken effect.
    Written,
    /// The object is freed: at once, or, if it is leased, when the last lease ends.
    Freed,
    /// The answers of a batch's steps, up to the one that was refused.
    Batch(Vec<Answer>, Option<Refusal>),
    /// The same of a batch as it came.
    Sent(SentAnswer),
}

/// The bytes of a read, all of one version. Long ones are in the object's own memory: while they are kept, that memory is.
#[derive(Debug, Clone)]
pub struct Data {
    pub(crate) object: ObjectId,
    pub(crate) offset: u64,
    pub(crate) pieces: Pieces,
}

impl Data {
    /// The bytes, piece by piece; no piece is empty.
    #[must_use]
    pub fn pieces(&self) -> &[Bytes] {
        &self.pieces
    }

    /// The bytes, piece by piece.
    #[must_use]
    pub fn into_pieces(self) -> Vec<Bytes> {
        self.pieces.into_vec()
    }

    /// How many bytes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pieces.iter().map(Bytes::len).sum()
    }

    /// Whether there are none, which no read asks for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// A copy in one piece.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        self.pieces.concat()
    }
}

/// The same bytes of the same place, however they are divided.
impl PartialEq for Data {
    fn eq(&self, other: &Self) -> bool {
        let bytes = |data: &Self| data.pieces.iter().flatten().copied().collect::<Vec<u8>>();
        self.object == other.object && self.offset == other.offset && bytes(self) == bytes(other)
    }
}

impl Eq for Data {}

/// What came of a request.
pub type Outcome = Result<Answer, Refusal>;

/// What became of a request at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Submitted {
    /// It is done, or refused.
    Done(Outcome),
    /// It waits for a write before it; the outcome comes from [`crate::Memory::poll_answer`].
    Waiting,
}
