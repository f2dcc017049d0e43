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
mod ordinary;
mod rack;
mod setup;
mod traffic;
