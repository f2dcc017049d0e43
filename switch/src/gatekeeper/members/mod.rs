//! Who is in the rack: nodes by name, address and server number, and the state of each.

mod candidate;
mod requests;

pub(super) use candidate::Candidate;
pub(super) use requests::{Admission, Requests};

use super::output::Holder;
use super::record::Record;
use crate::rules::Decision;
use crate::rules::rack::Mac;
use crate::rules::topology;
use bifrost_rpc::endpoint::Time;
use bifrost_rpc::wire::control::{ANNOUNCE_NONCE_BYTES, MemoryServer, NodeKind, Serve};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;

/// A node's record. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct NodeId(pub(super) u64);

/// What a node has said of itself, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Profile {
    pub(super) name: String,
    pub(super) kind: NodeKind,
    pub(super) capacity: u64,
    pub(super) specification: String,
    pub(super) addresses: Vec<Ipv6Addr>,
    pub(super) owns_service_addresses: bool,
    pub(super) memory: Option<MemoryServer>,
    pub(super) port: u16,
    pub(super) mac: [u8; 6],
}

/// How a node stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// Its incarnation is in the log, and is being put into the tables.
    Joining,
    /// It is there.
    Alive,
    /// It has missed heartbeats.
    Suspected,
    /// Its incarnation is over; memory servers and tables are being told.
    Ending(Ending),
    /// Its incarnation is over.
    Ended { is_dead: bool },
}

/// The end of an incarnation, under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ending {
    pub(super) is_dead: bool,
    /// Addresses that memory servers have yet to clean up after.
    pub(super) cleanups: usize,
    /// The tables do not say so yet.
    pub(super) is_in_tables: bool,
    /// The request by which it leaves.
    pub(super) leave: Option<u64>,
}

/// A node.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) profile: Profile,
    /// Its present life, or its last one.
    pub(super) incarnation: u32,
    pub(super) nonce: [u8; ANNOUNCE_NONCE_BYTES],
    pub(super) state: State,
    /// The tables have entries of its machine.
    pub(super) is_in_rules: bool,
    pub(super) last_heard: Time,
    pub(super) requests: Requests,
    /// The newest heartbeat.
    pub(super) last_beat: u64,
    /// The number of the last query that is not answered; while it joins, of its announcement.
    pub(super) query: u64,
    /// A service of which further methods are to come.
    pub(super) partial: Option<Serve>,
    timer: Option<Time>,
    /// Its end is complete: how many had ended before.
    gone: Option<u64>,
}

impl Member {
    pub(super) fn is_live(&self) -> bool {
        matches!(self.state, State::Alive | State::Suspected)
    }

    pub(super) fn is_ended(&self) -> bool {
        matches!(self.state, State::Ended { .. })
    }

    /// The server's number, if it is a memory server.
    pub(super) fn server(&self) -> Option<u8> {
        self.profile.memory.map(|memory| memory.server)
    }

    /// This life, by each of its addresses.
    pub(super) fn holders(&self) -> impl Iterator<Item = Holder> + '_ {
        let incarnation = self.incarnation;
        self.profile.addresses.iter().map(move |node| Holder { node: *node, incarnation })
    }

    /// When it went, among those that are gone; others come after them.
    pub(super) fn gone(&self) -> u64 {
        self.gone.unwrap_or(u64::MAX)
    }

    /// The record of its present life.
    pub(super) fn record(&self) -> Record {
        self.profile.record(self.incarnation, self.nonce)
    }
}

impl Profile {
    pub(super) fn record(&self, incarnation: u32, nonce: [u8; ANNOUNCE_NONCE_BYTES]) -> Record {
        Record::Node {
            name: self.name.clone(),
            kind: self.kind,
            incarnation,
            nonce,
            port: self.port,
            mac: self.mac,
            addresses: self.addresses.clone(),
            owns_service_addresses: self.owns_service_addresses,
            memory: self.memory.map(|memory| (memory.server, memory.boot)),
            capacity: self.capacity,
            specification: self.specification.clone(),
        }
    }

