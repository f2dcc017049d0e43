//! A value or a pointer to one.

use super::elements::place;
use super::object::Object;
use super::store::Storing;
use super::{Elements, Leased, Owned, ReferenceError, read};
use crate::memory::Pointer;
use crate::protocol::{Decode, Encode};
use std::fmt;
use std::ops::{Deref, Range};

/// A value, or a pointer to one in global memory: what an argument, a result or a field marked `(bifrost.ref)` is.
///
/// Which of the two it is on its way is chosen for each call: a value goes by reference if it is long enough, unless
/// [`Ref::by_value`] or [`Ref::by_reference`] says otherwise; where the other side understands no references, all goes by
/// value. A pointer is read when its value is asked for, and not before.
///
/// ```
/// use bifrost_rpc::reference::Ref;
///
/// let data = Ref::from(vec![1, 2, 3, 4]);
/// assert_eq!(data.read_range(1..3)?, [2, 3]);
/// assert_eq!(data.into_value()?, [1, 2, 3, 4]);
/// # Ok::<(), bifrost_rpc::reference::ReferenceError>(())
/// ```
///
/// A reference cannot be written or freed; what this side controls is had by [`Ref::into_owned`].
///
/// ```compile_fail
/// # use bifrost_rpc::reference::{Ref, ReferenceError};
/// fn write(data: &mut Ref<Vec<u8>>) -> Result<(), ReferenceError> {
///     data.write(vec![1])
/// }
/// ```
pub struct Ref<T> {
    pub(super) state: State<T>,
}

pub(super) enum State<T> {
    Value(T, Choice),
    Owned(Owned<T>),
    Leased(Leased<T>),
    /// On its way into an object.
    Storing(Storing),
    /// It was to be stored, and was not.
    Gone,
}

/// How a value is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Choice {
    #[default]
    BySize,
    Value,
    Reference,
}

/// What [`Ref::get`] finds: the value that is there, or one that was read.
#[derive(Debug)]
pub enum Fetched<'a, T> {
    /// It came by value.
    There(&'a T),
    /// It was read from global memory.
    Read(T),
}

impl<T> Deref for Fetched<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        match self {
            Self::There(value) => value,
            Self::Read(value) => value,
        }
    }
}

impl<T> Ref<T> {
    /// A value that is sent as it is, whatever its size.
    #[must_use]
    pub fn by_value(value: T) -> Self {
        Self { state: State::Value(value, Choice::Value) }
    }

    /// A value that is stored when it is sent, whatever its size, if the other side understands references.
    #[must_use]
    pub fn by_reference(value: T) -> Self {
        Self { state: State::Value(value, Choice::Reference) }
    }

    /// The pointer, if it is one.
    #[must_use]
    pub fn pointer(&self) -> Option<Pointer> {
        self.object().map(Object::pointer)
    }

    /// The value, if it is here.
    #[must_use]
    pub fn value(&self) -> Option<&T> {
        match &self.state {
            State::Value(value, _) => Some(value),
            _ => None,
        }
    }

    /// The controlled pointer, if it is one.
    ///
    /// # Errors
    ///
    /// The reference as it was: a value, or a pointer that somebody else controls.
    pub fn into_owned(self) -> Result<Owned<T>, Self> {
        match self.state {
            State::Owned(owned) => Ok(owned),
            state => Err(Self { state }),
        }
    }

    pub(super) fn object(&self) -> Option<&Object> {
        match &self.state {
            State::Owned(owned) => Some(owned.object()),
            State::Leased(leased) => Some(leased.object()),
            State::Value(..) | State::Storing(_) | State::Gone => None,
        }
    }
}

impl<T: Encode + Decode> Ref<T> {
    /// The value; a pointer is read, each time.
    ///
    /// # Errors
    ///
    /// [`ReferenceError`].
    pub fn get(&self) -> Result<Fetched<'_, T>, ReferenceError> {
        match &self.state {
            State::Value(value, _) => Ok(Fetched::There(value)),
            State::Owned(owned) => owned.read().map(Fetched::Read),
            State::Leased(leased) => leased.read().map(Fetched::Read),
            State::Storing(_) | State::Gone => Err(ReferenceError::NoMemory),
        }
    }

    /// The value; a pointer is read, and what this side controls is freed, in the background.
    ///
    /// # Errors
    ///
    /// [`ReferenceError`].
    pub fn into_value(self) -> Result<T, ReferenceError> {
        match self.state {
            State::Value(value, _) => Ok(value),
            State::Owned(owned) => owned.read(),
            State::Leased(leased) => leased.read(),
            State::Storing(_) | State::Gone => Err(ReferenceError::NoMemory),
        }
    }
}

