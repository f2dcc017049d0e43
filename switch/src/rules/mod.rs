//! What the tables of a rack's switch are to say. `docs/rules.md` is for those who use it, `docs/switch.md` says what each table means.

mod fault;
pub mod rack;
mod source;

pub use fault::{Fault, render};
pub use source::{FILE_BYTES_MAX, Place, Source};
