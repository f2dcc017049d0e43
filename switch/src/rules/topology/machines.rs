//! Nodes, memory servers and other hosts that come and go.

use super::super::entry::CONTROL_PORT;
use super::super::problem::{Holder, Problem};
use super::super::rack::{Mac, Prefix};
use super::super::source::Place;
use super::{State, Topology};
use bifrost_rpc::wire::control::gatekeeper_address;
use std::net::Ipv6Addr;

/// A compute node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// The port that it is at.
    pub port: u16,
    /// Its MAC address.
    pub mac: Mac,
    /// Its own addresses, at least one.
    pub addresses: Vec<Ipv6Addr>,
    /// It has its services' addresses as its own; if not, the switch rewrites addresses.
    pub owns_service_addresses: bool,
}

/// A memory server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryServer {
    /// Its number.
    pub id: u8,
    /// The port that it is at.
    pub port: u16,
    /// Its MAC address.
    pub mac: Mac,
}

impl Topology {
    /// Adds a node, or brings a dead one back. A node that is there just so already changes nothing.
    ///
    /// # Errors
    ///
    /// All that is wrong with it; the rack is as before.
    pub fn join(&mut self, node: Node, places: &[Place]) -> Result<(), Vec<Problem>> {
        if self.nodes.get(&node.name).is_some_and(|found| !found.is_dead && found.machine == node) {
            return Ok(());
        }
        let mut next = self.clone();
        if next.nodes.get(&node.name).is_some_and(|found| found.is_dead) {
            next.forget_node(&node.name);
        }
        let problems = next.problems_of(&node);
        if !problems.is_empty() {
            return Err(problems);
        }
        let holder = Holder { what: format!("node `{}`", node.name), place: places.first().cloned() };
        next.addresses.extend(node.addresses.iter().map(|address| (*address, holder.clone())));
        next.macs.insert(node.mac, holder);
        next.sources.extend(&node.addresses);
        next.nodes.insert(node.name.clone(), State { machine: node, is_dead: false, places: places.to_vec() });
        *self = next;
        Ok(())
    }

    fn problems_of(&self, node: &Node) -> Vec<Problem> {
        let mut problems = self.problems_of_link(node.port, node.mac);
        if !is_name(&node.name) {
            problems.push(Problem::Name);
        }
        if node.addresses.is_empty() {
            problems.push(Problem::NoAddress);
        }
        for (n, address) in node.addresses.iter().enumerate() {
            let own = || Holder { what: format!("node `{}`", node.name), place: None };
            let twice = node.addresses.iter().take(n).any(|other| other == address).then(own);
            match (self.unusable(*address), self.addresses.get(address).cloned().or(twice)) {
                (Some(why), _) => problems.push(Problem::Address(*address, why)),
                (None, Some(holder)) => problems.push(Problem::AddressTaken(*address, holder)),
                (None, None) => {}
            }
        }
        if let Some(other) = self.nodes.get(&node.name) {
            let holder = Holder { what: format!("node `{}`", node.name), place: other.places.first().cloned() };
            // What it shares with its own namesake need not be said twice.
            problems.retain(|problem| {
                !matches!(problem, Problem::MacTaken(_, other) | Problem::AddressTaken(_, other) if *other == holder)
            });
            problems.push(Problem::NameTaken(holder));
        }
        problems
    }

    /// What is wrong with a port and a MAC address.
    fn problems_of_link(&self, port: u16, mac: Mac) -> Vec<Problem> {
        let bad_port = (port >= CONTROL_PORT).then_some(Problem::Port(port));
        let bad_mac = match self.macs.get(&mac) {
            _ if !mac.is_unicast() => Some(Problem::Mac(mac)),
            Some(holder) => Some(Problem::MacTaken(mac, holder.clone())),
            None => None,
        };
        bad_port.into_iter().chain(bad_mac).collect()
    }

