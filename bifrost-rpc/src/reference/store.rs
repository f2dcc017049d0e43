//! Values into objects.

use super::object::{Held, Object, Settings};
use super::passing::Passing;
use super::{Memory, Owned, ReferenceError};
use crate::buffer::MessageBuffer;
use crate::endpoint::MEMORY_BYTES_MAX;
use crate::memory::{Allocs, PendingAlloc, Pointer, TOGETHER_BYTES_MAX};
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
    // Mostly it is one block, which is kept.
    let mut out = MessageBuffer::recycle(Vec::new());
    let of_content = |error: thrift::Error| ReferenceError::of_content(&error);
    let mut value = value;
    if T::HAS_REFERENCES {
        out.set_passing(Some(Passing::into_object()));
        super::passing::prepare(&mut value, out.passing()).map_err(of_content)?;
    }
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

/// Short values that are stored together: their contents are collected, and sent when all are there.
#[derive(Debug, Default)]
pub struct Together {
    contents: Vec<Bytes>,
    made: Option<Allocs>,
}

impl Together {
    /// Stores what was collected, or begins to, where that takes a message for each.
    pub(crate) fn store(&mut self, memory: &Memory) -> Result<(), ReferenceError> {
        if !self.contents.is_empty() {
            self.made = Some(memory.alloc_and_write_all(std::mem::take(&mut self.contents))?);
        }
        Ok(())
    }

    fn push(&mut self, content: Bytes) -> usize {
        self.contents.push(content);
        self.contents.len() - 1
    }

    fn take(&mut self, at: usize) -> Result<Pointer, ReferenceError> {
        Ok(self.made.as_mut().ok_or(ReferenceError::Empty)?.take(at)?)
    }
}

/// A value on its way into an object.
#[derive(Debug)]
pub(super) struct Storing {
    place: Option<Place>,
    len: u64,
    parts: Vec<Held>,
    /// None when it has been stored.
    settings: Option<Arc<Settings>>,
}

#[derive(Debug)]
enum Place {
    /// It is there: it was too long for one operation.
    There(Pointer),
    /// An operation of its own makes it.
    Alone(Box<PendingAlloc>),
    /// One of several that are made together.
    Among(usize),
}

impl Storing {
    /// Begins to store a value; a short one when [`Together::store`] says so.
    pub(super) fn start<T: Encode>(
        value: T,
        settings: &Arc<Settings>,
        together: &mut Together,
    ) -> Result<Self, ReferenceError> {
        let (bytes, parts) = encode(value)?;
        let len = bytes.len();
        let memory = &settings.memory;
        let place = match len {
            ..=TOGETHER_BYTES_MAX => Place::Among(together.push(bytes)),
            _ if len <= MEMORY_BYTES_MAX as usize => Place::Alone(Box::new(memory.start_alloc_and_write(bytes)?)),
            _ => Place::There(memory.alloc_and_write(bytes)?),
        };
        Ok(Self { place: Some(place), len: len as u64, parts, settings: Some(Arc::clone(settings)) })
    }

    pub(super) fn finish<T>(mut self, together: &mut Together) -> Result<Owned<T>, ReferenceError> {
        Ok(Owned::of(Arc::new(self.stored(Some(together))?)))
    }

    fn stored(&mut self, together: Option<&mut Together>) -> Result<Object, ReferenceError> {
        let pointer = match (self.place.take(), together) {
            (Some(Place::There(pointer)), _) => pointer,
            (Some(Place::Alone(pending)), _) => pending.wait()?,
            (Some(Place::Among(at)), Some(together)) => together.take(at)?,
            (Some(Place::Among(_)) | None, _) => return Err(ReferenceError::Empty),
        };
        let parts = std::mem::take(&mut self.parts);
        let settings = self.settings.take().ok_or(ReferenceError::NoMemory)?;
        Ok(Object::stored(pointer, self.len, parts, settings))
    }
}

impl Drop for Storing {
    /// What is not wanted any more, because something else failed, is freed; it must be waited for, since only the answer
    /// names it. Those that were made with others are freed with [`Allocs`].
    fn drop(&mut self) {
        if matches!(self.place, Some(Place::There(_) | Place::Alone(_))) {
            drop(self.stored(None));
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
        let mut together = Together::default();
        let storing = Storing::start(value, &Arc::new(Settings::of(self)), &mut together)?;
        together.store(self)?;
        storing.finish(&mut together)
    }
}
