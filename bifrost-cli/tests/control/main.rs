//! Memory servers as processes, driven by a stand-in for the control plane: what each right allows, over the network.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod front;
mod messages;
mod rack;
mod rights;
mod several;
mod snapshots;

#[path = "../common/mod.rs"]
mod common;
