//! The log's records, put together to what held when the last was written.

use super::machine::Gatekeeper;
use super::members::{Candidate, NodeId, Profile, State};
use super::record::Record;
use super::services::{Offer, OfferKey};
use crate::rules::Decision;
use bifrost_rpc::endpoint::Time;
use bifrost_rpc::wire::control::MemoryServer;
use bifrost_rpc::wire::{MethodField, service_address};
use std::collections::BTreeMap;
use std::net::Ipv6Addr;

/// What the records read so far say.
#[derive(Debug, Default)]
pub(super) struct Replay {
    nodes: Vec<Node>,
    by_name: BTreeMap<String, usize>,
    offers: BTreeMap<OfferKey, Served>,
    lives: Vec<(Ipv6Addr, u32)>,
    ended: Vec<u32>,
    count: u64,
}

#[derive(Debug)]
struct Node {
    candidate: Candidate,
    /// Whether it was declared dead, if its life is over.
    ended: Option<bool>,
    /// When the log came to say so.
    ended_at: u64,
}

#[derive(Debug)]
struct Served {
    node: String,
    methods: Vec<(MethodField, u8)>,
    is_open: bool,
    since: u64,
}

impl Replay {
    /// Takes the next record in.
    pub(super) fn take(&mut self, record: Record) {
        match record {
            Record::Term(_) => {}
            Record::Node {
                name,
                kind,
                incarnation,
                nonce,
                port,
                mac,
                addresses,
                owns_service_addresses,
                memory,
                capacity,
                specification,
            } => {
                let memory = memory.map(|(server, boot)| MemoryServer { server, boot });
                let profile = Profile {
                    name,
                    kind,
                    capacity,
                    specification,
                    addresses,
                    owns_service_addresses,
                    memory,
                    port,
                    mac,
                };
                self.node(Candidate { profile, incarnation, nonce, number: 0, is_logged: true });
            }
            Record::Ended { node, incarnation, is_dead } => self.end(&node, incarnation, is_dead),
            Record::Serves { node, service, instance, methods, is_open } => {
                let methods =
                    methods.into_iter().map(|(len, bytes, tracking)| (MethodField::from_wire(len, bytes), tracking));
                self.count += 1;
                let key = (instance, service);
                let since = self.offers.get(&key).map_or(self.count, |before| before.since);
                let served = Served { node, methods: methods.collect(), is_open, since };
                self.offers.insert(key, served);
            }
            Record::ServesNot { instance, service, .. } => {
                self.offers.remove(&(instance, service));
                self.ended.push(instance);
            }
            Record::Lived { address, incarnation } => self.lives.push((address, incarnation)),
        }
    }

    /// A node was taken in: all that were in its way had to end, whether or not the log came to say so.
    fn node(&mut self, candidate: Candidate) {
        let over: Vec<(String, u32)> = self
            .nodes
            .iter()
            .filter(|found| found.ended.is_none() && found.candidate.profile.excludes(&candidate.profile))
            .map(|found| (found.candidate.profile.name.clone(), found.candidate.incarnation))
            .collect();
        over.iter().for_each(|(name, incarnation)| self.end(name, *incarnation, true));
        let addresses = candidate.profile.addresses.iter();
        self.lives.extend(addresses.map(|address| (*address, candidate.incarnation)));
        let name = candidate.profile.name.clone();
        let node = Node { candidate, ended: None, ended_at: 0 };
        match self.by_name.get(&name).and_then(|at| self.nodes.get_mut(*at)) {
            Some(found) => *found = node,
            None => {
                self.by_name.insert(name, self.nodes.len());
                self.nodes.push(node);
            }
        }
    }

    fn end(&mut self, name: &str, incarnation: u32, is_dead: bool) {
        self.count += 1;
        let found = self.by_name.get(name).and_then(|at| self.nodes.get_mut(*at));
        let Some(found) = found.filter(|found| found.candidate.incarnation == incarnation) else { return };
        (found.ended, found.ended_at) = (Some(is_dead), self.count);
        let of_node = self.offers.iter().filter(|(_, offer)| offer.node == name).map(|(key, _)| key.clone());
        for key in of_node.collect::<Vec<_>>() {
            self.offers.remove(&key);
            self.ended.push(key.0);
        }
    }

    /// Makes members, services and rules of it.
    pub(super) fn put(self, gatekeeper: &mut Gatekeeper, now: Time) {
        for (address, incarnation) in self.lives {
            gatekeeper.members.note_lives(&[address], incarnation);
        }
        self.ended.into_iter().for_each(|instance| gatekeeper.services.note_ended(instance));
        // The dead first: who lives may have what was theirs.
        let (mut over, live): (Vec<Node>, Vec<Node>) = self.nodes.into_iter().partition(|node| node.ended.is_some());
        over.sort_by_key(|node| node.ended_at);
        for node in over.into_iter().chain(live) {
            put_node(gatekeeper, now, node);
        }
        let mut offers: Vec<(OfferKey, Served)> = self.offers.into_iter().collect();
        offers.sort_by_key(|(_, served)| served.since);
        for (key, served) in offers {
            if let Some(node) = gatekeeper.members.find(&served.node) {
                put_offer(gatekeeper, node, key, served);
            }
        }
    }
}

fn put_node(gatekeeper: &mut Gatekeeper, now: Time, node: Node) {
    let profile = node.candidate.profile.clone();
    let id = gatekeeper.members.reserve(&profile);
    gatekeeper.members.begin(id, node.candidate);
    for other in gatekeeper.members.leftovers_of(&profile) {
        gatekeeper.clear(other);
    }
    let is_in_rules = match node.ended {
        Some(false) => false,
        _ => gatekeeper.decide(profile.joins()).is_ok(),
    };
    if let Some(member) = gatekeeper.members.get_mut(id) {
        member.is_in_rules = is_in_rules;
    }
    if is_in_rules && node.ended == Some(true) {
        gatekeeper.block(id);
    }
    let Some(member) = gatekeeper.members.get_mut(id) else { return };
    member.last_heard = now;
    member.state = match node.ended {
        Some(is_dead) => State::Ended { is_dead },
        // What the rack's description has no room for any more is no part of it.
        None if !is_in_rules => State::Ended { is_dead: true },
        None => State::Alive,
    };
    if member.is_ended() {
        gatekeeper.members.note_gone(id);
    }
}

fn put_offer(gatekeeper: &mut Gatekeeper, node: NodeId, key: OfferKey, served: Served) {
    let Served { methods, is_open, .. } = served;
    let is_live = gatekeeper.members.get(node).is_some_and(|member| member.is_live());
    let declared = Decision::ServiceDeclared { service: key.1.clone(), methods: methods.clone() };
    if !is_live || gatekeeper.decide(declared).is_err() {
        gatekeeper.services.note_ended(key.0);
        return;
    }
    let address = service_address(gatekeeper.rules().topology().fabric().prefix, &key.1);
    // A draining instance is in the tables, too: its sessions go on.
    let offer = Offer { node, address, methods, is_open: true, is_serving: false, since: 0 };
    gatekeeper.services.insert(key.clone(), offer);
    gatekeeper.assign(&key.1);
    if !is_open {
        gatekeeper.drain(&key);
    }
}
