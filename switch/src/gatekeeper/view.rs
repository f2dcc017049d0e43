//! What people and tools see of the state machine, and what they may ask of it.

use super::calls::Calls;
use super::counters::Counters;
use super::machine::Gatekeeper;
use super::members::{Member, State};
use super::then::Then;
use bifrost_rpc::endpoint::Time;
use bifrost_rpc::wire::control::{MemoryServer, NodeKind};
use std::net::Ipv6Addr;
use std::time::Duration;

/// How a node stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NodeState {
    /// Its life is being written down, and put into the tables.
    Joining,
    /// It is there, and serves nothing.
    Free,
    /// It serves a service, or is a memory server.
    InUse,
    /// It has missed heartbeats.
    Suspected,
    /// Its life is over; memory servers and tables are being told.
    Ending,
    /// It was declared dead.
    Failed,
    /// It has left in good order.
    Left,
}

impl NodeState {
    /// Its name, for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Joining => "joining",
            Self::Free => "free",
            Self::InUse => "in use",
            Self::Suspected => "suspected",
            Self::Ending => "ending",
            Self::Failed => "failed",
            Self::Left => "left",
        }
    }
}

/// A node, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeView {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: NodeKind,
    /// How it stands.
    pub state: NodeState,
    /// Its present life, or its last one.
    pub incarnation: u32,
    /// Its port.
    pub port: u16,
    /// Its Ethernet address.
    pub mac: [u8; 6],
    /// Its addresses.
    pub addresses: Vec<Ipv6Addr>,
    /// How much of it there is.
    pub capacity: u64,
    /// What it is in words.
    pub specification: String,
    /// What names a memory server's life.
    pub memory: Option<MemoryServer>,
    /// Time since it was heard.
    pub silence: Duration,
}

/// A service at a node, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceView {
    /// By it packets name the instance.
    pub instance: u32,
    /// The service.
    pub service: String,
    /// The node's name.
    pub node: String,
    /// It would take new sessions.
    pub is_open: bool,
    /// It is in the tables.
    pub is_serving: bool,
}

impl Gatekeeper {
    /// The nodes that are remembered, in no particular order.
    pub fn nodes(&self, now: Time) -> Vec<NodeView> {
        let holders = self.rules.sources_with_rights();
        let is_used = |(id, member): &(_, &Member)| {
            let profile = &member.profile;
            profile.memory.is_some()
                || !self.services.of_node(*id).is_empty()
                || profile.addresses.iter().any(|address| holders.contains(address))
        };
        self.members.iter().map(|found| Self::node_view(now, found.1, is_used(&found))).collect()
    }

    fn node_view(now: Time, member: &Member, is_used: bool) -> NodeView {
        let profile = member.profile.clone();
        let state = match &member.state {
            State::Joining => NodeState::Joining,
            State::Alive if is_used => NodeState::InUse,
            State::Alive => NodeState::Free,
            State::Suspected => NodeState::Suspected,
            State::Ending(_) => NodeState::Ending,
            State::Ended { is_dead: true } => NodeState::Failed,
            State::Ended { is_dead: false } => NodeState::Left,
        };
        NodeView {
            name: profile.name,
            kind: profile.kind,
            state,
            incarnation: member.incarnation,
            port: profile.port,
            mac: profile.mac,
            addresses: profile.addresses,
            capacity: profile.capacity,
            specification: profile.specification,
            memory: profile.memory,
            silence: now.since(member.last_heard),
        }
    }

    /// Who serves what, in the order of instances.
    pub fn instances(&self) -> Vec<InstanceView> {
        let view = |(instance, offer): (u32, &super::services::Offer)| {
            let node = self.members.get(offer.node)?.profile.name.clone();
            let (is_open, is_serving) = (offer.is_open, offer.is_serving);
            Some(InstanceView { instance, service: offer.service.clone(), node, is_open, is_serving })
        };
        self.services.iter().filter_map(view).collect()
    }

    /// The name of the node that has an address, also of one that is gone.
    pub fn name_of(&self, address: Ipv6Addr) -> Option<&str> {
        Some(&self.members.get(self.members.at(address)?)?.profile.name)
    }

    /// Objects, rights and running calls.
    pub fn calls(&self) -> &Calls {
        &self.calls
    }

    /// What was counted, the calls' own counts aside.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Its term; 0 before it has one.
    pub fn term(&self) -> u64 {
        self.outbox.term()
    }

    /// The first address of a node of this name that lives.
    pub fn live_address(&self, name: &str) -> Option<Ipv6Addr> {
        let member = self.members.get(self.members.find(name)?).filter(|member| member.is_live())?;
        member.profile.addresses.first().copied()
    }

    /// What a node serves takes no new sessions from now on. Returns the number of its instances; `None`: no such node lives.
    pub fn drain_node(&mut self, now: Time, name: &str) -> Option<usize> {
        let id = self.members.find(name).filter(|id| self.members.get(*id).is_some_and(Member::is_live))?;
        let instances = self.services.of_node(id);
        for instance in &instances {
            let changes = self.close(*instance);
            self.outbox.change(changes, Then::Nothing);
        }
        self.proceed(now);
        Some(instances.len())
    }

    /// Declares a node dead; says whether it lived.
    pub fn evict(&mut self, now: Time, name: &str) -> bool {
        let found = self.members.find(name).filter(|id| self.members.get(*id).is_some_and(Member::is_live));
        if let Some(id) = found {
            self.end(now, id, true, None);
            self.proceed(now);
        }
        found.is_some()
    }
}
