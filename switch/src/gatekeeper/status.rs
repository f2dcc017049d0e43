//! How the rack stands, for people and for metrics.

use super::calls::{Counts, ObjectView, RunningCall};
use super::counters::Counters;
use super::machine::Gatekeeper;
use super::members::{Ending, Member, NodeId, State};
use super::output::CallKey;
use bifrost_rpc::endpoint::Time;
use bifrost_rpc::wire::Pointer;
use bifrost_rpc::wire::control::{MemoryServer, NodeKind};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;
use std::time::Duration;

/// How a resource stands: `docs/gatekeeper.md`, section 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ResourceState {
    /// It is being put into the tables.
    Joining,
    /// It is there, and serves nothing.
    Free,
    /// It serves a service, holds a right, or is a memory server.
    InUse,
    /// It has missed heartbeats.
    Suspected,
    /// It was declared dead.
    Failed,
    /// It has left.
    Left,
}

/// A node, as others see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: NodeKind,
    /// How it stands.
    pub state: ResourceState,
    /// Its present life, or its last one.
    pub incarnation: u32,
    /// How much of it there is, in the unit of its kind; 0: it does not say.
    pub capacity: u64,
    /// What it is in words.
    pub specification: String,
    /// Its port.
    pub port: u16,
    /// Its Ethernet address.
    pub mac: [u8; 6],
    /// Its addresses.
    pub addresses: Vec<Ipv6Addr>,
    /// Of a memory server, its number and boot number.
    pub memory: Option<MemoryServer>,
    /// Since it was last heard.
    pub silence: Duration,
}

/// An instance that serves a service, or would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Its number.
    pub instance: u32,
    /// Its node's name.
    pub node: String,
    /// It takes new sessions, or would.
    pub is_open: bool,
    /// It is in the tables; otherwise it stands by.
    pub is_serving: bool,
}

/// All of the rack but objects and calls, of which there may be many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The control plane's term.
    pub term: u64,
    /// It decides; before that it only finds out how the rack stands.
    pub is_ready: bool,
    /// Nodes by name.
    pub resources: Vec<Resource>,
    /// Services by name, with their instances by number.
    pub services: BTreeMap<String, Vec<Instance>>,
    /// Packets held because nobody serves their method.
    pub unserved: usize,
    /// Messages, batches and records under way.
    pub under_way: usize,
}

impl Gatekeeper {
    /// How the rack stands.
    pub fn status(&self, now: Time) -> Status {
        let sources = self.rules.sources();
        let resource = |(id, member): (NodeId, &Member)| self.resource(now, id, member, &sources);
        let mut resources: Vec<Resource> =
            self.members.iter().filter(|(_, member)| member.incarnation != 0).map(resource).collect();
        resources.sort_by(|one, other| one.name.cmp(&other.name));
        let mut services: BTreeMap<String, Vec<Instance>> = BTreeMap::new();
        for name in self.rules.topology().service_names() {
            services.insert(name.to_owned(), Vec::new());
        }
        for ((instance, service), offer) in self.services.iter() {
            let (instance, node) = (*instance, self.name_of(offer.node));
            let view = Instance { instance, node, is_open: offer.is_open, is_serving: offer.is_serving };
            services.entry(service.clone()).or_default().push(view);
        }
        Status {
            term: self.outbox.term(),
            is_ready: self.is_ready(),
            resources,
            services,
            unserved: self.unserved.len(),
            under_way: self.outbox.under_way(),
        }
    }

    fn resource(&self, now: Time, id: NodeId, member: &Member, sources: &BTreeSet<Ipv6Addr>) -> Resource {
        let profile = member.profile.clone();
        let has_rights = profile.addresses.iter().any(|address| sources.contains(address));
        let state = match member.state {
            State::Joining => ResourceState::Joining,
            State::Suspected => ResourceState::Suspected,
            State::Ended { is_dead: false } | State::Ending(Ending { is_dead: false, .. }) => ResourceState::Left,
            State::Ended { is_dead: true } | State::Ending(_) => ResourceState::Failed,
            State::Alive if profile.memory.is_some() || has_rights || self.services.has_node(id) => {
                ResourceState::InUse
            }
            State::Alive => ResourceState::Free,
        };
        Resource {
            name: profile.name,
            kind: profile.kind,
            state,
            incarnation: member.incarnation,
            capacity: profile.capacity,
            specification: profile.specification,
            port: profile.port,
            mac: profile.mac,
            addresses: profile.addresses,
            memory: profile.memory,
            silence: now.since(member.last_heard),
        }
    }

    /// Objects after one, in order: who controls them, which calls lease them to whom.
    pub fn objects(&self, after: Option<Pointer>) -> impl Iterator<Item = ObjectView> + '_ {
        self.calls.objects(after)
    }

    /// Running calls after one, in order: the edges of the graph.
    pub fn running_calls(&self, after: Option<CallKey>) -> impl Iterator<Item = RunningCall> + '_ {
        self.calls.running(after)
    }

    /// Sessions in which calls leased, of callees that are there.
    pub fn sessions_len(&self) -> usize {
        self.calls.sessions_len()
    }

    /// The nodes that share running calls with a node, directly or through others, and itself; none if nobody has that name.
    pub fn failure_domain(&self, node: &str) -> BTreeSet<String> {
        let found = self.members.find(node).and_then(|id| self.members.get(id));
        let address = found.and_then(|member| member.profile.addresses.first());
        let domain = address.map(|address| self.calls.failure_domain(*address)).unwrap_or_default();
        domain.into_iter().filter_map(|address| self.node_at(address)).map(str::to_owned).collect()
    }

    /// The name of the node that has an address, or had it last.
    pub fn node_at(&self, address: Ipv6Addr) -> Option<&str> {
        let member = self.members.at(address).and_then(|id| self.members.get(id))?;
        Some(&member.profile.name)
    }

    /// How many objects there are, and how many calls run.
    pub fn sizes(&self) -> (usize, usize) {
        (self.calls.objects_len(), self.calls.running_len())
    }

    /// What has been counted.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What the calls have counted.
    pub fn call_counts(&self) -> &Counts {
        self.calls.counts()
    }
}
