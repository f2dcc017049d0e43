//! The JSON protocol behind the traits of Apache's crate, over any of its transports.

mod input;
mod output;

pub use input::{TJsonInputProtocol, TJsonInputProtocolFactory};
pub use output::{TJsonOutputProtocol, TJsonOutputProtocolFactory};

/// Memory kept for the next message.
const KEEP_BYTES_MAX: usize = 64 << 10;

#[cfg(test)]
mod tests;
