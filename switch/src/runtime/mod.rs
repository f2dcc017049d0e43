//! BMv2's runtime API: the services by which a control plane fills tables, as `simple_switch` has them.
//!
//! [`Runtime`] serves them for an engine, [`RuntimeServer`] at an address. A control plane drives any [`SwitchControl`]: a
//! [`Runtime`] in its own process, or by a [`Client`] one elsewhere, BMv2's too. `docs/runtime.md` says what is served and what is different.

mod client;
mod config;
mod control;
mod convert;
mod direct;
mod handler;
mod listing;
mod multicast;
mod notifier;
mod ports;
mod refused;
mod serialize;
mod server;
mod simple_switch;
mod standard;

pub use client::Client;
pub use control::{Answer, Change, ControlError, SwitchControl, Update};
pub use handler::{Runtime, Settings};
pub use notifier::{Notifier, NotifierError};
pub use ports::{NoPorts, PortInfo, PortRefused, Ports};
pub use server::{DEFAULT_URL, RuntimeError, RuntimeServer, services};

/// The code generated for `idl/bmv2_*.thrift`: clients, handlers and types.
pub mod idl {
    pub use crate::idl::{bmv2_simple_pre_lag, bmv2_simple_switch, bmv2_standard};
}
