//! Why a switch was not started.

use crate::bmv2::Bmv2Error;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a switch was not started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// No port has such a number.
    #[error("no port can have the number {0}: ports are 0 to 510")]
    Number(u32),
    /// A port was given twice.
    #[error("port {0} is given twice")]
    Twice(u32),
    /// A device cannot be used.
    #[error("port {port}: {error}")]
    Device {
        /// The port.
        port: u32,
        /// Why.
        error: DeviceError,
    },
    /// A Unix socket cannot be listened at.
    #[error("port {port}: cannot listen on {}: {error}", path.display())]
    Socket {
        /// The port.
        port: u32,
        /// Its path.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A tunnel port in a switch that has no address for tunnels.
    #[error("port {0} is a tunnel's, and there is no address for tunnels to listen on")]
    NoTunnels(u32),
    /// Tunnels cannot be listened for.
    #[error("cannot listen on udp://{address}: {error}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// The `simple_switch` that frames are to go through cannot be used.
    #[error(transparent)]
    Bmv2(Bmv2Error),
    /// A file for captured frames cannot be written.
    #[error("cannot write captured frames to {}: {error}", path.display())]
    Capture {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The system gives no thread, or no random numbers.
    #[error("cannot start: {0}")]
    System(#[source] io::Error),
}

/// Why a network device cannot be a port.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// There is none of this name.
    #[error("there is no network device {0:?}")]
    Missing(String),
    /// Only root, or who has CAP_NET_RAW, may open packet sockets.
    #[error("packet sockets need root, or the capability CAP_NET_RAW; a tunnel port needs neither")]
    NotAllowed,
    /// Its network namespace cannot be entered.
    #[error("network namespace {namespace:?}: {error}")]
    Namespace {
        /// The namespace.
        namespace: String,
        /// What the system says.
        error: io::Error,
    },
    /// The device is no Ethernet device.
    #[error("{0:?} carries no Ethernet frames")]
    NotEthernet(String),
    /// Another error of the system.
    #[error("{device:?}: {error}")]
    System {
        /// The device.
        device: String,
        /// What the system says.
        error: io::Error,
    },
}
