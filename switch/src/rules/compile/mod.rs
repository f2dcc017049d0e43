//! Manifests and a rack description → a rack that can be changed, or all that is wrong with them.

mod machines;
mod services;
#[cfg(test)]
mod tests;

use super::entry::CONTROL_PORT;
use super::fault::Fault;
use super::intent::Intent;
use super::problem::Problem;
use super::rack::{Attach, Rack, Spanned};
use super::sizes::Sizes;
use super::source::{Place, Source};
use super::topology::{Fabric, Topology};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

/// Makes the rules of a rack from its description and the manifests of its services.
///
/// # Errors
///
/// All that is wrong with them.
pub fn compile(rack: &Arc<Source>, manifests: &[Arc<Source>], sizes: &Sizes) -> Result<Intent, Vec<Fault>> {
    let mut faults = Vec::new();
    let services = services::merge(manifests, &mut faults);
    let file = match Rack::parse(rack) {
        Ok(file) => file,
        Err(fault) => {
            faults.push(fault);
            return Err(faults);
        }
    };
    let mut work = Work { source: rack, file: &file, faults };
    let Some(fabric) = work.fabric() else { return Err(work.faults) };
    let mut topology = Topology::new(fabric);
    work.add_services(&services, &mut topology);
    work.add_machines(&mut topology);
    work.add_serving(&services, &mut topology);
    let mut faults = work.faults;
    if faults.is_empty() {
        match Intent::new(topology, sizes.clone()) {
            Ok(intent) => return Ok(intent),
            Err(problems) => faults.extend(problems.iter().map(|problem| {
                let fault = Fault::at(rack, 0..0, problem.to_string());
                problem.advice().map_or(fault.clone(), |advice| fault.help(advice))
            })),
        }
    }
    Err(faults)
}

/// What is compiled, and what is wrong with it so far.
struct Work<'w> {
    source: &'w Arc<Source>,
    file: &'w Rack,
    faults: Vec<Fault>,
}

impl Work<'_> {
    fn fault<T>(&mut self, value: &Spanned<T>, message: impl Into<String>, help: Option<&str>) {
        let fault = Fault::at(self.source, value.span(), message);
        self.faults.push(match help {
            Some(help) => fault.help(help),
            None => fault,
        });
    }

    fn problem<T>(&mut self, value: &Spanned<T>, problem: &Problem) {
        self.fault(value, problem.to_string(), problem.advice());
    }

    fn place<T>(&self, value: &Spanned<T>) -> Vec<Place> {
        vec![self.source.place(value.span().start)]
    }

    fn fabric(&mut self) -> Option<Fabric> {
        let section = &self.file.fabric;
        let prefix = self.prefix()?;
        let mac = section.mac();
        if let Some(given) = section.mac.as_ref().filter(|_| !mac.is_unicast()) {
            self.problem(given, &Problem::Mac(mac));
        }
        self.check_ports();
        let places = self.place(&section.prefix);
        Some(Fabric { prefix, memory_prefix: section.memory_prefix, mac, flood: self.flood(), places })
    }

    fn prefix(&mut self) -> Option<Ipv6Addr> {
        let given = &self.file.fabric.prefix;
        let memory = u128::from(self.file.fabric.memory_prefix);
        let why = match (given.get_ref().address(), given.get_ref().bits()) {
            (IpAddr::V6(address), _) if address.to_bits() >> 88 == memory => "the prefix is in that of the memory",
            (IpAddr::V6(address), _) if address.is_multicast() || address.is_unicast_link_local() => {
                "the prefix is no prefix of machines"
            }
            (IpAddr::V6(address), 64) => return Some(address),
            _ => "the prefix of a rack is an IPv6 one of 64 bits",
        };
        self.fault(
            given,
            why,
            Some(
                "a prefix of local addresses is fd, ten digits at random, and four of your choice: fd00:b1f0:0:1::/64",
            ),
        );
        None
    }

    /// The ports of the flood group: the given ones, or all that the file names.
    fn flood(&self) -> BTreeSet<u16> {
        let file = self.file;
        let all = || {
            let nodes = file.nodes.iter().map(|node| &node.port);
            let memory = file.memory.iter().map(|server| &server.port);
            let others = file.hosts.iter().map(|host| &host.port).chain(file.routes.iter().map(|route| &route.port));
            nodes.chain(memory).chain(others).chain(file.ports.iter().map(|port| &port.number)).collect()
        };
        let ports: Vec<&Spanned<u16>> = file.fabric.flood.as_ref().map_or_else(all, |given| given.iter().collect());
        ports.into_iter().map(|port| *port.get_ref()).collect()
    }

    /// Checks what the file says of ports that no machine is asked for: attachments, and the flood group.
    fn check_ports(&mut self) {
        let file = self.file;
        let mut seen = BTreeSet::new();
        let (mut devices, mut is_tunnel_missing) = (BTreeSet::new(), file.fabric.tunnel.is_none());
        for port in file.fabric.flood.iter().flatten().chain(file.ports.iter().map(|port| &port.number)) {
            if *port.get_ref() >= CONTROL_PORT {
                self.problem(port, &Problem::Port(*port.get_ref()));
            }
        }
        for port in &file.ports {
            if !seen.insert(*port.number.get_ref()) {
                self.fault(&port.number, format!("port {} is described twice", port.number.get_ref()), None);
            }
            match port.attach.get_ref() {
                Attach::Device(name) if !devices.insert(name) => {
                    self.fault(&port.attach, format!("the device `{name}` is at two ports"), None);
                }
                Attach::Tunnel(_) if std::mem::take(&mut is_tunnel_missing) => {
                    let help = "say `tunnel = \"ADDRESS:PORT\"` in [rack]";
                    self.fault(&port.attach, "the switch has no address for tunnels", Some(help));
                }
                _ => {}
            }
        }
    }
}
