//! Machines of a rack description.

use super::Work;
use crate::rules::problem::Problem;
use crate::rules::rack::{NodeSection, Spanned};
use crate::rules::topology::{MemoryServer, Node, Topology};

impl Work<'_> {
    pub(super) fn add_machines(&mut self, topology: &mut Topology) {
        let file = self.file;
        for host in &file.hosts {
            let places = self.place(&host.mac);
            let joined = topology.join_host(*host.mac.get_ref(), *host.port.get_ref(), &places);
            self.problems(joined, &host.mac, &host.port, &host.mac);
        }
        for section in &file.nodes {
            let places = self.place(&section.name);
            if let Err(problems) = topology.join(node(section), &places) {
                problems.iter().for_each(|problem| self.node_problem(section, problem));
            }
        }
        for section in &file.memory {
            let places = self.place(&section.id);
            let (id, port, mac) = (*section.id.get_ref(), *section.port.get_ref(), *section.mac.get_ref());
            let joined = topology.join_memory(MemoryServer { id, port, mac }, &places);
            self.problems(joined, &section.id, &section.port, &section.mac);
        }
        for route in &file.routes {
            let places = self.place(&route.to);
            let added = topology.add_route(*route.to.get_ref(), *route.port.get_ref(), *route.mac.get_ref(), &places);
            self.problems(added, &route.to, &route.port, &route.mac);
        }
    }

    /// Reports each problem at what it is about.
    fn problems<T, U, V>(
        &mut self,
        outcome: Result<(), Vec<Problem>>,
        whole: &Spanned<T>,
        port: &Spanned<U>,
        mac: &Spanned<V>,
    ) {
        for problem in outcome.err().iter().flatten() {
            match problem {
                Problem::Port(_) => self.problem(port, problem),
                Problem::Mac(_) | Problem::MacTaken(..) => self.problem(mac, problem),
                _ => self.problem(whole, problem),
            }
        }
    }

    fn node_problem(&mut self, section: &NodeSection, problem: &Problem) {
        match problem {
            Problem::Address(wrong, _) | Problem::AddressTaken(wrong, _) => {
                // The last one: an address that stands there twice is wrong at its second place.
                let found = section.addresses.iter().rfind(|address| address.get_ref() == wrong);
                match found {
                    Some(address) => self.problem(address, problem),
                    None => self.problem(&section.name, problem),
                }
            }
            Problem::Port(_) => self.problem(&section.port, problem),
            Problem::Mac(_) | Problem::MacTaken(..) => self.problem(&section.mac, problem),
            _ => self.problem(&section.name, problem),
        }
    }
}

fn node(section: &NodeSection) -> Node {
    Node {
        name: section.name.get_ref().clone(),
        port: *section.port.get_ref(),
        mac: *section.mac.get_ref(),
        addresses: section.addresses.iter().map(|address| *address.get_ref()).collect(),
        owns_service_addresses: section.owns_service_addresses,
    }
}
