//! An object of global memory, as the references to it share it.

use super::content::Origin;
use super::{Content, Memory, Received, ReferenceError};
use crate::endpoint::MEMORY_BYTES_MAX;
use crate::memory::{MemoryError, MemoryStatus, PendingMemory, Pointer, TOGETHER_BYTES_MAX};
use crate::protocol::Limits;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// No object is so long: whoever reads there is told how long it is.
const BEYOND: u64 = 1 << 62;

/// Where values are stored, and from what size on.
#[derive(Debug, Clone)]
pub struct Settings {
    pub(crate) memory: Memory,
    /// Values of so many bytes and more go by reference.
    pub(crate) threshold_bytes: usize,
    /// On what is read.
    pub(crate) limits: Limits,
}

/// An object. Its control, if this side has it, ends with it: then it is freed.
#[derive(Debug)]
pub(crate) struct Object {
    pointer: Pointer,
    settings: Option<Arc<Settings>>,
    is_controlled: AtomicBool,
    /// Length in bytes; 0 while it is not known, since no object is empty.
    len: AtomicU64,
    /// What pointers in its content have come with.
    received: Option<Arc<Received>>,
    /// The objects that its content names, if it was made here.
    parts: Vec<Held>,
}

/// A share of an object, held so that it lives.
#[derive(Debug, Clone)]
pub struct Held {
    pub(crate) object: Arc<Object>,
    /// It is the share of the one who controls the object, not of one to whom it was lent.
    pub(crate) is_owned: bool,
}

impl Object {
    /// An object that this side controls.
    pub(crate) fn controlled(pointer: Pointer, settings: Arc<Settings>) -> Self {
        let mut object = Self::leased(pointer, Some(settings), None);
        object.is_controlled = AtomicBool::new(true);
        object
    }

    /// An object that somebody else controls.
    pub(crate) fn leased(pointer: Pointer, settings: Option<Arc<Settings>>, received: Option<Arc<Received>>) -> Self {
        let (is_controlled, len) = (AtomicBool::new(false), AtomicU64::new(0));
        Self { pointer, settings, is_controlled, len, received, parts: Vec::new() }
    }

    /// One that this side has just stored.
    pub(crate) fn stored(pointer: Pointer, len: u64, parts: Vec<Held>, settings: Arc<Settings>) -> Self {
        let mut object = Self::controlled(pointer, settings);
        object.len = AtomicU64::new(len);
        object.parts = parts;
        object
    }

    /// The same with what pointers in its content have come with.
    pub(crate) fn with_received(mut self, received: Option<Arc<Received>>) -> Self {
        self.received = received;
        self
    }

    pub(crate) fn pointer(&self) -> Pointer {
        self.pointer
    }

    pub(crate) fn parts(&self) -> &[Held] {
        &self.parts
    }

    /// Gives control away; says whether there was any.
    pub(crate) fn give_up(&self) -> bool {
        self.is_controlled() && self.is_controlled.swap(false, Ordering::AcqRel)
    }

    pub(crate) fn is_controlled(&self) -> bool {
        self.is_controlled.load(Ordering::Acquire)
    }

    pub(crate) fn settings(&self) -> Result<&Arc<Settings>, ReferenceError> {
        self.settings.as_ref().ok_or(ReferenceError::NoMemory)
    }

    /// Length in bytes, if it is known.
    fn known_len(&self) -> Option<u64> {
        Some(self.len.load(Ordering::Relaxed)).filter(|len| *len > 0)
    }

    /// Length in bytes; the server is asked once.
    pub(crate) fn len(&self) -> Result<u64, ReferenceError> {
        if let Some(len) = self.known_len() {
            return Ok(len);
        }
        let len = match self.settings()?.memory.read(self.pointer, BEYOND, 1) {
            Err(MemoryError::Refused { status: MemoryStatus::OutOfRange, detail }) => detail,
            Err(error) => return Err(error.into()),
            Ok(_) => return Err(MemoryError::BadAnswer("with bytes that no object has").into()),
        };
        self.len.store(len, Ordering::Relaxed);
        Ok(len)
    }

    /// Where pointers in its content come from; those of an object that was made here are of the same memory.
    fn origin(&self) -> Origin {
        let own = || Origin::Made(self.settings.clone(), self.parts.clone());
        self.received.clone().map_or_else(own, Origin::Message)
    }

