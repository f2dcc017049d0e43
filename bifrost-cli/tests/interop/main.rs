//! Interoperation with Python's Thrift, in both directions: every protocol, transport and way to name a method.
//!
//! Most need a Thrift compiler and a Python that has the `thrift` library ([`peer`] says where they are looked for).
//! Without them the tests say so and pass, unless the environment has `BIFROST_INTEROP=required`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod apache;
mod calls;
mod clients;
mod codec;
mod forms;
mod from_python;
mod peer;
mod random;
mod to_python;
mod values;

#[path = "../common/mod.rs"]
mod common;

/// The code generated for `idl/interop.thrift`.
mod generated {
    include!(concat!(env!("OUT_DIR"), "/thrift.rs"));
}
