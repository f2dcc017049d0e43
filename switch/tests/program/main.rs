//! The rack's program: `docs/switch.md`, rule by rule, through the engine.

#![expect(clippy::unwrap_used, reason = "tests")]

mod admission;
mod calls;
mod classes;
mod compiled;
mod control_plane;
mod differential;
mod frame;
mod hostile;
mod memory;
#[path = "../ports/node.rs"]
mod node;
mod ordinary;
mod ports;
mod rack;
mod setup;
mod traffic;
