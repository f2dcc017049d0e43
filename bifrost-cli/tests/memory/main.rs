//! `bifrost mem` as a process of its own: what it refuses, what clients that die leave, what it gives back.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod crashes;
mod daemon;
mod large;
mod raw;
mod refusals;
#[cfg(feature = "jemalloc")]
mod returned;

#[path = "../common/mod.rs"]
mod common;
