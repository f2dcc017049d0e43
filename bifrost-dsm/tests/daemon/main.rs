//! The daemon over real sockets.

#![allow(clippy::unwrap_used, reason = "a test ends where something is missing")]

mod objects;
mod rights;
mod support;
mod together;
