//! The entries of a rack.

use super::super::action::Action;
use super::super::entry::{CONTROL_PORT, Entries, Key};
use super::super::rack::Prefix;
use super::super::shares::shares;
use super::super::table::Table;
use super::services::{Service, Site};
use super::{MemoryServer, Node, Topology};
use crate::rules::Place;
use bifrost_rpc::wire::RACK_PORT;
use bifrost_rpc::wire::control::gatekeeper_address;
use std::net::IpAddr;

impl Topology {
    /// The entries that do not depend on which machines are there.
    pub fn fixed(&self) -> Entries {
        let mut entries =
            Entries { flood: self.fabric.flood.clone(), mirror: Some(CONTROL_PORT), ..Entries::default() };
        let configure = Action::Configure { memory_prefix: self.fabric.memory_prefix, mac: self.fabric.mac };
        entries.put(Key::default_of(Table::Rack), configure, "the rack", &self.fabric.places);
        for (mac, (port, places)) in &self.hosts {
            entries.put(
                Key::new(Table::L2, &[mac.to_bits().into()], 0),
                Action::Forward { port: *port },
                "a host",
                places,
            );
        }
        for (to, (port, mac, places)) in &self.routes {
            entries.put(
                route_key(to),
                Action::Deliver { port: *port, mac: *mac },
                &format!("the route to {to}"),
                places,
            );
        }
        // What a memory server answers to the control plane is no Bifröst.
        let own = Prefix::new(gatekeeper_address(self.fabric.prefix), 128);
        let to_itself = Action::Deliver { port: CONTROL_PORT, mac: self.fabric.mac };
        entries.put(route_key(&own), to_itself, "the control plane", &self.fabric.places);
        for service in self.services.values() {
            method_rows(&mut entries, service);
        }
        entries
    }

    /// The entries that change when machines and instances come and go. No key of them is among the [`fixed`](Self::fixed).
    pub fn changing(&self) -> Entries {
        let mut entries = Entries::default();
        for found in self.nodes.values() {
            node_rows(&mut entries, &found.machine, found.is_dead, &found.places);
        }
        for found in self.servers.values() {
            self.server_rows(&mut entries, &found.machine, found.is_dead, &found.places);
        }
        for service in self.services.values() {
            self.service_rows(&mut entries, service);
        }
        self.instance_rows(&mut entries);
        entries
    }

    fn server_rows(&self, entries: &mut Entries, server: &MemoryServer, is_dead: bool, places: &[Place]) {
        let what = format!("memory server {}", server.id);
        let (prefix, mac) = (self.memory_prefix(server.id), u128::from(server.mac.to_bits()));
        entries.put(
            Key::new(Table::PortSecurity, &[server.port.into(), mac, prefix], 48),
            Action::Admit,
            &what,
            places,
        );
        entries.put(Key::new(Table::L2, &[mac], 0), Action::Forward { port: server.port }, &what, places);
        if is_dead {
            block(entries, prefix, 48, &what, places);
        } else {
            let action = Action::Deliver { port: server.port, mac: server.mac };
            entries.put(Key::new(Table::MemoryServer, &[server.id.into()], 0), action, &what, places);
        }
    }

