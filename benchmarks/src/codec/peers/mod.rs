//! The codecs that are compared, all of them on the same Rust types.

pub(super) mod apache;
pub(super) mod bifrost;
pub(super) mod pilota;
