//! Clients and servers over real sockets of the loopback device: exactly once through loss and crashes, hostile input,
//! limits, and what is promised of channels and servers.
//!
//! Server processes are this test binary, started again with a variable in its environment (see [`support::process`]).
//! Heavier versions of some tests are ignored by default:
//!
//! ```sh
//! cargo test -p bifrost-rpc --test network -- --ignored --nocapture
//! ```

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests of real time, with helpers outside of them")]

mod bad_input;
mod crashes;
mod exactly_once;
mod large;
mod pressure;
mod refusals;
mod support;
mod versions;
