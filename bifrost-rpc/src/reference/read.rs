//! Reading elements.

use super::content::Origin;
use super::elements::place;
use super::object::Object;
use super::{Content, Elements, ReferenceError};
use crate::protocol::Limits;
use std::ops::Range;

pub(super) fn count<T: Elements>(object: &Object) -> Result<u64, ReferenceError> {
    let len = object.len()?;
    match len % T::WIDTH {
        0 => Ok(len / T::WIDTH),
        _ => Err(ReferenceError::NoElements { len, width: T::WIDTH }),
    }
}

pub(super) fn range<T: Elements>(object: &Object, range: &Range<u64>) -> Result<T, ReferenceError> {
    let (offset, len) = place::<T>(range)?;
    // Nothing is read where there is nothing to read, and memory servers refuse to.
    match len {
        0 => Content::new(Vec::new(), Limits::DEFAULT, Origin::Made(None, Vec::new())).value(),
        len => object.range(offset, len)?.value(),
    }
}
