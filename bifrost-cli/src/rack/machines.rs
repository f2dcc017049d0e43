//! The machines of a rack in this process: each has a port of the switch, and exchanges frames alone.

use crate::services;
use crate::{clock, units};
use anyhow::{Context, Result};
use bifrost_dsm::Config;
use bifrost_dsm::daemon::Daemon;
use bifrost_dsm::front::ControlFront;
use bifrost_rpc::node::Node;
use bifrost_rpc::wire::Pointer;
use bifrost_rpc::{Key, Link, Server};
use bifrost_switch::daemon::{LocalPort, Switch};
use bifrost_switch::rules::rack::{MemorySection, NodeSection, Rack};
use std::net::Ipv6Addr;
use std::time::Duration;

/// Time for calls that run to finish, at the end.
const DRAIN: Duration = Duration::from_secs(2);
/// Time for a machine to leave.
const LEAVE: Duration = Duration::from_secs(1);
/// Time for a machine to be taken in.
const JOIN: Duration = Duration::from_secs(20);

/// How machines are made.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Settings {
    /// Memory of each memory server
    #[arg(long, value_name = "SIZE", default_value = "256M", value_parser = units::long_size)]
    capacity: u64,
}

impl Settings {
    /// Bytes of each memory server.
    pub(crate) fn capacity(&self) -> u64 {
        self.capacity
    }
}

/// What all machines of a rack have in common.
#[derive(Debug)]
pub(crate) struct Site<'a> {
    pub(crate) switch: &'a Switch,
    pub(crate) rack: &'a Rack,
    pub(crate) prefix: Ipv6Addr,
    pub(crate) key: Option<Key>,
}

impl Site<'_> {
    fn port(&self, number: u16) -> Result<LocalPort> {
        self.switch.local(number.into()).with_context(|| format!("the switch has no port {number} in this process"))
    }
}

/// A memory server.
#[derive(Debug)]
pub(crate) struct MemoryMachine {
    node: Node,
    daemon: Daemon,
    front: ControlFront,
}

impl MemoryMachine {
    /// Starts it, and has it join.
    pub(crate) fn start(site: &Site<'_>, section: &MemorySection, settings: &Settings) -> Result<Self> {
        let (server, prefix) = (*section.id.get_ref(), site.rack.fabric.memory_prefix);
        let link = Link::builder()
            .address(Pointer::new(prefix, server, 0).address())
            .mac(section.mac.get_ref().0)
            .switch_mac(site.rack.fabric.mac().0)
            .prefix(site.prefix)
            .in_process(site.port(*section.port.get_ref())?)?;
        // Nothing outlives this process, so that its second will do.
        let boot = clock::unix_seconds();
        let config = Config { prefix, server, boot, capacity_bytes: settings.capacity, ..Config::default() };
        let mut daemon = Daemon::builder(config).transport(|server| server.link(&link)).listen("udp://[::]:7400");
        if let Some(key) = &site.key {
            daemon = daemon.rack_key(key);
        }
        let daemon = daemon.start()?;
        let front = ControlFront::on_link(daemon.memory(), &link, site.key.as_ref())?;
        let mut node = Node::builder().name(&format!("m{server}")).within(JOIN).memory_prefix(prefix);
        if let Some(key) = &site.key {
            node = node.key(key.clone());
        }
        let node = node.memory_server(server, boot, settings.capacity).over(&link)?;
        Ok(Self { node, daemon, front })
    }

    /// The machine in words.
    pub(crate) fn describe(&self) -> String {
        format!("memory server {} at {}", self.node.name(), self.node.link().address())
    }

    /// Leaves the rack, and stops. Returns what has not finished.
    pub(crate) fn stop(self) -> usize {
        self.node.leave(LEAVE);
        self.daemon.shutdown(DRAIN) + self.front.shutdown(DRAIN)
    }
}

/// A compute node.
#[derive(Debug)]
pub(crate) struct ComputeMachine {
    pub(crate) node: Node,
    server: Option<Server>,
    services: Vec<String>,
}

impl ComputeMachine {
    /// Has it join, and serve what the description says.
    pub(crate) fn start(site: &Site<'_>, section: &NodeSection) -> Result<Self> {
        let mut addresses = section.addresses.iter().map(|address| *address.get_ref());
        let first = addresses.next().context("a node has an address")?;
        let link = Link::builder()
            .address(first)
            .mac(section.mac.get_ref().0)
            .switch_mac(site.rack.fabric.mac().0)
            .prefix(site.prefix);
        let mut node = Node::builder().name(section.name.get_ref()).within(JOIN).link(link);
        node = node.memory_prefix(site.rack.fabric.memory_prefix);
        if let Some(key) = &site.key {
            node = node.key(key.clone());
        }
        for address in addresses {
            node = node.further_address(address);
        }
        let node = node.in_process(site.port(*section.port.get_ref())?)?;
        let services: Vec<String> = section.serves.iter().map(|serves| serves.get_ref().service().to_owned()).collect();
        let server = (!services.is_empty()).then(|| serve(&node, &services)).transpose()?;
        Ok(Self { node, server, services })
    }

    /// Whether it only calls.
    pub(crate) fn is_client(&self) -> bool {
        self.server.is_none()
    }

    /// The machine in words.
    pub(crate) fn describe(&self) -> String {
        let (name, address) = (self.node.name(), self.node.link().address());
        match self.services.join(", ") {
            services if services.is_empty() => format!("node {name} at {address}"),
            services => format!("node {name} at {address} serves {services}"),
        }
    }

    /// Lets calls finish, leaves the rack, and stops. Returns what has not finished.
    pub(crate) fn stop(self) -> usize {
        let left = self.server.map_or(0, |server| server.shutdown(DRAIN));
        self.node.leave(LEAVE);
        left
    }
}

fn serve(node: &Node, names: &[String]) -> Result<Server> {
    let mut builder = node.server().global_memory(node.memory());
    for builtin in services::named(names)? {
        builder = builder.shared_service(builtin.service);
    }
    Ok(builder.start()?)
}
