//! A rack as its tables see it: machines, services, and who serves what. Changed by joining and leaving; each state has its entries.
//!
//! Neither a file nor a switch is known here. What a rack description says and what the control plane decides pass the same checks.

mod machines;
mod rows;
mod services;

pub use machines::{MemoryServer, Node};
pub use services::{Method, ServiceRules};

use super::problem::Holder;
use super::rack::{Mac, Prefix};
use super::source::Place;
use services::Service;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;

/// What holds for a rack as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fabric {
    /// The first 64 bits are those of services' addresses.
    pub prefix: Ipv6Addr,
    /// The prefix byte of the memory.
    pub memory_prefix: u8,
    /// The switch's MAC address.
    pub mac: Mac,
    /// The ports of the flood group.
    pub flood: BTreeSet<u16>,
    /// Where it is described.
    pub places: Vec<Place>,
}

/// A rack. Cheap enough to clone for each change of it.
#[derive(Debug, Clone)]
pub struct Topology {
    pub(super) fabric: Fabric,
    nodes: BTreeMap<String, State<Node>>,
    services: BTreeMap<String, Service>,
    instances: BTreeMap<u32, Instance>,
    servers: BTreeMap<u8, State<MemoryServer>>,
    pub(super) hosts: BTreeMap<Mac, (u16, Vec<Place>)>,
    pub(super) routes: BTreeMap<Prefix, (u16, Mac, Vec<Place>)>,
    /// The addresses of nodes in good standing.
    sources: BTreeSet<Ipv6Addr>,
    /// Who has which address and which MAC address.
    addresses: BTreeMap<Ipv6Addr, Holder>,
    macs: BTreeMap<Mac, Holder>,
}

/// A machine, and whether it was declared dead.
#[derive(Debug, Clone)]
struct State<M> {
    machine: M,
    is_dead: bool,
    places: Vec<Place>,
}

/// What a session names.
#[derive(Debug, Clone)]
struct Instance {
    services: BTreeSet<String>,
    node: String,
    is_held: bool,
}

/// The machines that a description names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Machines {
    /// Nodes, and which services each serves at which address.
    pub nodes: Vec<(Node, Vec<(String, Ipv6Addr)>)>,
    /// Memory servers.
    pub servers: Vec<MemoryServer>,
}

impl Topology {
    /// A rack without machines and services.
    pub fn new(fabric: Fabric) -> Self {
        let holder = Holder { what: "the switch".to_owned(), place: fabric.places.first().cloned() };
        let macs = BTreeMap::from([(fabric.mac, holder)]);
        Self {
            fabric,
            nodes: BTreeMap::new(),
            services: BTreeMap::new(),
            instances: BTreeMap::new(),
            servers: BTreeMap::new(),
            hosts: BTreeMap::new(),
            routes: BTreeMap::new(),
            sources: BTreeSet::new(),
            addresses: BTreeMap::new(),
            macs,
        }
    }

    /// What holds for the rack as a whole.
    pub fn fabric(&self) -> &Fabric {
        &self.fabric
    }

    /// Takes all machines out, and with them what they serve. Services, hosts and routes stay.
    pub(super) fn take_machines(&mut self) -> Machines {
        let nodes: Vec<Node> = self.nodes.values().map(|found| found.machine.clone()).collect();
        let servers: Vec<MemoryServer> = self.servers.values().map(|found| found.machine.clone()).collect();
        let serving = |node: &Node| {
            let site = |service: &Service| Some((service.rules.name.clone(), service.sites.get(&node.name)?.at));
            self.services.values().filter_map(site).collect()
        };
        let machines = Machines { nodes: nodes.iter().map(|node| (node.clone(), serving(node))).collect(), servers };
        for node in &nodes {
            self.withdraw(&node.name, true);
            self.forget_node(&node.name);
        }
        machines.servers.iter().for_each(|server| self.forget_server(server.id));
        machines
    }

    /// The /48 of a memory server.
    fn memory_prefix(&self, server: u8) -> u128 {
        u128::from(self.fabric.memory_prefix) << 88 | u128::from(server) << 80
    }
}
