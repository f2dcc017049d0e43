//! Who offers which service by which instance, and which of them take new sessions.

use super::members::NodeId;
use bifrost_rpc::wire::MethodField;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::net::Ipv6Addr;

/// Ended instances that are remembered, so that calls to them are refused rather than dropped.
const ENDED_MAX: usize = 1 << 16;
/// Methods of a service at most.
pub(super) const METHODS_OF_SERVICE_MAX: usize = 1024;

/// A node's offer to serve a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) node: NodeId,
    pub(super) service: String,
    /// The service's address.
    pub(super) address: Ipv6Addr,
    pub(super) methods: Vec<(MethodField, u8)>,
    /// It would take new sessions.
    pub(super) is_open: bool,
    /// It is in the tables; otherwise it stands by.
    pub(super) is_serving: bool,
    /// Earlier offers come first.
    pub(super) since: u64,
}

/// All offers by instance.
#[derive(Debug, Default)]
pub(super) struct Services {
    offers: BTreeMap<u32, Offer>,
    by_address: HashMap<Ipv6Addr, BTreeSet<u32>>,
    ended: HashSet<u32>,
    ended_order: VecDeque<u32>,
    count: u64,
}

impl Services {
    pub(super) fn get(&self, instance: u32) -> Option<&Offer> {
        self.offers.get(&instance)
    }

    pub(super) fn get_mut(&mut self, instance: u32) -> Option<&mut Offer> {
        self.offers.get_mut(&instance)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Offer)> {
        self.offers.iter().map(|(instance, offer)| (*instance, offer))
    }

    /// The instances of a node.
    pub(super) fn of_node(&self, node: NodeId) -> Vec<u32> {
        self.iter().filter(|(_, offer)| offer.node == node).map(|(instance, _)| instance).collect()
    }

    /// The instances of the service that has this address.
    pub(super) fn at(&self, address: Ipv6Addr) -> impl Iterator<Item = &Offer> {
        self.by_address.get(&address).into_iter().flatten().filter_map(|instance| self.get(*instance))
    }

    /// Takes an offer, or takes it again with what is new of it.
    pub(super) fn insert(&mut self, instance: u32, mut offer: Offer) {
        self.count += 1;
        offer.since = self.get(instance).map_or(self.count, |before| before.since);
        self.by_address.entry(offer.address).or_default().insert(instance);
        self.offers.insert(instance, offer);
        self.ended.remove(&instance);
    }

    /// Ends an instance for good.
    pub(super) fn end(&mut self, instance: u32) -> Option<Offer> {
        let gone = self.offers.remove(&instance)?;
        if let Some(others) = self.by_address.get_mut(&gone.address) {
            others.remove(&instance);
            if others.is_empty() {
                self.by_address.remove(&gone.address);
            }
        }
        self.note_ended(instance);
        Some(gone)
    }

    pub(super) fn note_ended(&mut self, instance: u32) {
        if self.ended.insert(instance) {
            self.ended_order.push_back(instance);
        }
        if self.ended_order.len() > ENDED_MAX
            && let Some(oldest) = self.ended_order.pop_front()
        {
            self.ended.remove(&oldest);
        }
    }

    pub(super) fn has_ended(&self, instance: u32) -> bool {
        self.ended.contains(&instance)
    }

    /// The next instance of a service that is to take new sessions, if there may be so many.
    pub(super) fn next_to_serve(&self, service: &str, instances_max: Option<usize>) -> Option<u32> {
        let of_service = || self.iter().filter(|(_, offer)| offer.service == service && offer.is_open);
        let serving = of_service().filter(|(_, offer)| offer.is_serving).count();
        if instances_max.is_some_and(|most| serving >= most) {
            return None;
        }
        let standing_by = of_service().filter(|(_, offer)| !offer.is_serving);
        standing_by.min_by_key(|(_, offer)| offer.since).map(|(instance, _)| instance)
    }

    /// Whether a node has an instance in the tables that takes new sessions of a service, this one aside.
    pub(super) fn has_other_open(&self, node: NodeId, service: &str, instance: u32) -> bool {
        self.iter().any(|(other, offer)| {
            other != instance && offer.node == node && offer.service == service && offer.is_open && offer.is_serving
        })
    }
}