impl<T: Encode + Decode> Ref<T> {
    /// Both values, as [`Ref::into_value`]; where both are pointers they are read at the same time.
    ///
    /// # Errors
    ///
    /// [`ReferenceError`].
    pub fn into_value_with<U: Encode + Decode>(self, other: Ref<U>) -> Result<(T, U), ReferenceError> {
        let (Some(one), Some(two)) = (self.object(), other.object()) else {
            return Ok((self.into_value()?, other.into_value()?));
        };
        if let Some((one, two)) = one.read_with(two)? {
            return Ok((one.value()?, two.value()?));
        }
        let begun = (one.begin()?, two.begin()?);
        let (first, second) = (one.end(begun.0)?, two.end(begun.1)?);
        one.read_apart(two);
        Ok((first.value()?, second.value()?))
    }
}

impl<T: Elements> Ref<T> {
    /// Number of elements. Where it is a pointer, the memory server may have to be asked, once.
    ///
    /// # Errors
    ///
    /// [`ReferenceError`].
    pub fn len(&self) -> Result<u64, ReferenceError> {
        match (&self.state, self.object()) {
            (State::Value(value, _), _) => Ok(value.count()),
            (_, Some(object)) => read::count::<T>(object),
            (_, None) => Err(ReferenceError::NoMemory),
        }
    }

    /// Whether there are no elements.
    ///
    /// # Errors
    ///
    /// [`ReferenceError`].
    pub fn is_empty(&self) -> Result<bool, ReferenceError> {
        self.len().map(|len| len == 0)
    }

    /// A range of the elements; where it is a pointer, only they are read.
    ///
    /// # Errors
    ///
    /// [`ReferenceError`].
    pub fn read_range(&self, range: Range<u64>) -> Result<T, ReferenceError> {
        match (&self.state, self.object()) {
            (State::Value(value, _), _) => slice(value, &range),
            (_, Some(object)) => read::range(object, &range),
            (_, None) => Err(ReferenceError::NoMemory),
        }
    }
}

fn slice<T: Elements>(value: &T, range: &Range<u64>) -> Result<T, ReferenceError> {
    place::<T>(range)?;
    let end = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
    let found = value.slice(end(range.start)..end(range.end));
    found.ok_or(ReferenceError::BadRange { start: range.start, end: range.end })
}

impl<T> From<T> for Ref<T> {
    /// A value that goes by reference if it is long enough.
    fn from(value: T) -> Self {
        Self { state: State::Value(value, Choice::BySize) }
    }
}

impl<T> From<Owned<T>> for Ref<T> {
    /// As an argument it is freed when the call has ended; as a result its control goes to the caller.
    fn from(owned: Owned<T>) -> Self {
        Self { state: State::Owned(owned) }
    }
}

impl<T> From<Leased<T>> for Ref<T> {
    fn from(leased: Leased<T>) -> Self {
        Self { state: State::Leased(leased) }
    }
}

impl<T: Default> Default for Ref<T> {
    fn default() -> Self {
        Self::from(T::default())
    }
}

impl<T: fmt::Debug> fmt::Debug for Ref<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.state {
            State::Value(value, _) => value.fmt(f),
            State::Owned(owned) => owned.fmt(f),
            State::Leased(leased) => leased.fmt(f),
            State::Storing(_) | State::Gone => f.write_str("Storing"),
        }
    }
}

/// Equal values, or the same pointer: nothing is read.
impl<T: PartialEq> PartialEq for Ref<T> {
    fn eq(&self, other: &Self) -> bool {
        match (self.value(), other.value()) {
            (Some(own), Some(other)) => own == other,
            (None, None) => self.pointer().is_some() && self.pointer() == other.pointer(),
            _ => false,
        }
    }
}

impl<T: Eq> Eq for Ref<T> {}
