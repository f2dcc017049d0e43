//! With hash tables, `Bytes` and unknown fields.

#[path = "../../golden/hash/kept.rs"]
#[rustfmt::skip]
pub(crate) mod kept;

#[path = "../../golden/hash/recursion.rs"]
#[rustfmt::skip]
pub(crate) mod recursion;