    /// All of this content and of another's by one message, if both are short; `None` if they are to be read each by itself.
    pub(crate) fn read_with(&self, other: &Self) -> Result<Option<(Content, Content)>, ReferenceError> {
        let (settings, others) = (self.settings()?, other.settings()?);
        let limit = settings.limits.message_bytes_max.min(others.limits.message_bytes_max);
        let known = [self, other].map(|object| object.known_len().map(|len| len <= TOGETHER_BYTES_MAX as u64));
        if known.contains(&Some(false)) || !settings.memory.is_same(&others.memory) {
            return Ok(None);
        }
        let are_known = known == [Some(true); 2];
        let read = settings.memory.read_together(&[self.pointer, other.pointer], are_known, limit)?;
        let contents = read.and_then(|read| <[_; 2]>::try_from(read).ok());
        Ok(contents.map(|[own, others]| (self.content_of(own, settings), other.content_of(others, settings))))
    }

    /// This and another were read each by itself: what is read next may be as long.
    pub(crate) fn read_apart(&self, other: &Self) {
        let is_short = |object: &Self| object.known_len().is_some_and(|len| len <= TOGETHER_BYTES_MAX as u64);
        if let Some(settings) = &self.settings {
            settings.memory.expect_short(is_short(self) && is_short(other));
        }
    }

    fn content_of(&self, bytes: Vec<u8>, settings: &Settings) -> Content {
        self.len.store(bytes.len() as u64, Ordering::Relaxed);
        Content::new(bytes, settings.limits, self.origin())
    }

    /// Begins to read all of the content, held for others like it; `None` if it is too long for one operation.
    pub(crate) fn begin(&self) -> Result<Option<PendingMemory<Vec<u8>>>, ReferenceError> {
        let len = self.known_len();
        match len.is_none_or(|len| len <= u64::from(MEMORY_BYTES_MAX)) {
            true => Ok(Some(self.settings()?.memory.hold_read(self.pointer, len)?)),
            false => Ok(None),
        }
    }

    /// The content whose reading was begun.
    pub(crate) fn end(&self, begun: Option<PendingMemory<Vec<u8>>>) -> Result<Content, ReferenceError> {
        let settings = self.settings()?;
        let limit = settings.limits.message_bytes_max as u64;
        match begun.map(PendingMemory::wait) {
            Some(Ok(bytes)) if bytes.len() as u64 <= limit => Ok(self.content_of(bytes, settings)),
            // Too long for one operation or for the limits: which of the two is found out there.
            None | Some(Ok(_) | Err(MemoryError::Refused { status: MemoryStatus::OutOfRange, .. })) => self.content(),
            Some(Err(error)) => Err(error.into()),
        }
    }

    /// All of the content.
    pub(crate) fn content(&self) -> Result<Content, ReferenceError> {
        if let Some(len) = self.known_len() {
            return self.range(0, len);
        }
        let settings = self.settings()?;
        let limit = settings.limits.message_bytes_max as u64;
        match settings.memory.read_all(self.pointer, limit) {
            Ok(bytes) => Ok(self.content_of(bytes, settings)),
            Err(MemoryError::Refused { status: MemoryStatus::OutOfRange, detail: len }) => {
                Err(ReferenceError::TooLarge { len, limit })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A range of the content.
    pub(crate) fn range(&self, offset: u64, len: u64) -> Result<Content, ReferenceError> {
        let settings = self.settings()?;
        let limit = settings.limits.message_bytes_max as u64;
        if len > limit {
            return Err(ReferenceError::TooLarge { len, limit });
        }
        let bytes = settings.memory.read(self.pointer, offset, len)?;
        Ok(Content::new(bytes, settings.limits, self.origin()))
    }

    /// Frees the object and waits until it is.
    pub(crate) fn free(&self) -> Result<(), ReferenceError> {
        match self.give_up() {
            true => Ok(self.settings()?.memory.free(self.pointer)?),
            false => Ok(()),
        }
    }
}

impl Drop for Object {
    /// Frees what is controlled, without waiting for the answer: a free is small, and sent again until it is answered. It
    /// goes with what is sent next.
    fn drop(&mut self) {
        if let (true, Some(settings)) = (*self.is_controlled.get_mut(), &self.settings) {
            settings.memory.free_later(self.pointer);
        }
    }
}