    fn service_rows(&self, entries: &mut Entries, service: &Service) {
        let sites = || service.sites.iter().filter_map(|(name, site)| Some((&self.nodes.get(name)?.machine, site)));
        let address = service.address.to_bits();
        for (node, site) in sites() {
            let what = format!("service {} at node {}", service.rules.name, node.name);
            if node.owns_service_addresses {
                let key = [node.port.into(), node.mac.to_bits().into(), address];
                entries.put(Key::new(Table::PortSecurity, &key, 128), Action::Admit, &what, &site.places);
            } else {
                let key = Key::new(Table::ServiceSource, &[site.at.to_bits(), RACK_PORT.into()], 0);
                entries.put(key, Action::AnswerAs { address: service.address }, &what, &site.places);
            }
        }
        // `node` can only send on to a node that takes packets for the service's address.
        let owners = || sites().filter(|(node, _)| node.owns_service_addresses);
        if let Some((node, site)) = owners().find(|(_, site)| site.is_open).or_else(|| owners().next()) {
            let what = format!("address of service {}", service.rules.name);
            let action = Action::Deliver { port: node.port, mac: node.mac };
            entries.put(Key::new(Table::Node, &[address], 0), action, &what, &site.places);
        }
        let open: Vec<(&Node, &Site)> = sites().filter(|(_, site)| site.is_open).collect();
        for share in shares(open.len()) {
            let Some((node, site)) = open.get(share.instance) else { continue };
            let what = format!("service {} at node {}", service.rules.name, node.name);
            let key = Key::new(Table::RpcPlace, &[service.rules.number.into(), share.value.into()], share.bits);
            entries.put(key, deliver(node, site), &what, &site.places);
        }
    }

    fn instance_rows(&self, entries: &mut Entries) {
        for (id, instance) in &self.instances {
            // Where it serves several services, they are all at one address.
            let first = instance.services.first().and_then(|name| self.services.get(name));
            let site = first.and_then(|service| service.sites.get(&instance.node));
            let action = match (self.nodes.get(&instance.node), site) {
                _ if instance.is_held => Action::Hold,
                (Some(node), Some(site)) => deliver(&node.machine, site),
                // An instance that is not held has a site, and so a node.
                _ => continue,
            };
            let names = instance.services.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            let what = format!("instance of service {names} at node {}", instance.node);
            entries.put(Key::new(Table::RpcInstance, &[(*id).into()], 0), action, &what, &[]);
        }
    }
}

fn deliver(node: &Node, site: &Site) -> Action {
    match node.owns_service_addresses {
        true => Action::Deliver { port: node.port, mac: node.mac },
        false => Action::DeliverTo { port: node.port, mac: node.mac, address: site.at },
    }
}

fn node_rows(entries: &mut Entries, node: &Node, is_dead: bool, places: &[Place]) {
    let what = format!("node {}", node.name);
    let mac = u128::from(node.mac.to_bits());
    entries.put(Key::new(Table::L2, &[mac], 0), Action::Forward { port: node.port }, &what, places);
    for address in node.addresses.iter().map(|address| address.to_bits()) {
        // A dead node's announcement is told from a stranger's by this entry.
        let key = Key::new(Table::PortSecurity, &[node.port.into(), mac, address], 128);
        entries.put(key, Action::Admit, &what, places);
        if is_dead {
            block(entries, address, 128, &what, places);
        } else {
            let action = Action::Deliver { port: node.port, mac: node.mac };
            entries.put(Key::new(Table::Node, &[address], 0), action, &what, places);
        }
    }
}

fn block(entries: &mut Entries, address: u128, bits: u8, what: &str, places: &[Place]) {
    for table in [Table::BlockedSource, Table::BlockedDestination] {
        entries.put(Key::new(table, &[address], bits), Action::Block, &format!("{what}, which is dead"), places);
    }
}

fn method_rows(entries: &mut Entries, service: &Service) {
    for method in &service.rules.methods {
        let field = u128::from_be_bytes(*method.field.bytes());
        let key = Key::new(Table::RpcService, &[method.field.name_len().into(), field], 0);
        let action = Action::Serve { service: service.rules.number, tracking: method.tracking };
        entries.put(key, action, &format!("method {}", method.full_name), &method.places);
    }
}

fn route_key(to: &Prefix) -> Key {
    match to.address() {
        IpAddr::V4(address) => Key::new(Table::Ipv4Route, &[address.to_bits().into()], to.bits()),
        IpAddr::V6(address) => Key::new(Table::Ipv6Route, &[address.to_bits()], to.bits()),
    }
}
