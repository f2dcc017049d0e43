//! Sockets, clocks and threads: everything that the endpoint must not have.

mod address;
mod clock;
pub(crate) mod link;
mod port;
mod socket;
mod timer;
mod url;

pub use address::{Address, Place, StreamAddress, Style, Transport};
pub(crate) use clock::Clock;
pub use link::{FramePort, Frames};
pub(crate) use port::{Port, seed};
pub use socket::{RECEIVE_BYTES, Received, Socket};
pub(crate) use timer::Timer;
pub use url::{Url, UrlError};
