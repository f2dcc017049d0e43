//! Clients and servers over real sockets of the loopback device: exactly once through loss and crashes, hostile input,
//! limits, and what is promised of channels and servers.
//!
//! Server processes are this test binary, started again with a variable in its environment (see [`support::process`]).
//! Heavier versions of some tests (a million increments through a bad network, a million hostile datagrams) are ignored
//! by default; on two cores they take about three minutes:
//!
//! ```sh
//! cargo test -p bifrost-rpc --test network -- --ignored --nocapture --test-threads=1
//! ```

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests of real time, with helpers outside of them")]

mod any;
mod bad_input;
mod busy;
mod crashes;
mod exactly_once;
mod global;
mod large;
mod lifecycle;
mod link;
mod many;
mod memory;
mod native;
mod pressure;
mod references;
mod refusals;
mod services;
mod support;
mod versions;
