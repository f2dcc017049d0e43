//! Thrift's classic transports: messages on a byte stream, framed or not, over TCP and Unix sockets; and without any
//! stream, within one process.
//!
//! [`Channel::connect`](crate::Channel::connect) and [`ServerBuilder::listen`](crate::ServerBuilder::listen) choose
//! them by URL. What other implementations of Thrift send and expect stands in `docs/transports.md`.

mod answer;
mod client;
mod connection;
mod directory;
mod incoming;
mod memory;
mod served;
mod server;
mod socket;

pub(crate) use client::{StreamCall, StreamClient};
pub(crate) use directory::Directory;
pub(crate) use incoming::{Budget, Incoming};
pub(crate) use memory::InProcess;
pub(crate) use server::{Listening, Settings};

#[cfg(test)]
mod tests;