    /// The decision by which it joins.
    pub(super) fn joins(&self) -> Decision {
        let (port, mac) = (self.port, Mac(self.mac));
        match self.memory {
            Some(memory) => Decision::MemoryJoins(topology::MemoryServer { id: memory.server, port, mac }),
            None => Decision::NodeJoins(topology::Node {
                name: self.name.clone(),
                port,
                mac,
                addresses: self.addresses.clone(),
                owns_service_addresses: self.owns_service_addresses,
            }),
        }
    }

    /// The decision by which nothing of it stays.
    pub(super) fn leaves(&self) -> Decision {
        match self.memory {
            Some(memory) => Decision::MemoryLeaves(memory.server),
            None => Decision::NodeLeaves(self.name.clone()),
        }
    }

    /// The decision by which it is blocked.
    pub(super) fn dies(&self) -> Decision {
        match self.memory {
            Some(memory) => Decision::MemoryDies(memory.server),
            None => Decision::NodeDies(self.name.clone()),
        }
    }

    /// Whether both cannot be there at a time.
    pub(super) fn excludes(&self, other: &Self) -> bool {
        let server = |profile: &Self| profile.memory.map(|memory| memory.server);
        self.name == other.name
            || self.mac == other.mac
            || self.addresses.iter().any(|address| other.addresses.contains(address))
            || (server(self).is_some() && server(self) == server(other))
    }
}

/// All nodes.
#[derive(Debug, Default)]
pub(super) struct Members {
    all: BTreeMap<NodeId, Member>,
    reserved_so_far: u64,
    gone_so_far: u64,
    by_name: BTreeMap<String, NodeId>,
    /// Who has, or last had, an address.
    by_address: BTreeMap<Ipv6Addr, NodeId>,
    /// Memory servers' last lives.
    by_server: BTreeMap<u8, NodeId>,
    /// The last incarnation that an address had.
    lives: BTreeMap<Ipv6Addr, u32>,
    /// Who is about to join.
    pub(super) candidates: BTreeMap<NodeId, Candidate>,
    timers: BTreeSet<(Time, NodeId)>,
}

impl Members {
    pub(super) fn find(&self, name: &str) -> Option<NodeId> {
        self.by_name.get(name).copied()
    }

    pub(super) fn at(&self, address: Ipv6Addr) -> Option<NodeId> {
        self.by_address.get(&address).copied()
    }

    pub(super) fn server(&self, server: u8) -> Option<NodeId> {
        self.by_server.get(&server).copied()
    }

    pub(super) fn get(&self, id: NodeId) -> Option<&Member> {
        self.all.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: NodeId) -> Option<&mut Member> {
        self.all.get_mut(&id)
    }

