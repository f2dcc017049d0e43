//! A rack with its control plane, in one process: the compiled program on the embedded switch, Gatekeeper, memory servers, nodes.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test ends where something is missing")]

mod driver;
mod rack;
mod script;
mod whole;

use std::time::Duration;

/// Longer than anything takes that happens.
const WAIT: Duration = Duration::from_secs(60);
/// Long enough for what does not happen.
const SHORT: Duration = Duration::from_millis(300);
