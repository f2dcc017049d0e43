//! BMv2's runtime API: the services by which a control plane fills tables, as `simple_switch` has them.
//!
//! [`Runtime`] serves them for an engine, [`RuntimeServer`] at an address. `docs/runtime.md` says what is served and what is different.

mod config;
mod convert;
mod handler;
mod multicast;
mod ports;
mod refused;
mod serialize;
mod server;
mod simple_switch;
mod standard;

pub use handler::{Runtime, Settings};
pub use ports::{NoPorts, PortInfo, PortRefused, Ports};
pub use server::{DEFAULT_URL, RuntimeError, RuntimeServer, services};

/// The code generated for `idl/bmv2_*.thrift`: clients, handlers and types.
pub mod idl {
    include!(concat!(env!("OUT_DIR"), "/thrift.rs"));
}
