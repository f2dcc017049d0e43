//! With serde and unknown fields.

#[path = "../../golden/serde/kept.rs"]
#[rustfmt::skip]
pub(crate) mod kept;

#[path = "../../golden/serde/recursion.rs"]
#[rustfmt::skip]
pub(crate) mod recursion;

#[path = "../../golden/serde/bifrost.rs"]
#[rustfmt::skip]
pub(crate) mod bifrost;

#[path = "../../golden/serde/references.rs"]
#[rustfmt::skip]
pub(crate) mod references;
