//! Values of which a range can be read.

use super::ReferenceError;
use crate::protocol::impls::element_bytes;
use crate::protocol::{Decode, Encode, ThriftType};
use bytes::Bytes;
use std::ops::Range;

/// A value that is a row of elements of one width: a `binary`, a `string` (of bytes), or a list of numbers, `bool`,
/// enums or `uuid`. An object holds nothing but them, so that a range of them can be read and written alone.
///
/// A list of anything else has no ranges:
///
/// ```compile_fail
/// use bifrost_rpc::reference::Ref;
///
/// fn second(names: &Ref<Vec<String>>) {
///     let _ = names.read_range(1..2);
/// }
/// fn main() {
///     second(&Ref::from(vec!["a".to_owned()]));
/// }
/// ```
pub trait Elements: Encode + Decode {
    /// Bytes of an element in an object.
    const WIDTH: u64;

    /// Number of elements.
    fn count(&self) -> u64;

    /// A range of the elements, none if it is not one of theirs.
    fn slice(&self, range: Range<usize>) -> Option<Self>;
}

impl<T: Encode + Decode + Clone> Elements for Vec<T> {
    const WIDTH: u64 = width::<T>();

    fn count(&self) -> u64 {
        self.len() as u64
    }
    fn slice(&self, range: Range<usize>) -> Option<Self> {
        self.get(range).map(<[T]>::to_vec)
    }
}

impl Elements for Vec<u8> {
    const WIDTH: u64 = 1;

    fn count(&self) -> u64 {
        self.len() as u64
    }
    fn slice(&self, range: Range<usize>) -> Option<Self> {
        self.get(range).map(<[u8]>::to_vec)
    }
}

impl Elements for Bytes {
    const WIDTH: u64 = 1;

    fn count(&self) -> u64 {
        self.len() as u64
    }
    fn slice(&self, range: Range<usize>) -> Option<Self> {
        self.get(range).map(|found| self.slice_ref(found))
    }
}

impl Elements for String {
    const WIDTH: u64 = 1;

    fn count(&self) -> u64 {
        self.len() as u64
    }
    /// None, too, if the range begins or ends within a character.
    fn slice(&self, range: Range<usize>) -> Option<Self> {
        self.get(range).map(str::to_owned)
    }
}

const fn width<T: ThriftType>() -> u64 {
    match element_bytes::<T>() {
        Some(bytes) => bytes as u64,
        // When the program is compiled.
        None => panic!("only elements of fixed width have ranges"),
    }
}

/// Where a range of elements stands in an object: offset and length in bytes.
pub(super) fn place<T: Elements>(range: &Range<u64>) -> Result<(u64, u64), ReferenceError> {
    let bad = || ReferenceError::BadRange { start: range.start, end: range.end };
    let count = range.end.checked_sub(range.start).ok_or_else(bad)?;
    let offset = range.start.checked_mul(T::WIDTH).ok_or_else(bad)?;
    let len = count.checked_mul(T::WIDTH).ok_or_else(bad)?;
    offset.checked_add(len).ok_or_else(bad)?;
    Ok((offset, len))
}
