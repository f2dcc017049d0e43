//! What the calls ask of the machines.

use super::calls::{Directory, Place};
use super::members::{Member, Members, NodeId};
use super::output::Holder;
use super::services::Services;
use std::net::Ipv6Addr;

/// Nodes and services, as the calls see them.
pub(super) struct Who<'a> {
    pub(super) members: &'a Members,
    pub(super) services: &'a Services,
    pub(super) memory_prefix: u8,
}

impl Who<'_> {
    fn live(&self, id: NodeId) -> Option<&Member> {
        self.members.get(id).filter(|member| member.is_live())
    }

    /// The node at a port that serves at a service's address.
    fn server_at(&self, port: u16, address: Ipv6Addr) -> Option<&Member> {
        let mut nodes = self.services.at(address).filter_map(|offer| self.live(offer.node));
        nodes.find(|member| member.profile.port == port)
    }
}

impl Directory for Who<'_> {
    fn sender(&self, port: u16, source: Ipv6Addr) -> Option<Holder> {
        let own = self.members.at(source).and_then(|id| self.live(id));
        let own = own.filter(|member| member.profile.port == port && member.profile.addresses.contains(&source));
        own.or_else(|| self.server_at(port, source))?.holders().next()
    }

    fn receiver(&self, destination: Ipv6Addr) -> Option<Holder> {
        let member = self.members.at(destination).and_then(|id| self.live(id))?;
        member.holders().next().filter(|_| member.profile.addresses.contains(&destination))
    }

    fn place(&self, instance: u32) -> Place {
        match self.services.node_of(instance) {
            Some(node) => {
                let holder = self.live(node).and_then(|member| member.holders().next());
                holder.map_or(Place::Gone, Place::Live)
            }
            None if self.services.has_ended(instance) => Place::Gone,
            None => Place::Unknown,
        }
    }

    fn has_server(&self, server: u8) -> bool {
        self.members.server(server).is_some_and(|id| self.live(id).is_some_and(|found| found.server() == Some(server)))
    }

    fn servers(&self) -> Vec<u8> {
        self.members.live_servers()
    }

    fn boot_of(&self, server: u8) -> u32 {
        let member = self.members.server(server).and_then(|id| self.live(id));
        let memory = member.and_then(|member| member.profile.memory).filter(|memory| memory.server == server);
        memory.map_or(0, |memory| memory.boot)
    }

    fn memory_prefix(&self) -> u8 {
        self.memory_prefix
    }
}
