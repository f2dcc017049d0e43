//! `bifrost switch`, as people use it.

#![allow(clippy::unwrap_used, reason = "a test ends where something is missing")]

#[path = "../common/mod.rs"]
mod common;

mod outside;
mod running;
mod tracing;