    /// The node, if this is its life and that goes on in one way or another.
    pub(super) fn life(&mut self, id: NodeId, incarnation: u32) -> Option<&mut Member> {
        self.get_mut(id).filter(|member| member.incarnation == incarnation)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (NodeId, &Member)> {
        self.all.iter().map(|(id, member)| (*id, member))
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Addresses whose last life is remembered.
    pub(super) fn lives(&self) -> &BTreeMap<Ipv6Addr, u32> {
        &self.lives
    }

    /// The numbers of the memory servers that are there.
    pub(super) fn live_servers(&self) -> Vec<u8> {
        let is_live = |id: &NodeId| self.get(*id).is_some_and(Member::is_live);
        self.by_server.iter().filter(|(_, id)| is_live(id)).map(|(server, _)| *server).collect()
    }

    /// The last incarnation that a node or any of its addresses had.
    pub(super) fn last_incarnation(&self, name: &str, addresses: &[Ipv6Addr]) -> u32 {
        let of_name = self.find(name).and_then(|id| self.get(id)).map_or(0, |member| member.incarnation);
        let of_candidate = self.find(name).and_then(|id| self.candidates.get(&id)).map_or(0, |found| found.incarnation);
        let of_addresses = addresses.iter().filter_map(|address| self.lives.get(address)).copied().max();
        of_name.max(of_candidate).max(of_addresses.unwrap_or(0))
    }

    pub(super) fn note_lives(&mut self, addresses: &[Ipv6Addr], incarnation: u32) {
        for address in addresses {
            let last = self.lives.entry(*address).or_default();
            *last = incarnation.max(*last);
        }
    }

    /// Those whose incarnation has to end before a node can be there.
    pub(super) fn in_the_way_of(&self, profile: &Profile) -> Vec<NodeId> {
        let is_in_the_way = |member: &Member| !member.is_ended() && member.profile.excludes(profile);
        self.iter().filter(|(_, member)| is_in_the_way(member)).map(|(id, _)| id).collect()
    }

    /// Those that have ended, but whose entries have to go before a node can be there.
    pub(super) fn leftovers_of(&self, profile: &Profile) -> Vec<NodeId> {
        let is_left = |member: &Member| member.is_in_rules && member.is_ended() && member.profile.excludes(profile);
        self.iter().filter(|(_, member)| is_left(member)).map(|(id, _)| id).collect()
    }

    /// Those whose entries are to go before a node can be there, whether they have ended or not.
    pub(super) fn in_rules_besides(&self, profile: &Profile) -> Vec<NodeId> {
        let is_left = |member: &Member| member.is_in_rules && member.profile.excludes(profile);
        self.iter().filter(|(_, member)| is_left(member)).map(|(id, _)| id).collect()
    }

    /// The node of a name; a new one is one that has ended and never lived.
    pub(super) fn reserve(&mut self, profile: &Profile) -> NodeId {
        if let Some(id) = self.find(&profile.name) {
            return id;
        }
        self.reserved_so_far += 1;
        let id = NodeId(self.reserved_so_far);
        self.by_name.insert(profile.name.clone(), id);
        let member = Member {
            profile: profile.clone(),
            incarnation: 0,
            nonce: [0; ANNOUNCE_NONCE_BYTES],
            state: State::Ended { is_dead: false },
            is_in_rules: false,
            last_heard: Time::ZERO,
            requests: Requests::default(),
            last_beat: 0,
            query: 0,
            partial: None,
            timer: None,
            gone: None,
        };
        self.all.insert(id, member);
        id
    }

    /// The end of a node's life is complete.
    pub(super) fn note_gone(&mut self, id: NodeId) {
        self.gone_so_far += 1;
        let gone = self.gone_so_far;
        self.get_mut(id).into_iter().for_each(|member| member.gone = Some(gone));
    }

    /// The node that has been gone for longest. Of a memory server it has to be known which of its objects are lost.
    pub(super) fn longest_gone(&self) -> Option<NodeId> {
        let gone = self.iter().filter(|(id, member)| member.server().is_none() && !self.candidates.contains_key(id));
        let gone = gone.filter_map(|(id, member)| Some((member.gone?, id)));
        gone.min().map(|(_, id)| id)
    }

    /// Forgets a node that is gone, but for the last incarnation of each of its addresses.
    pub(super) fn forget(&mut self, id: NodeId) {
        self.set_timer(id, None);
        self.by_address.retain(|_, of| *of != id);
        if let Some(member) = self.all.remove(&id) {
            self.by_name.remove(&member.profile.name);
        }
    }

    /// A new life of a node begins.
    pub(super) fn begin(&mut self, id: NodeId, candidate: Candidate) {
        let Candidate { profile, incarnation, nonce, .. } = candidate;
        self.note_lives(&profile.addresses, incarnation);
        self.by_address.extend(profile.addresses.iter().map(|address| (*address, id)));
        self.by_server.extend(profile.memory.map(|memory| (memory.server, id)));
        self.set_timer(id, None);
        if let Some(member) = self.get_mut(id) {
            member.profile = profile;
            (member.incarnation, member.nonce, member.state) = (incarnation, nonce, State::Joining);
            (member.requests, member.partial) = (Requests::default(), None);
            (member.last_beat, member.query, member.gone) = (0, 0, None);
        }
    }

    /// When the node is to be looked at next.
    pub(super) fn set_timer(&mut self, id: NodeId, at: Option<Time>) {
        let Some(member) = self.all.get_mut(&id) else { return };
        if let Some(before) = std::mem::replace(&mut member.timer, at) {
            self.timers.remove(&(before, id));
        }
        self.timers.extend(at.map(|at| (at, id)));
    }

    /// When the next node is to be looked at.
    pub(super) fn next_timer(&self) -> Option<Time> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// A node whose time has come; its timer is gone.
    pub(super) fn take_due(&mut self, now: Time) -> Option<NodeId> {
        let (_, id) = self.timers.first().copied().filter(|(at, _)| *at <= now)?;
        self.set_timer(id, None);
        Some(id)
    }
}
