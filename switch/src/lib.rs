//! The data plane of a Bifröst rack.
//!
//! [`engine`] loads the JSON that a P4 compiler writes for BMv2 and runs it; `docs/engine.md` says which part of it it takes.
//! A [`SharedEngine`] is one that several threads use: the ports, and the control plane. [`bmv2`] drives BMv2's `simple_switch`.
//! [`daemon`] is the switch as a running thing, of either, with ports that are tunnels, devices or in the same process;
//! `docs/running-a-switch.md` says how.
//! [`netns`] does things in network namespaces. [`rules`] makes the tables' entries of services and a rack's description; `docs/rules.md` describes it.

pub mod bmv2;
mod clock;
pub mod commands;
pub mod daemon;
pub mod engine;
pub mod gatekeeper;
pub mod gatekeeper_driver;
mod idl;
pub mod netns;
pub mod rules;
pub mod runtime;
mod shared;
#[cfg(feature = "_sim")]
pub mod sim;

pub use shared::SharedEngine;

/// The rack's program, `switch/p4/bifrost.p4`, as p4c compiles it for BMv2. `docs/switch.md` says what it does.
pub const PROGRAM: &str = include_str!("../p4/bifrost.json");
