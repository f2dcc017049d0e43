//! Why a machine, a service or a right cannot be as somebody wants it.

use super::rack::Mac;
use super::source::Place;
use super::table::Table;
use bifrost_rpc::wire::MethodField;
use std::fmt;
use std::net::Ipv6Addr;

/// Who has what somebody else wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// As in "node `s1`".
    pub what: String,
    /// Where that stands.
    pub place: Option<Place>,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{} ({place})", self.what),
            None => f.write_str(&self.what),
        }
    }
}

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages say it")]
pub enum Problem {
    #[error("a name is 1 to 255 printable characters without spaces")]
    Name,
    #[error("the name is already that of {0}")]
    NameTaken(Holder),
    #[error("{0} is no port of machines")]
    Port(u16),
    #[error("{0} cannot be a machine's MAC address")]
    Mac(Mac),
    #[error("the MAC address {0} is already that of {1}")]
    MacTaken(Mac, Holder),
    #[error("{0} cannot be a node's address: {1}")]
    Address(Ipv6Addr, &'static str),
    #[error("the address {0} is already that of {1}")]
    AddressTaken(Ipv6Addr, Holder),
    #[error("the node has no address")]
    NoAddress,
    #[error("there is no node `{0}`")]
    UnknownNode(String),
    #[error("the node `{0}` was declared dead")]
    DeadNode(String),
    #[error("no manifest has a service `{0}`")]
    UnknownService(String),
    #[error("the method field {0} is that of a method of `{1}`")]
    MethodTaken(MethodField, String),
    #[error("the rack has as many services as it can number")]
    TooManyServices,
    #[error("the node already serves `{0}`")]
    ServedTwice(String),
    #[error("the node does not serve `{0}`")]
    NotServed(String),
    #[error("{0} is not an address of the node")]
    NotItsAddress(Ipv6Addr),
    #[error("the node serves `{1}` at {0} already, and does not own the services' addresses")]
    PlaceTaken(Ipv6Addr, String),
    #[error("an instance's number is not 0")]
    InstanceZero,
    #[error("the instance {0:#010x} exists already")]
    InstanceTaken(u32),
    #[error("there is no instance {0:#010x}")]
    UnknownInstance(u32),
    #[error("the memory server {0} is already that of {1}")]
    ServerTaken(u8, Holder),
    #[error("there is no memory server {0}")]
    UnknownServer(u8),
    #[error("the memory server {0} was declared dead")]
    DeadServer(u8),
    #[error("{0} is no address of a node in good standing")]
    UnknownSource(Ipv6Addr),
    #[error("not a pointer to an object of this rack's memory")]
    Pointer,
    #[error("`{name}` has {need} entries, and room for {room}", name = .table.name())]
    Full { table: Table, need: usize, room: usize },
}

impl Problem {
    /// What to do about it.
    pub fn advice(&self) -> Option<&'static str> {
        Some(match self {
            Self::Port(_) => "ports are 0 to 509; 510 is the control plane's, 511 drops",
            Self::Mac(_) => "a machine's MAC address is neither zero nor a group's: its first byte is even",
            Self::MacTaken(..) => "give each machine a MAC address of its own",
            Self::AddressTaken(..) => "give each node addresses of its own",
            Self::UnknownService(_) => "name the service's manifest, made by `bifrost gen --emit manifest`",
            Self::PlaceTaken(..) => {
                "answers of both would come from one address; give the node a further one and say `{ service = …, at = … }`"
            }
            Self::NotItsAddress(_) => "`at` is one of the node's `addresses`",
            Self::ServerTaken(..) => "give each memory server a number of its own",
            Self::Full { .. } => "fewer entries, or a program with a larger table",
            _ => return None,
        })
    }
}
