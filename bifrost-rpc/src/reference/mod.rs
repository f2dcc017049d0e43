//! References: arguments, results and fields marked `(bifrost.ref)`, which are values or pointers to global memory.
//!
//! A [`Ref`] in a call is a value or a pointer, chosen for each call. Whoever reads it reads a pointer's value when it is
//! needed, all of it or a range; one that is only passed on costs nothing. Who controls an object has an [`Owned`], who may
//! read it a [`Leased`]. `docs/references.md` says how they are used, and what is on the wire and in memory.

mod codec;
mod content;
mod elements;
mod error;
mod leased;
mod object;
mod owned;
mod passing;
mod read;
mod received;
mod refs;
mod store;
mod visit;
#[cfg(feature = "serde")]
mod with_serde;

pub use content::Content;
pub use elements::Elements;
pub use error::ReferenceError;
pub use leased::Leased;
pub use owned::Owned;
pub use passing::Passing;
pub use received::Received;
pub use refs::{Fetched, Ref};
pub use store::THRESHOLD_BYTES;
pub use visit::{Reference, Visitor};

pub(crate) use object::{Held, Settings};
pub(crate) use passing::{Serving, prepare};
pub(crate) use store::encoded_len;

use crate::memory::GlobalMemory as Memory;
