//! How references fail.

use crate::memory::MemoryError;
use crate::wire::POINTERS_MAX;

/// Why a reference cannot be read, written, stored or sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReferenceError {
    /// The memory server, or the way to it.
    #[error("global memory: {0}")]
    Memory(#[from] MemoryError),
    /// A pointer has come where no memory was configured.
    #[error("a pointer, but no global memory to read it from")]
    NoMemory,
    /// The object is longer than a limit on this side.
    #[error("an object of {len} bytes, over the limit of {limit}")]
    TooLarge {
        /// Length of the object.
        len: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The object's length is no multiple of its elements'.
    #[error("an object of {len} bytes, which is no list of elements of {width} bytes")]
    NoElements {
        /// Length of the object.
        len: u64,
        /// Length of an element.
        width: u64,
    },
    /// The object holds no value of the type that is expected.
    #[error("the object holds something else: {0}")]
    Malformed(String),
    /// A range that ends before it begins, or that no object can have.
    #[error("no range: from element {start} to {end}")]
    BadRange {
        /// Its first element.
        start: u64,
        /// The one behind its last.
        end: u64,
    },
    /// A value was written over an object of another length.
    #[error("a value of {new} bytes in place of one of {len}")]
    OtherLength {
        /// Length of the object.
        len: u64,
        /// Length of the value.
        new: u64,
    },
    /// Objects name one another deeper than this, or in a circle.
    #[error("values that refer to values, more than {0} deep")]
    TooDeep(u8),
    /// No object has a length of zero.
    #[error("an empty value cannot be stored")]
    Empty,
    /// The call would carry more pointers than a packet can.
    #[error("more than {POINTERS_MAX} pointers in one call")]
    TooMany,
}

impl ReferenceError {
    /// The reference error inside an error of the `thrift` crate, if it is one.
    #[must_use]
    pub fn of(error: &thrift::Error) -> Option<&Self> {
        match error {
            thrift::Error::User(inner) => inner.downcast_ref(),
            _ => None,
        }
    }

    /// What reading an object's content has reported.
    pub(super) fn of_content(error: &thrift::Error) -> Self {
        match Self::of(error) {
            Some(own) => own.clone(),
            None => Self::Malformed(error.to_string()),
        }
    }
}

impl From<ReferenceError> for thrift::Error {
    fn from(error: ReferenceError) -> Self {
        Self::User(Box::new(error))
    }
}
