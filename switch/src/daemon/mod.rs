//! The switch as a running thing: an engine, or BMv2's `simple_switch`, with ports.
//!
//! ```text
//! port's thread ──▶ frames ──▶ engine (under its lock) ──────────────────────▶ batches by port ──▶ the ports' links
//! port's thread ──▶ frames ──▶ simple_switch ──▶ thread of what leaves it ──▶ batches by port ──▶ the ports' links
//! ```
//!
//! The thread that receives frames takes them through the engine, a batch at a time, and sends what comes out; there is no queue
//! in between. Each frame is copied once, to the others that leave by the same port.

mod builder;
mod cable;
mod capture;
mod counts;
mod device;
mod error;
mod fabric;
pub(crate) mod followed;
mod forwarder;
mod frames;
mod local;
mod outlet;
mod outside;
mod packets;
mod pcap;
mod plane;
mod queue;
mod rack;
mod socket;
mod switch;
mod tunnel;
mod watch;

pub use builder::{PortKind, SwitchBuilder, TunnelPort};
pub use cable::SocketCable;
pub use capture::{CAPTURE_WAITING_BYTES_MAX, CaptureReport};
pub use counts::{PortCounts, Tally};
pub use error::{DeviceError, StartError};
pub use fabric::PORTS_MAX;
pub use frames::Frames;
pub use local::LocalPort;
pub use pcap::{Captured, PcapReader};
pub use plane::DataPlane;
pub use queue::QUEUE_BYTES_MAX;
pub use rack::rack_ports;
pub use switch::{PortReport, Report, Switch};
pub use tunnel::TunnelCounts;
pub use watch::WATCH_PACKETS_MAX;
