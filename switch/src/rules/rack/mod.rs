//! `rack.toml`: which machines a rack has, where they are, and who serves what. `docs/rules.md` describes the file.
//!
//! [`Rack::parse`] checks the form of the file. What the parts say of each other (names, addresses and ports used twice, unknown
//! services) is checked when rules are made of it.

mod mac;
mod prefix;

pub use mac::{Mac, NotMac};
pub use prefix::{NotPrefix, Prefix};
pub use toml::Spanned;

use super::fault::Fault;
use super::source::{FILE_BYTES_MAX, Source};
use serde::Deserialize;
use std::net::{Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

/// A rack description as it stands in the file. Values know their place in it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rack {
    /// What holds for the rack as a whole.
    #[serde(rename = "rack")]
    pub fabric: Fabric,
    /// How machines are attached to the switch's ports.
    #[serde(default, rename = "port")]
    pub ports: Vec<Port>,
    /// Compute nodes.
    #[serde(default, rename = "node")]
    pub nodes: Vec<NodeSection>,
    /// Memory servers.
    #[serde(default, rename = "memory")]
    pub memory: Vec<MemorySection>,
    /// Machines that take no part in Bifröst.
    #[serde(default, rename = "host")]
    pub hosts: Vec<HostSection>,
    /// Where frames to the switch's own MAC address go.
    #[serde(default, rename = "route")]
    pub routes: Vec<RouteSection>,
    /// What is special about services.
    #[serde(default, rename = "service")]
    pub services: Vec<ServiceSection>,
}

/// What holds for the rack as a whole.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fabric {
    /// The /64 that the addresses of services are in.
    pub prefix: Spanned<Prefix>,
    /// The prefix byte of the rack's memory. Default 0xfd.
    #[serde(default = "default_memory_prefix")]
    pub memory_prefix: u8,
    /// The switch's MAC address, which nodes have as static neighbour for memory and services. Default 02:b1:f0:00:00:01.
    pub mac: Option<Spanned<Mac>>,
    /// The ports that frames to unknown MAC addresses go to. Default: all that the file names.
    pub flood: Option<Vec<Spanned<u16>>>,
    /// Mirrors calls and answers of all methods that are not redirected to the control plane, for tracing. Default false.
    #[serde(default)]
    pub mirror: bool,
    /// Where the embedded switch takes tunnels' datagrams. Needed if a port is attached by a tunnel.
    pub tunnel: Option<Spanned<SocketAddr>>,
}

/// How machines are attached to a port.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Port {
    /// The port's number.
    pub number: Spanned<u16>,
    /// What is there.
    pub attach: Spanned<Attach>,
}

/// What is at a port of the embedded switch.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Attach {
    /// An endpoint of the same process.
    InProcess,
    /// Whole frames in UDP datagrams.
    Tunnel(Tunnel),
    /// A network device of this name, through a packet socket.
    Device(String),
}

/// A port that a machine attaches to over UDP.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tunnel {
    /// The file with the key that the machine proves to have; relative to the rack description. Without one any may attach, to a switch on
    /// loopback only.
    pub key: Option<PathBuf>,
}

/// A compute node.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeSection {
    /// Its name, by which people and the control plane know it.
    pub name: Spanned<String>,
    /// The port that it is at.
    pub port: Spanned<u16>,
    /// Its MAC address.
    pub mac: Spanned<Mac>,
    /// Its own addresses.
    pub addresses: Vec<Spanned<Ipv6Addr>>,
    /// The services that it serves.
    #[serde(default)]
    pub serves: Vec<Spanned<Serves>>,
    /// It has the addresses of its services as its own. If it has not, the switch rewrites addresses. Default true.
    #[serde(default = "default_true")]
    pub owns_service_addresses: bool,
}

/// That a node serves a service: its name, or `{ service = "…", at = "…" }`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Serves {
    /// At the service's address, or at the node's first one if it does not own that.
    Name(String),
    /// At one of the addresses of a node that does not own its services' addresses.
    At {
        /// The service's name.
        service: String,
        /// The node's address.
        at: Ipv6Addr,
    },
}

impl Serves {
    /// The service's name.
    pub fn service(&self) -> &str {
        match self {
            Self::Name(service) | Self::At { service, .. } => service,
        }
    }
}

/// A memory server.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemorySection {
    /// Its number, byte 5 of pointers.
    pub id: Spanned<u8>,
    /// The port that it is at.
    pub port: Spanned<u16>,
    /// Its MAC address.
    pub mac: Spanned<Mac>,
}

/// A machine that takes no part in Bifröst.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostSection {
    /// Its MAC address.
    pub mac: Spanned<Mac>,
    /// The port that it is at.
    pub port: Spanned<u16>,
}

/// Where frames to the switch's own MAC address go.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteSection {
    /// The destinations.
    pub to: Spanned<Prefix>,
    /// The port that they leave by.
    pub port: Spanned<u16>,
    /// The MAC address of the next hop.
    pub mac: Spanned<Mac>,
}

/// What is special about a service.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceSection {
    /// Its name.
    pub name: Spanned<String>,
    /// Its number in the tables. Default: by a hash of its name.
    pub number: Option<Spanned<u16>>,
    /// Nobody need serve it yet: its calls wait at the control plane. Default false.
    #[serde(default)]
    pub later: bool,
    /// As the rack's `mirror`, for this service.
    pub mirror: Option<bool>,
}

fn default_memory_prefix() -> u8 {
    bifrost_rpc::wire::PREFIX_DEFAULT
}

fn default_true() -> bool {
    true
}

/// The switch's MAC address in a rack that names no other.
pub(crate) const MAC_DEFAULT: Mac = Mac([0x02, 0xb1, 0xf0, 0, 0, 1]);

impl Fabric {
    /// The switch's MAC address.
    pub fn mac(&self) -> Mac {
        self.mac.as_ref().map_or(MAC_DEFAULT, |mac| *mac.get_ref())
    }
}

impl Rack {
    /// Reads the form of a rack description.
    ///
    /// # Errors
    ///
    /// The first thing that is no TOML, has the wrong type or is not known, and where it stands.
    pub fn parse(source: &Arc<Source>) -> Result<Self, Fault> {
        if source.text().len() > FILE_BYTES_MAX {
            return Err(Fault::general(format!("{} is larger than 16 MiB", source.path().display())));
        }
        toml::from_str(source.text()).map_err(|error| {
            let message = error.message().trim_end().replace('\n', "; ");
            Fault::at(source, error.span().unwrap_or_default(), message)
        })
    }

    /// What is at a port, if the file says so.
    pub fn attachment(&self, port: u16) -> Option<&Attach> {
        let found = self.ports.iter().find(|found| *found.number.get_ref() == port);
        found.map(|found| found.attach.get_ref())
    }
}

#[cfg(test)]
mod tests;
