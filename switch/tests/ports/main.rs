//! A switch with ports, as programs use it.

#![allow(clippy::unwrap_used, unreachable_pub, missing_docs, reason = "a test ends where something is missing")]

mod captures;
mod local;
mod namespaces;
mod node;
mod outside;
mod program;
mod sockets;
mod tunnels;

use node::WAIT;
