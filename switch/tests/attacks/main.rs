//! Attacks on a rack, made of raw frames. Each is stopped, counted where `bifrost rack status` shows it, and leaves the memory as it was; most
//! also show what would happen without the protection. `docs/gatekeeper.md` has the table.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test ends where something is missing")]

mod bypass;
mod callee;
mod counts;
mod ended;
mod followed;
mod forged;
mod frames;
mod grants;
mod leases;
mod rack;
mod raw;
mod rights;
mod said;
mod seal;
mod service;

use std::time::{Duration, Instant};

/// Longer than anything takes that happens.
const WAIT: Duration = Duration::from_secs(60);

/// Waits until something holds.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < WAIT, "never: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
