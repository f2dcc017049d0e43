//! With hash tables, `Bytes` and unknown fields.

#[path = "../../golden/hash/kept.rs"]
#[rustfmt::skip]
pub(crate) mod kept;

#[path = "../../golden/hash/recursion.rs"]
#[rustfmt::skip]
pub(crate) mod recursion;

#[path = "../../golden/hash/bifrost.rs"]
#[rustfmt::skip]
pub(crate) mod bifrost;

#[path = "../../golden/hash/references.rs"]
#[rustfmt::skip]
pub(crate) mod references;
