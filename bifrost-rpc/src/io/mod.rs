//! Sockets, clocks and threads: everything that the endpoint must not have.

mod address;
mod clock;
pub(crate) mod link;
mod port;
mod port_socket;
mod single;
mod socket;
mod timer;
mod url;

pub use address::{Address, Place, ServiceAddress, StreamAddress, Style, Transport};
pub(crate) use clock::Clock;
pub use link::{FramePort, Link, LinkBuilder, LinkError, Taker};
pub(crate) use link::{Guest, KnowsCalls, Led, LinkSocket};
pub(crate) use port::{Port, seed};
pub(crate) use port_socket::PortSocket;
pub use socket::{RECEIVE_BYTES, Received, Socket};
pub(crate) use timer::Timer;
pub use url::{Url, UrlError};
