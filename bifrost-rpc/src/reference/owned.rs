//! Pointers to what this side controls.

use super::elements::place;
use super::object::{Held, Object, Settings};
use super::store::encode;
use super::{Elements, Leased, Memory, Ref, ReferenceError, read};
use crate::memory::Pointer;
use crate::protocol::{Decode, Encode};
use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;

/// A value in global memory that this side controls: it may be read, written, lent and freed.
///
/// Dropping it frees the object, in the background; [`Owned::free`] waits and says whether it worked. What has been freed or
/// given away cannot be used any more, and control has one holder:
///
/// ```compile_fail
/// # use bifrost_rpc::reference::{Owned, ReferenceError};
/// fn late(owned: Owned<Vec<u8>>) -> Result<Vec<u8>, ReferenceError> {
///     owned.free()?;
///     owned.read()
/// }
/// ```
///
/// ```compile_fail
/// # use bifrost_rpc::reference::Owned;
/// fn twice(owned: &Owned<Vec<u8>>) -> Owned<Vec<u8>> {
///     Owned::clone(owned)
/// }
/// ```
#[must_use = "dropping it frees the object"]
pub struct Owned<T> {
    object: Arc<Object>,
    of: PhantomData<fn() -> T>,
}

impl<T> fmt::Debug for Owned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Owned").field(&self.pointer()).finish()
    }
}

impl<T> PartialEq for Owned<T> {
    fn eq(&self, other: &Self) -> bool {
        self.pointer() == other.pointer()
    }
}

impl<T> Eq for Owned<T> {}

impl<T> Owned<T> {
    pub(super) fn of(object: Arc<Object>) -> Self {
        Self { object, of: PhantomData }
    }

    /// Takes control of an object that holds a `T`: of a pointer that [`Owned::release`] gave.
    pub fn adopt(pointer: Pointer, memory: &Memory) -> Self {
        Self::of(Arc::new(Object::controlled(pointer, Arc::new(Settings::of(memory)))))
    }

    /// The pointer.
    #[must_use]
    pub fn pointer(&self) -> Pointer {
        self.object.pointer()
    }

    /// A reference to be passed in calls while control stays here. The object lives until this and all that was lent are
    /// dropped.
    #[must_use]
    pub fn lend(&self) -> Ref<T> {
        Ref::from(Leased::of(Arc::clone(&self.object)))
    }

    /// A reference that takes control along: as an argument it is freed when the call has ended, as a result its control
    /// goes to the caller.
    #[must_use = "dropping it frees the object"]
    pub fn give(self) -> Ref<T> {
        Ref::from(self)
    }

    /// Frees the object; if it is lent, when the last of what was lent is dropped.
    ///
    /// # Errors
    ///
    /// The memory server's refusal, or no answer.
    pub fn free(self) -> Result<(), ReferenceError> {
        Arc::try_unwrap(self.object).map_or(Ok(()), |object| object.free())
    }

    /// Gives up control without freeing: from now on the object lives until somebody frees the pointer.
    #[must_use = "nothing else knows the object"]
    pub fn release(self) -> Pointer {
        self.object.give_up();
        self.object.pointer()
    }

    pub(super) fn held(&self) -> Held {
        Held { object: Arc::clone(&self.object), is_owned: true }
    }

    pub(super) fn object(&self) -> &Object {
        &self.object
    }
}

impl<T: Encode + Decode> Owned<T> {
    /// Reads the value.
    ///
    /// # Errors
    ///
    /// [`ReferenceError`].
    pub fn read(&self) -> Result<T, ReferenceError> {
        self.object.content()?.value()
    }

    /// Writes another value in place of the one that is there. It must take as many bytes.
    ///
    /// # Errors
    ///
    /// [`ReferenceError`]: the value takes another number of bytes, or a call leases the object.
    pub fn write(&mut self, value: T) -> Result<(), ReferenceError> {
        let len = self.object.len()?;
        let (bytes, _parts) = encode(value)?;
        let new = bytes.len() as u64;
        if new != len {
            return Err(ReferenceError::OtherLength { len, new });
        }
        Ok(self.object.settings()?.memory.write(self.pointer(), 0, bytes)?)
    }
}

impl<T: Elements> Owned<T> {
    /// Number of elements. The first time the memory server may have to be asked.
    ///
    /// # Errors
    ///
    /// [`ReferenceError`].
    pub fn len(&self) -> Result<u64, ReferenceError> {
        read::count::<T>(&self.object)
    }

    /// Whether there are no elements; no object is empty.
    ///
    /// # Errors
    ///
    /// [`ReferenceError`].
    pub fn is_empty(&self) -> Result<bool, ReferenceError> {
        self.len().map(|len| len == 0)
    }

    /// Reads a range of elements.
    ///
    /// # Errors
    ///
    /// [`ReferenceError`].
    pub fn read_range(&self, range: Range<u64>) -> Result<T, ReferenceError> {
        read::range(&self.object, &range)
    }

    /// Writes elements over those from `start` on.
    ///
    /// # Errors
    ///
    /// [`ReferenceError`]: there are not so many, or a call leases the object.
    pub fn write_range(&mut self, start: u64, elements: T) -> Result<(), ReferenceError> {
        let (offset, len) = place::<T>(&(start..start.saturating_add(elements.count())))?;
        if len == 0 {
            return Ok(());
        }
        let (bytes, _parts) = encode(elements)?;
        Ok(self.object.settings()?.memory.write(self.pointer(), offset, bytes)?)
    }
}
