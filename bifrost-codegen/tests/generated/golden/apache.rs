//! With the options for Apache's generator.

#[path = "../../golden/apache/forward.rs"]
#[rustfmt::skip]
pub(crate) mod forward;

#[path = "../../golden/apache/recursion.rs"]
#[rustfmt::skip]
pub(crate) mod recursion;

#[path = "../../golden/apache/bifrost.rs"]
#[rustfmt::skip]
pub(crate) mod bifrost;

#[path = "../../golden/apache/references.rs"]
#[rustfmt::skip]
pub(crate) mod references;
