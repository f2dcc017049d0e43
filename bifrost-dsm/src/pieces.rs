//! What a read has read, piece by piece.

use bytes::Bytes;
use std::ops::Deref;

/// Pieces of memory in order, none of them empty. The usual case is one, which needs no list.
#[derive(Debug, Clone)]
pub(crate) enum Pieces {
    One(Bytes),
    Several(Vec<Bytes>),
}

impl Pieces {
    pub(crate) fn into_vec(self) -> Vec<Bytes> {
        match self {
            Self::One(piece) => vec![piece],
            Self::Several(pieces) => pieces,
        }
    }
}

impl Deref for Pieces {
    type Target = [Bytes];

    fn deref(&self) -> &[Bytes] {
        match self {
            Self::One(piece) => std::slice::from_ref(piece),
            Self::Several(pieces) => pieces,
        }
    }
}
