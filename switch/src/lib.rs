//! The data plane of a Bifröst rack.
//!
//! [`engine`] loads the JSON that a P4 compiler writes for BMv2 and runs it; `docs/engine.md` says which part of the format it takes.
//! [`rules`] makes the tables' entries of services and a rack's description; `docs/rules.md` describes it.

pub mod engine;
pub mod rules;
