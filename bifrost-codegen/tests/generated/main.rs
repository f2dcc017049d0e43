//! The goldens, compiled and run.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod apache;
mod constants;
mod dispatch;
mod golden;
mod lenient;
mod manifest;
mod options;
mod order;
mod round_trip;
mod serde;
mod wire;
