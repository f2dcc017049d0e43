//! Pointers to what somebody else controls.

use super::object::{Held, Object, Settings};
use super::{Elements, Memory, ReferenceError, read};
use crate::memory::Pointer;
use crate::protocol::{Decode, Encode};
use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;

/// A value in global memory that may be read only: it came with a call, or was lent by its [`Owned`](super::Owned).
///
/// One that came with a call is valid until the call has been answered.
///
/// ```compile_fail
/// # use bifrost_rpc::reference::{Leased, ReferenceError};
/// fn free(leased: Leased<Vec<u8>>) -> Result<(), ReferenceError> {
///     leased.free()
/// }
/// ```
///
/// ```compile_fail
/// # use bifrost_rpc::reference::{Leased, ReferenceError};
/// fn write(leased: &mut Leased<Vec<u8>>) -> Result<(), ReferenceError> {
///     leased.write(vec![1])
/// }
/// ```
pub struct Leased<T> {
    object: Arc<Object>,
    of: PhantomData<fn() -> T>,
}

impl<T> fmt::Debug for Leased<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Leased").field(&self.pointer()).finish()
    }
}

impl<T> Clone for Leased<T> {
    fn clone(&self) -> Self {
        Self::of(Arc::clone(&self.object))
    }
}

impl<T> PartialEq for Leased<T> {
    fn eq(&self, other: &Self) -> bool {
        self.pointer() == other.pointer()
    }
}

impl<T> Eq for Leased<T> {}

impl<T> Leased<T> {
    pub(super) fn of(object: Arc<Object>) -> Self {
        Self { object, of: PhantomData }
    }

    /// A reference to an object that holds a `T` and that somebody else keeps alive.
    #[must_use]
    pub fn new(pointer: Pointer, memory: &Memory) -> Self {
        Self::of(Arc::new(Object::leased(pointer, Some(Arc::new(Settings::of(memory))), None)))
    }

    /// The pointer.
    #[must_use]
    pub fn pointer(&self) -> Pointer {
        self.object.pointer()
    }

    pub(super) fn held(&self) -> Held {
        Held { object: Arc::clone(&self.object), is_owned: false }
    }

    pub(super) fn object(&self) -> &Object {
        &self.object
    }
}

impl<T: Encode + Decode> Leased<T> {
    /// Reads the value.
    ///
    /// # Errors
    ///
    /// [`ReferenceError`].
    pub fn read(&self) -> Result<T, ReferenceError> {
        self.object.content()?.value()
    }
}

impl<T: Elements> Leased<T> {
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
}
