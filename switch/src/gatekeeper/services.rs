//! Who offers which service by which instance, and which of them take new sessions.

use super::members::NodeId;
use bifrost_rpc::wire::MethodField;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::Ipv6Addr;

/// Ended instances that are remembered, so that calls to them are refused rather than dropped.
const ENDED_MAX: usize = 1 << 16;
/// Methods of a service at most.
pub(super) const METHODS_OF_SERVICE_MAX: usize = 1024;

/// An instance and one of its services.
pub(super) type OfferKey = (u32, String);

/// A node's offer to serve a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) node: NodeId,
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

/// All offers by instance and service.
#[derive(Debug, Default)]
pub(super) struct Services {
    offers: BTreeMap<OfferKey, Offer>,
    by_address: BTreeMap<Ipv6Addr, BTreeSet<OfferKey>>,
    ended: BTreeSet<u32>,
    ended_order: VecDeque<u32>,
    count: u64,
}

impl Services {
    pub(super) fn get(&self, key: &OfferKey) -> Option<&Offer> {
        self.offers.get(key)
    }

    pub(super) fn get_mut(&mut self, key: &OfferKey) -> Option<&mut Offer> {
        self.offers.get_mut(key)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&OfferKey, &Offer)> {
        self.offers.iter()
    }

    /// The node of an instance.
    pub(super) fn node_of(&self, instance: u32) -> Option<NodeId> {
        let (key, offer) = self.offers.range((instance, String::new())..).next()?;
        (key.0 == instance).then_some(offer.node)
    }

    /// Whether a node offers anything.
    pub(super) fn has_node(&self, node: NodeId) -> bool {
        self.offers.values().any(|offer| offer.node == node)
    }

    /// What a node offers.
    pub(super) fn of_node(&self, node: NodeId) -> Vec<OfferKey> {
        self.iter().filter(|(_, offer)| offer.node == node).map(|(key, _)| key.clone()).collect()
    }

    /// The offers of the service that has this address.
    pub(super) fn at(&self, address: Ipv6Addr) -> impl Iterator<Item = &Offer> {
        self.by_address.get(&address).into_iter().flatten().filter_map(|key| self.get(key))
    }

    /// Takes an offer, or takes it again with what is new of it.
    pub(super) fn insert(&mut self, key: OfferKey, mut offer: Offer) {
        self.count += 1;
        offer.since = self.get(&key).map_or(self.count, |before| before.since);
        self.ended.remove(&key.0);
        self.by_address.entry(offer.address).or_default().insert(key.clone());
        self.offers.insert(key, offer);
    }

    /// Ends an offer for good; an instance ends with its last one.
    pub(super) fn end(&mut self, key: &OfferKey) -> Option<Offer> {
        let gone = self.offers.remove(key)?;
        if let Some(others) = self.by_address.get_mut(&gone.address) {
            others.remove(key);
            if others.is_empty() {
                self.by_address.remove(&gone.address);
            }
        }
        if self.node_of(key.0).is_none() {
            self.note_ended(key.0);
        }
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

    /// The next offer of a service that is to take new sessions, if there may be so many.
    pub(super) fn next_to_serve(&self, service: &str, instances_max: Option<usize>) -> Option<OfferKey> {
        let of_service = || self.iter().filter(|(key, offer)| key.1 == service && offer.is_open);
        let serving = of_service().filter(|(_, offer)| offer.is_serving).count();
        if instances_max.is_some_and(|most| serving >= most) {
            return None;
        }
        let standing_by = of_service().filter(|(_, offer)| !offer.is_serving);
        standing_by.min_by_key(|(_, offer)| offer.since).map(|(key, _)| key.clone())
    }

    /// Whether another instance of a node takes new sessions of a service.
    pub(super) fn has_other_open(&self, node: NodeId, key: &OfferKey) -> bool {
        self.iter().any(|(other, offer)| {
            other.0 != key.0 && other.1 == key.1 && offer.node == node && offer.is_open && offer.is_serving
        })
    }
}
