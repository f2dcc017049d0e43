//! Protection, as `docs/gatekeeper.md` has it: the calls of Gatekeeper with memory servers, tables, and nodes that lose, double and
//! reorder what they send.

#![expect(clippy::unwrap_used, reason = "tests")]

mod cases;
mod claimed;
mod frames;
mod gone;
mod nodes;
mod random;
mod restart;
mod rng;
mod size;
mod world;
