//! Settings of a switch, and its ports as they are opened.

use super::capture::Capture;
use super::counts::Counter;
use super::device::Device;
use super::error::StartError;
use super::fabric::{Fabric, Link, PORTS_MAX, Port};
use super::plane::DataPlane;
use super::queue::Queue;
use super::socket::SocketPort;
use super::switch::Switch;
use super::tunnel::{Tunnel, TunnelLink, Tunnels};
use bifrost_rpc::Key;
use bifrost_rpc::wire::frame::Mac;
use bifrost_rpc::wire::tunnel::Seat;
use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Frames that wait at an in-process port unless told otherwise.
const QUEUE_FRAMES: usize = 4096;
/// Bytes of captured frames unless told otherwise.
const CAPTURE_BYTES: u64 = 1 << 30;
/// Bytes of an Ethernet frame's payload in a tunnel unless told otherwise: jumbo frames.
const MTU: u16 = 9_000;

/// What is at the other end of a port.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PortKind {
    /// This process: [`Switch::local`].
    Local,
    /// A node that attaches through the tunnels' socket: [`SwitchBuilder::tunnels`].
    Tunnel(TunnelPort),
    /// A network device, through a packet socket: needs root, or CAP_NET_RAW. As `NAMESPACE/DEVICE` that of another network
    /// namespace: needs root.
    Device(String),
    /// Another process of this machine and user, through a Unix socket at this path: [`SocketCable`](super::SocketCable).
    Socket(PathBuf),
}

/// As `show_ports` lists it: `in process`, `tunnel`, `tunnel n1`, the device's name, or `socket` and its path.
impl fmt::Display for PortKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.write_str("in process"),
            Self::Tunnel(to) if to.node.is_empty() => f.write_str("tunnel"),
            Self::Tunnel(to) => write!(f, "tunnel {}", to.node),
            Self::Device(name) => f.write_str(name),
            Self::Socket(path) => write!(f, "socket {}", path.display()),
        }
    }
}

/// What a node that attaches to a port is told; all may be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TunnelPort {
    /// The name by which the node may ask for the port; it may always ask by its number.
    pub node: String,
    /// The node's Ethernet address.
    pub mac: Mac,
    /// The node's address in the rack.
    pub address: Option<Ipv6Addr>,
    /// The switch's own Ethernet address.
    pub switch_mac: Mac,
    /// The key that the node must know. Default: that of [`SwitchBuilder::tunnels`].
    pub key: Option<Key>,
}

/// Settings of a switch that is to be started.
#[derive(Debug)]
pub struct SwitchBuilder {
    plane: DataPlane,
    ports: Vec<(u32, PortKind)>,
    queue_frames: usize,
    capture: Option<PathBuf>,
    capture_bytes: u64,
    tunnels: Option<(SocketAddr, Option<Key>)>,
    mtu: u16,
    lease: Duration,
}

impl SwitchBuilder {
    pub(crate) fn new(plane: DataPlane) -> Self {
        Self {
            plane,
            ports: Vec::new(),
            queue_frames: QUEUE_FRAMES,
            capture: None,
            capture_bytes: CAPTURE_BYTES,
            tunnels: None,
            mtu: MTU,
            lease: bifrost_rpc::tunnel::LEASE,
        }
    }

    /// Adds a port, 0 to 510.
    #[must_use]
    pub fn port(mut self, number: u32, kind: PortKind) -> Self {
        self.ports.push((number, kind));
        self
    }

    /// Frames that wait at each in-process port before further ones are lost: 4096 by default, and at most
    /// [`QUEUE_BYTES_MAX`](super::QUEUE_BYTES_MAX).
    #[must_use]
    pub fn queue_frames(mut self, frames: usize) -> Self {
        self.queue_frames = frames.max(1);
        self
    }

    /// Writes what passes each port to files in a directory, which is made if it is not there: `port-1-in.pcap` has what came in by
    /// port 1, `port-1-out.pcap` what was to leave by it. Files of these names are replaced.
    #[must_use]
    pub fn capture(mut self, directory: impl Into<PathBuf>) -> Self {
        self.capture = Some(directory.into());
        self
    }

    /// Bytes that all files of captured frames have at most, 1 GiB by default; later frames are not captured.
    #[must_use]
    pub fn capture_bytes(mut self, bytes: u64) -> Self {
        self.capture_bytes = bytes;
        self
    }

    /// Where nodes attach by tunnels, and the key that they must know where their port has none of its own; without a key only
    /// programs of this machine can.
    #[must_use]
    pub fn tunnels(mut self, address: SocketAddr, key: Option<Key>) -> Self {
        self.tunnels = Some((address, key));
        self
    }

