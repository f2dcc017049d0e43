//! Thrift calls over connectionless UDP, exactly once.

pub mod buffer;
pub mod client;
pub mod compat;
pub mod control;
pub mod endpoint;
pub mod follow;
mod io;
pub mod memory;
pub mod node;
pub mod protocol;
pub mod reference;
pub mod server;
pub mod service;
#[cfg(feature = "_sim")]
pub mod sim;
mod stream;
pub mod tunnel;
/// UDP sockets that send and receive many datagrams by one system call, for what carries datagrams of its own: the switch's tunnels.
pub mod udp {
    pub use crate::io::{RECEIVE_BYTES, Received, Socket};
}
pub mod wire;

pub use bytes;
pub use client::{Channel, ChannelBuilder, ConnectError, Pending, PendingMessage, wait_any};
pub use endpoint::{CallError, Config, Key};
pub use io::{
    Address, FramePort, Link, LinkBuilder, LinkError, Place, ServiceAddress, StreamAddress, Style, Taker, Transport,
    Url, UrlError,
};
#[cfg(feature = "serde")]
pub use serde;
pub use server::{ServeError, Server, ServerBuilder};
pub use service::{CallContext, CallResult, Dispatch, Method, Service};
pub use thrift;
pub use uuid;
