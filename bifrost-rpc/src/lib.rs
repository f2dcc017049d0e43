//! Thrift calls over connectionless UDP, exactly once.

pub mod buffer;
pub mod client;
pub mod compat;
pub mod endpoint;
pub mod protocol;
pub mod service;
#[cfg(feature = "_sim")]
pub mod sim;
pub mod wire;

pub use client::{Channel, Pending};
pub use thrift;
pub use uuid;
