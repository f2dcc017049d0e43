//! `bifrost rack up --processes`, of which parts are killed: each is a process of its own, and the others go on.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test ends where something is missing")]

#[path = "../common/mod.rs"]
mod common;
mod counting;
mod gatekeeper;
mod keep;
mod keyed;
mod manage;
mod others;
mod rack;
mod refused;

#[allow(unused_imports, dead_code, unreachable_pub, missing_docs, reason = "generated, and used in part")]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/thrift.rs"));
}

use std::time::Duration;

/// Longer than anything takes that happens.
const WAIT: Duration = Duration::from_secs(60);
/// Time for what is not going to happen.
const SHORT: Duration = Duration::from_millis(300);