    /// Why an address cannot be a node's.
    fn unusable(&self, address: Ipv6Addr) -> Option<&'static str> {
        let is_memory = address.to_bits() >> 88 == u128::from(self.fabric.memory_prefix);
        match () {
            () if is_memory => Some("it is in the prefix of the memory"),
            () if address == gatekeeper_address(self.fabric.prefix) => Some("it is the control plane's"),
            () if address.is_unspecified() => Some("it is unspecified"),
            () if address.is_loopback() => Some("it is the loopback's"),
            () if address.is_multicast() => Some("it is a group's"),
            () if address.is_unicast_link_local() => Some("link-local addresses carry no Bifröst"),
            () => None,
        }
    }

    /// Removes a node, all that it serves and its instances.
    ///
    /// # Errors
    ///
    /// There is no such node.
    pub fn leave(&mut self, node: &str) -> Result<(), Problem> {
        self.node(node)?;
        self.withdraw(node, true);
        self.forget_node(node);
        Ok(())
    }

    /// Declares a node dead: its addresses are blocked, and it serves nothing. Instances that are held stay so.
    ///
    /// # Errors
    ///
    /// There is no such node, or it is dead already.
    pub fn die(&mut self, node: &str) -> Result<(), Problem> {
        self.live_node(node)?;
        self.withdraw(node, false);
        if let Some(found) = self.nodes.get_mut(node) {
            found.is_dead = true;
            found.machine.addresses.iter().for_each(|address| _ = self.sources.remove(address));
        }
        Ok(())
    }

    pub(super) fn forget_node(&mut self, name: &str) {
        if let Some(gone) = self.nodes.remove(name) {
            self.macs.remove(&gone.machine.mac);
            for address in &gone.machine.addresses {
                self.addresses.remove(address);
                self.sources.remove(address);
            }
        }
    }

    fn node(&self, name: &str) -> Result<&State<Node>, Problem> {
        self.nodes.get(name).ok_or_else(|| Problem::UnknownNode(name.to_owned()))
    }

    /// A node in good standing.
    pub(super) fn live_node(&self, name: &str) -> Result<&Node, Problem> {
        match self.node(name)? {
            State { is_dead: true, .. } => Err(Problem::DeadNode(name.to_owned())),
            found => Ok(&found.machine),
        }
    }

    /// The addresses of a node; none for one that is not there.
    pub fn addresses_of(&self, node: &str) -> &[Ipv6Addr] {
        self.nodes.get(node).map_or(&[], |found| &found.machine.addresses)
    }

    /// Whether an address is a node's in good standing.
    pub fn is_source(&self, address: Ipv6Addr) -> bool {
        self.sources.contains(&address)
    }

    /// Adds a memory server, or brings a dead one back. One that is there just so already changes nothing.
    ///
    /// # Errors
    ///
    /// All that is wrong with it; the rack is as before.
    pub fn join_memory(&mut self, server: MemoryServer, places: &[Place]) -> Result<(), Vec<Problem>> {
        let before = self.servers.get(&server.id);
        if before.is_some_and(|found| !found.is_dead && found.machine == server) {
            return Ok(());
        }
        let holder =
            |places: &[Place]| Holder { what: format!("memory server {}", server.id), place: places.first().cloned() };
        let mut next = self.clone();
        let taken = match before {
            Some(found) if found.is_dead => {
                next.forget_server(server.id);
                None
            }
            found => found.map(|found| holder(&found.places)),
        };
        let mut problems = next.problems_of_link(server.port, server.mac);
        if let Some(holder) = taken {
            problems.retain(|problem| !matches!(problem, Problem::MacTaken(_, other) if *other == holder));
            problems.push(Problem::ServerTaken(server.id, holder));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        next.macs.insert(server.mac, holder(places));
        next.servers.insert(server.id, State { machine: server, is_dead: false, places: places.to_vec() });
        *self = next;
        Ok(())
    }

    /// Removes a memory server.
    ///
    /// # Errors
    ///
    /// There is none of this number.
    pub fn leave_memory(&mut self, id: u8) -> Result<(), Problem> {
        if !self.servers.contains_key(&id) {
            return Err(Problem::UnknownServer(id));
        }
        self.forget_server(id);
        Ok(())
    }

    /// Declares a memory server dead: its addresses are blocked.
    ///
    /// # Errors
    ///
    /// There is none of this number, or it is dead already.
    pub fn die_memory(&mut self, id: u8) -> Result<(), Problem> {
        self.live_server(id)?;
        if let Some(found) = self.servers.get_mut(&id) {
            found.is_dead = true;
        }
        Ok(())
    }

    /// Checks that a memory server is there and in good standing.
    ///
    /// # Errors
    ///
    /// It is not.
    pub fn live_server(&self, id: u8) -> Result<(), Problem> {
        match self.servers.get(&id) {
            None => Err(Problem::UnknownServer(id)),
            Some(found) if found.is_dead => Err(Problem::DeadServer(id)),
            Some(_) => Ok(()),
        }
    }

    pub(super) fn forget_server(&mut self, id: u8) {
        if let Some(gone) = self.servers.remove(&id) {
            self.macs.remove(&gone.machine.mac);
        }
    }

    /// Adds a machine that takes no part in Bifröst.
    ///
    /// # Errors
    ///
    /// All that is wrong with it.
    pub fn join_host(&mut self, mac: Mac, port: u16, places: &[Place]) -> Result<(), Vec<Problem>> {
        let problems = self.problems_of_link(port, mac);
        if !problems.is_empty() {
            return Err(problems);
        }
        self.macs.insert(mac, Holder { what: "a host".to_owned(), place: places.first().cloned() });
        self.hosts.insert(mac, (port, places.to_vec()));
        Ok(())
    }

    /// Adds a route for frames to the switch's own MAC address.
    ///
    /// # Errors
    ///
    /// All that is wrong with it.
    pub fn add_route(&mut self, to: Prefix, port: u16, mac: Mac, places: &[Place]) -> Result<(), Vec<Problem>> {
        let bad_port = (port >= CONTROL_PORT).then_some(Problem::Port(port));
        let bad_mac = (!mac.is_unicast() || mac == self.fabric.mac).then_some(Problem::Mac(mac));
        let taken = self.routes.get(&to).map(|(_, _, at)| {
            Problem::NameTaken(Holder { what: format!("the route to {to}"), place: at.first().cloned() })
        });
        let problems: Vec<Problem> = bad_port.into_iter().chain(bad_mac).chain(taken).collect();
        if !problems.is_empty() {
            return Err(problems);
        }
        self.routes.insert(to, (port, mac, places.to_vec()));
        Ok(())
    }
}

/// Whether a text can be the name of a node.
fn is_name(text: &str) -> bool {
    (1..=255).contains(&text.len()) && text.chars().all(|c| !c.is_whitespace() && !c.is_control())
}