    /// Bytes of an Ethernet frame's payload that go through a tunnel at most, where the node does not say less. 9,000 by default.
    #[must_use]
    pub fn mtu(mut self, bytes: u16) -> Self {
        self.mtu = bytes;
        self
    }

    /// Time after which a node that attached by a tunnel and is not heard is forgotten. 6 s by default.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Starts the switch.
    ///
    /// # Errors
    ///
    /// [`StartError`]; then nothing runs.
    pub fn start(self) -> Result<Switch, StartError> {
        let mut tunnels = self.bind()?;
        let mut opened = BTreeMap::new();
        for (number, kind) in &self.ports {
            if *number >= PORTS_MAX {
                return Err(StartError::Number(*number));
            }
            if opened.insert(*number, self.open(*number, kind, &mut tunnels)?).is_some() {
                return Err(StartError::Twice(*number));
            }
        }
        let tunnels = tunnels.map(Arc::new);
        let capture = self.start_capture(opened.keys().copied())?;
        let mut ports: Vec<_> = (0..PORTS_MAX).map(|_| None).collect();
        for (number, kind) in &self.ports {
            let link = opened.get(number).and_then(|end| end.link(tunnels.as_ref()));
            if let (Some(slot), Some(link)) = (ports.get_mut(*number as usize), link) {
                let (interface, counter) = (kind.to_string(), Counter::default());
                *slot = Some(Port { interface, link, counter, fault: Mutex::default() });
            }
        }
        let (plane, leaving) = self.plane.open()?;
        let fabric = Arc::new(Fabric::new(plane, ports, capture));
        Switch::start(fabric, tunnels, opened, leaving)
    }

    fn bind(&self) -> Result<Option<Tunnels>, StartError> {
        let Some((address, _)) = &self.tunnels else { return Ok(None) };
        let tunnels = Tunnels::bind(*address, self.lease);
        tunnels.map(Some).map_err(|error| StartError::Listen { address: *address, error })
    }

    fn open(&self, port: u32, kind: &PortKind, tunnels: &mut Option<Tunnels>) -> Result<End, StartError> {
        match kind {
            PortKind::Tunnel(to) => {
                let tunnels = tunnels.as_mut().ok_or(StartError::NoTunnels(port))?;
                let number = u16::try_from(port).map_err(|_| StartError::Number(port))?;
                let address = to.address.unwrap_or(Ipv6Addr::UNSPECIFIED);
                let seat = Seat { port: number, mtu: self.mtu, mac: to.mac, switch_mac: to.switch_mac, address };
                let key = to.key.as_ref().or(self.tunnels.as_ref().and_then(|(_, key)| key.as_ref()));
                tunnels.add(&to.node, seat, key).map(End::Tunnel).map_err(StartError::System)
            }
            PortKind::Local => Ok(End::Local(Arc::new(Queue::new(self.queue_frames)))),
            PortKind::Device(name) => {
                let device = Device::open(name).map_err(|error| StartError::Device { port, error })?;
                Ok(End::Device(Arc::new(device)))
            }
            PortKind::Socket(path) => {
                let socket = SocketPort::open(path);
                let error = |error| StartError::Socket { port, path: path.clone(), error };
                socket.map(|socket| End::Socket(Arc::new(socket))).map_err(error)
            }
        }
    }

    fn start_capture(&self, ports: impl Iterator<Item = u32>) -> Result<Option<Capture>, StartError> {
        let Some(directory) = &self.capture else { return Ok(None) };
        let capture = Capture::start(directory, ports, self.capture_bytes);
        capture.map(Some).map_err(|(path, error)| StartError::Capture { path, error })
    }
}

/// A port that is open, before frames go through it.
#[derive(Debug)]
pub(crate) enum End {
    Local(Arc<Queue>),
    Tunnel(Arc<Tunnel>),
    Device(Arc<Device>),
    Socket(Arc<SocketPort>),
}

impl End {
    fn link(&self, tunnels: Option<&Arc<Tunnels>>) -> Option<Arc<dyn Link>> {
        Some(match self {
            Self::Local(queue) => Arc::clone(queue) as Arc<dyn Link>,
            Self::Tunnel(tunnel) => Arc::new(TunnelLink { tunnels: Arc::clone(tunnels?), tunnel: Arc::clone(tunnel) }),
            Self::Device(device) => Arc::new(Arc::clone(device)),
            Self::Socket(socket) => Arc::new(Arc::clone(socket)),
        })
    }
}
