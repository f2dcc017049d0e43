//! The data plane of a Bifröst rack.
//!
//! [`engine`] loads the JSON that a P4 compiler writes for BMv2 and runs it; `docs/engine.md` says which part of the format it takes.

pub mod engine;
