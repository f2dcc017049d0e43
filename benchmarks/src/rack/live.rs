//! A rack that runs: its parts, which are processes or in this one, and the nodes that call.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use bifrost_rpc::node::Node;
use bifrost_rpc::{Channel, Server};
use bifrost_switch::daemon::Switch;
use bifrost_switch::gatekeeper::Gatekeeper;
use bifrost_switch::gatekeeper_driver::Driver;

use super::case::Case;
use super::machines::{self, CLIENTS, MemoryMachine, SERVERS};
use super::part::Part;
use super::service;
use crate::cases::Plan;
use crate::child::ChildProcess;

/// Time for a call.
const DEADLINE: Duration = Duration::from_secs(10);

/// A rack. What needs the others is dropped before them.
pub(super) struct Rack {
    clients: Vec<Node>,
    servers: Vec<ChildProcess>,
    _memory: ChildProcess,
    _switch: ChildProcess,
    tunnel: SocketAddr,
    /// Where processes run.
    core: Option<usize>,
}

impl Rack {
    /// Starts all, with so many nodes that call and so many that serve.
    pub(super) fn start(plan: &Plan<Case>, clients: usize, servers: usize) -> Result<Self> {
        let core = plan.placement.server_core();
        let (switch, port) = Part::Switch(SocketAddr::new(plan.address, 0)).listening(core)?;
        let tunnel = SocketAddr::new(plan.address, port);
        let (memory, _) = Part::Memory(tunnel).listening(core)?;
        let mut rack = Self { clients: vec![], servers: vec![], _memory: memory, _switch: switch, tunnel, core };
        for name in SERVERS.into_iter().take(servers) {
            rack.servers.push(rack.server(name)?);
        }
        for name in CLIENTS.into_iter().take(clients) {
            rack.clients.push(machines::join(tunnel, name)?);
        }
        Ok(rack)
    }

    fn server(&self, name: &str) -> Result<ChildProcess> {
        Ok(Part::Server(self.tunnel, name.to_owned()).listening(self.core)?.0)
    }

    /// The node of the client of this number; clients take turns in having one.
    pub(super) fn node(&self, client: usize) -> Result<&Node> {
        self.clients.get(client % self.clients.len().max(1)).context("a rack without clients")
    }

    /// The way of the client of this number to a service.
    pub(super) fn channel(&self, client: usize, service: &str) -> Result<Channel> {
        channel(self.node(client)?, service)
    }

    /// Kills the server whose process has this number: it says no more. Returns which one it was.
    pub(super) fn kill(&mut self, process: i64) -> Result<usize> {
        let found = self.servers.iter_mut().position(|server| i64::from(server.id()) == process);
        let which = found.context("what has answered is none of the rack's processes")?;
        self.servers[which].kill();
        Ok(which)
    }

    /// Starts a server anew, and waits until it serves.
    pub(super) fn start_again(&mut self, which: usize) -> Result<()> {
        self.servers[which] = self.server(SERVERS[which])?;
        Ok(())
    }
}

fn channel(node: &Node, service: &str) -> Result<Channel> {
    let channel = node.channel().global_memory(node.memory()).deadline(DEADLINE);
    Ok(channel.connect(&format!("rack://{service}"))?)
}

/// A rack of which all is in this process: a node that calls, one that serves, a memory server, the switch with Gatekeeper.
pub(super) struct Enclosed {
    client: Node,
    _server: Server,
    _serving: Node,
    _memory: MemoryMachine,
    _control: Driver<Gatekeeper>,
    _switch: Switch,
}

impl Enclosed {
    /// Starts all. Its threads run where servers do, the calling one where clients do.
    pub(super) fn start(plan: &Plan<Case>) -> Result<Self> {
        plan.placement.pin_server()?;
        let (switch, control) = machines::local_switch()?;
        let memory = MemoryMachine::at(&switch)?;
        let serving = machines::join_at(&switch, SERVERS[0])?;
        let server = service::serve(&serving)?;
        let client = machines::join_at(&switch, CLIENTS[0])?;
        plan.placement.pin_client()?;
        Ok(Self { client, _server: server, _serving: serving, _memory: memory, _control: control, _switch: switch })
    }

    /// The node that calls.
    pub(super) fn node(&self) -> &Node {
        &self.client
    }

    /// Its way to a service.
    pub(super) fn channel(&self, service: &str) -> Result<Channel> {
        channel(&self.client, service)
    }
}
