//! What an object holds.

use super::object::{Held, Settings};
use super::{Received, ReferenceError};
use crate::protocol::{BinaryReader, Decode, Limits, Reader};
use std::sync::Arc;

/// The content of an object, or of a range of it, to be made a value of.
#[derive(Debug)]
pub struct Content {
    bytes: Vec<u8>,
    limits: Limits,
    origin: Origin,
}

/// Where pointers in a content come from.
#[derive(Debug)]
pub(super) enum Origin {
    /// A message, as the pointer to the object itself.
    Message(Arc<Received>),
    /// The object was made here, of these parts.
    Made(Option<Arc<Settings>>, Vec<Held>),
}

impl Content {
    pub(super) fn new(bytes: Vec<u8>, limits: Limits, origin: Origin) -> Self {
        Self { bytes, limits, origin }
    }

    /// A value, as [`Decode::decode_object`] reads it.
    pub(super) fn value<T: Decode>(self) -> Result<T, ReferenceError> {
        T::decode_object(self).map_err(|error| ReferenceError::of_content(&error))
    }

    /// The bytes as they are.
    pub(crate) fn into_bytes(self) -> thrift::Result<Vec<u8>> {
        let (len, limit) = (self.bytes.len(), self.limits.string_bytes_max);
        if len > limit {
            return Err(ReferenceError::TooLarge { len: len as u64, limit: limit as u64 }.into());
        }
        Ok(self.bytes)
    }

    /// Elements of so many bytes, one behind the other.
    pub(crate) fn elements<T: Decode>(self, width: usize) -> thrift::Result<Vec<T>> {
        let len = self.bytes.len();
        let count = len / width.max(1);
        if count * width != len {
            return Err(ReferenceError::NoElements { len: len as u64, width: width as u64 }.into());
        }
        let (longest, memory) = (self.limits.container_len_max, count.saturating_mul(size_of::<T>()));
        if count > longest || memory > self.limits.decoded_bytes_max {
            return Err(ReferenceError::TooLarge { len: len as u64, limit: (longest * width) as u64 }.into());
        }
        T::decode_elements(&mut BinaryReader::with_limits(&self.bytes, self.limits), count)
    }

    /// A value in the binary protocol.
    pub(crate) fn decode<T: Decode>(self) -> thrift::Result<T> {
        let mut reader = BinaryReader::with_limits(&self.bytes, self.limits);
        reader.set_received(Some(match self.origin {
            Origin::Message(received) => received,
            Origin::Made(settings, parts) => Received::answer(settings, parts, Vec::new()),
        }));
        let value = T::decode(&mut reader)?;
        match reader.remaining() {
            0 => Ok(value),
            more => Err(ReferenceError::Malformed(format!("{more} bytes behind the value")).into()),
        }
    }
}
