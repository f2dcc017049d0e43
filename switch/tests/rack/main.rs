//! A rack without root: clients, servers and a memory server attached to the embedded switch, and to a `simple_switch` if there is one
//! in `PATH`, which run the compiled program. Each test is done over in-process ports and over tunnels.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test ends where something is missing")]
#![allow(clippy::print_stdout, reason = "tests, which say what they skip")]

mod calls;
mod gatekeeper;
mod loss;
mod memory;
mod ordinary;
mod rack;
mod service;

use std::time::Duration;

/// Longer than anything takes that happens.
const WAIT: Duration = Duration::from_secs(60);
/// Long enough for what does not happen.
const SHORT: Duration = Duration::from_millis(300);
