//! References end to end: generated clients and servers over UDP, with a memory server of the simplest kind.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod calls;
mod chain;
mod limits;
mod nested;
mod rack;
mod together;

#[path = "../golden/rust/bifrost.rs"]
#[rustfmt::skip]
mod bifrost;

#[path = "../golden/rust/references.rs"]
#[rustfmt::skip]
mod references;

#[path = "../../../bifrost-rpc/tests/network/support/store.rs"]
#[allow(dead_code, reason = "other tests use other parts")]
mod store;
