//! Values into objects.

use super::object::{Held, Object, Settings};
use super::passing::Passing;
use super::{Memory, Owned, ReferenceError};
use crate::buffer::MessageBuffer;
use crate::endpoint::MEMORY_BYTES_MAX;
use crate::memory::{PendingAlloc, Pointer};
use crate::protocol::{BinaryWriter, Decode, Encode, Limits};
use bytes::Bytes;
use std::sync::Arc;

/// Values of so many bytes and more go by reference, unless something else is said.
pub const THRESHOLD_BYTES: usize = 16 * 1024;

impl Settings {
    pub(crate) fn new(memory: Memory, threshold_bytes: usize, limits: Limits) -> Self {
        Self { memory, threshold_bytes, limits }
    }

    pub(super) fn of(memory: &Memory) -> Self {
        Self::new(memory.clone(), THRESHOLD_BYTES, Limits::DEFAULT)
    }
}

/// What an object holds for a value, and the objects that it names.
pub(super) fn encode<T: Encode>(value: T) -> Result<(Bytes, Vec<Held>), ReferenceError> {
    let mut out = MessageBuffer::new();
    out.set_passing(Some(Passing::into_object()));
    let of_content = |error: thrift::Error| ReferenceError::of_content(&error);
    let mut value = value;
    super::passing::prepare(&mut value, out.passing()).map_err(of_content)?;
    value.encode_object(&mut BinaryWriter::new(&mut out)).map_err(of_content)?;
    let parts = out.list_pointers().map(Passing::into_held).unwrap_or_default();
    match out.is_empty() {
        true => Err(ReferenceError::Empty),
        false => Ok((out.into_bytes(), parts)),
    }
}

/// Bytes of what `write` writes, with pointers where there are pointers.
pub(crate) fn encoded_len(write: impl FnOnce(&mut BinaryWriter<'_>) -> thrift::Result<()>) -> thrift::Result<usize> {
    let mut out = MessageBuffer::new();
    out.set_passing(Some(Passing::measure()));
    write(&mut BinaryWriter::new(&mut out))?;
    Ok(out.len())
}

/// A value on its way into an object.
#[derive(Debug)]
pub(super) struct Storing {
    /// Known already where the value was too long for one operation.
    pointer: Option<Result<PendingAlloc, Pointer>>,
    len: u64,
    parts: Vec<Held>,
    settings: Arc<Settings>,
}

impl Storing {
    pub(super) fn start<T: Encode>(value: T, settings: &Arc<Settings>) -> Result<Self, ReferenceError> {
        let (bytes, parts) = encode(value)?;
        let len = bytes.len() as u64;
        let memory = &settings.memory;
        let pointer = match len <= u64::from(MEMORY_BYTES_MAX) {
            true => Ok(memory.hold_alloc_and_write(bytes)?),
            false => Err(memory.alloc_and_write(bytes)?),
        };
        Ok(Self { pointer: Some(pointer), len, parts, settings: Arc::clone(settings) })
    }

    pub(super) fn finish<T>(mut self) -> Result<Owned<T>, ReferenceError> {
        Ok(Owned::of(Arc::new(self.stored()?)))
    }

    fn stored(&mut self) -> Result<Object, ReferenceError> {
        let pointer = match self.pointer.take() {
            Some(Ok(pending)) => pending.wait()?,
            Some(Err(pointer)) => pointer,
            None => return Err(ReferenceError::Empty),
        };
        let parts = std::mem::take(&mut self.parts);
        Ok(Object::stored(pointer, self.len, parts, Arc::clone(&self.settings)))
    }
}

impl Drop for Storing {
    /// What is not wanted any more, because something else failed, is freed; it must be waited for, since only the answer
    /// names it.
    fn drop(&mut self) {
        if self.pointer.is_some() {
            drop(self.stored());
        }
    }
}

impl Memory {
    /// Stores a value: a `binary`, a `string` or a list of elements of fixed width as nothing but its bytes or elements,
    /// anything else in Thrift's binary protocol.
    ///
    /// # Errors
    ///
    /// [`ReferenceError`]; an empty value cannot be stored.
    pub fn store<T: Encode + Decode>(&self, value: T) -> Result<Owned<T>, ReferenceError> {
        Storing::start(value, &Arc::new(Settings::of(self)))?.finish()
    }
}
