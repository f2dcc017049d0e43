//! A switch with ports, as programs use it.

#![allow(clippy::unwrap_used, unreachable_pub, missing_docs, reason = "a test ends where something is missing")]

mod captures;
mod local;
mod node;
mod program;
mod tunnels;

use std::time::Duration;

/// Longer than anything takes that happens.
const WAIT: Duration = Duration::from_secs(20);
