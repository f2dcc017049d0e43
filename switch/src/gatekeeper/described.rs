//! The machines that the rack's description names.

use super::config::Config;
use super::members::Profile;
use crate::rules::rack::Mac;
use crate::rules::topology::{Machines, MemoryServer, Node};
use bifrost_rpc::wire::control::ControlRefusal;
use std::net::Ipv6Addr;

/// What the description says, and who else is taken in.
#[derive(Debug)]
pub(super) struct Described {
    machines: Machines,
    takes_others: bool,
}

impl Described {
    pub(super) fn new(machines: Machines, config: &Config) -> Self {
        Self { machines, takes_others: config.key.is_some() || config.is_open_to_all }
    }

    /// Whether a node may be in the rack as it says it is.
    pub(super) fn check(&self, profile: &Profile) -> Result<(), ControlRefusal> {
        let is_as_described = match profile.memory {
            Some(memory) => self.server(memory.server).map(|server| is_server(server, profile)),
            None => self.node(&profile.name).map(|(node, _)| is_node(node, profile)),
        };
        match is_as_described {
            Some(true) => Ok(()),
            Some(false) => Err(ControlRefusal::Differs),
            None if self.is_anothers(profile) => Err(ControlRefusal::Differs),
            None if self.takes_others => Ok(()),
            None => Err(ControlRefusal::Unknown),
        }
    }

    /// At which of its addresses a node is to serve a service, as far as the description says; `Err`: not at all.
    pub(super) fn place_of(&self, node: &str, service: &str) -> Result<Option<Ipv6Addr>, ControlRefusal> {
        let Some((_, serves)) = self.node(node).filter(|(_, serves)| !serves.is_empty()) else { return Ok(None) };
        let found = serves.iter().find(|(name, _)| name == service);
        found.map(|(_, at)| Some(*at)).ok_or(ControlRefusal::Differs)
    }

    fn node(&self, name: &str) -> Option<&(Node, Vec<(String, Ipv6Addr)>)> {
        self.machines.nodes.iter().find(|(node, _)| node.name == name)
    }

    fn server(&self, id: u8) -> Option<&MemoryServer> {
        self.machines.servers.iter().find(|server| server.id == id)
    }

    /// Whether a node that is not described has what is a described one's.
    fn is_anothers(&self, profile: &Profile) -> bool {
        let mac = Mac(profile.mac);
        self.machines.servers.iter().any(|server| server.mac == mac)
            || self.machines.nodes.iter().any(|(node, _)| {
                let is_shared = node.addresses.iter().any(|address| profile.addresses.contains(address));
                node.name == profile.name || node.mac == mac || is_shared
            })
    }
}

fn is_node(node: &Node, profile: &Profile) -> bool {
    let same = |mut one: Vec<Ipv6Addr>, mut other: Vec<Ipv6Addr>| {
        one.sort_unstable();
        other.sort_unstable();
        one == other
    };
    (node.port, node.mac, node.owns_service_addresses)
        == (profile.port, Mac(profile.mac), profile.owns_service_addresses)
        && same(node.addresses.clone(), profile.addresses.clone())
}

fn is_server(server: &MemoryServer, profile: &Profile) -> bool {
    (server.port, server.mac) == (profile.port, Mac(profile.mac))
}
