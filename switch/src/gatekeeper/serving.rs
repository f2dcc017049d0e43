//! Who serves what: nodes' requests, which instances take new sessions, and packets that waited for them.

use super::machine::Gatekeeper;
use super::members::NodeId;
use super::record::Record;
use super::services::{METHODS_OF_SERVICE_MAX, Offer, OfferKey};
use super::then::Then;
use crate::rules::{Decision, EntryChange, Problem};
use bifrost_rpc::endpoint::Time;
use bifrost_rpc::wire::control::{ControlMessage, ControlRefusal, Serve, ServeState};
use bifrost_rpc::wire::{MethodField, service_address};
use std::collections::BTreeMap;

impl Gatekeeper {
    /// A node says what becomes of a service at an instance.
    pub(super) fn on_serve(&mut self, now: Time, id: NodeId, number: u64, serve: Serve) {
        let Some(serve) = self.put_together(id, serve) else {
            return self.refuse(id, number, ControlRefusal::Malformed);
        };
        if serve.instance == 0 || self.services.node_of(serve.instance).is_some_and(|node| node != id) {
            return self.refuse(id, number, ControlRefusal::Taken);
        }
        if serve.more {
            if let Some(member) = self.members.get_mut(id) {
                member.partial = Some(serve);
            }
            return self.answer(id, number, ControlMessage::Confirmed);
        }
        let key = (serve.instance, serve.service);
        let outcome = match serve.state {
            ServeState::Open => self.open(id, &key, serve.methods),
            ServeState::Draining => self.close(id, &key, serve.methods),
            ServeState::Ended => Ok(self.finish(now, &key)),
        };
        match outcome {
            Ok(changes) => {
                let incarnation = self.members.get(id).map_or(0, |member| member.incarnation);
                self.outbox.change(changes, Then::Served { node: id, incarnation, number });
            }
            Err(refusal) => self.refuse(id, number, refusal),
        }
    }

    /// A message with the methods of those before it that told of the same; `None`: too many.
    fn put_together(&mut self, id: NodeId, mut serve: Serve) -> Option<Serve> {
        let earlier = self.members.get_mut(id)?.partial.take();
        let is_same = |earlier: &Serve| (earlier.instance, &earlier.service) == (serve.instance, &serve.service);
        if let Some(earlier) = earlier.filter(is_same) {
            // The telling may have begun anew.
            let mut methods: BTreeMap<MethodField, u8> = earlier.methods.into_iter().collect();
            methods.extend(std::mem::take(&mut serve.methods));
            serve.methods = methods.into_iter().collect();
        }
        (serve.methods.len() <= METHODS_OF_SERVICE_MAX).then_some(serve)
    }

    /// Opens an instance for new sessions of a service, or lets it stand by.
    fn open(
        &mut self,
        node: NodeId,
        key: &OfferKey,
        methods: Vec<(MethodField, u8)>,
    ) -> Result<Vec<EntryChange>, ControlRefusal> {
        if self.members.get(node).is_none_or(|member| member.server().is_some()) {
            return Err(ControlRefusal::Malformed);
        }
        self.described.place_of(&self.name_of(node), &key.1)?;
        let before = self.services.get(key).cloned();
        if before.is_none() && self.services.of_node(node).len() >= self.config.offers_max {
            return Err(ControlRefusal::Full);
        }
        let methods =
            if methods.is_empty() { before.as_ref().map_or(methods, |found| found.methods.clone()) } else { methods };
        let declared = Decision::ServiceDeclared { service: key.1.clone(), methods: methods.clone() };
        let mut changes = self.decide(declared).map_err(|problems| match problems.first() {
            Some(Problem::MethodTaken(..)) => ControlRefusal::Collision,
            _ => ControlRefusal::Full,
        })?;
        let is_serving = before.as_ref().is_some_and(|before| before.is_open && before.is_serving);
        if before.is_some_and(|before| !before.is_open) {
            // It was drained: it joins those that stand by, and may be taken in again at once.
            changes.extend(self.take_out(key));
        }
        let address = service_address(self.rules.topology().fabric().prefix, &key.1);
        self.services.insert(key.clone(), Offer { node, address, methods, is_open: true, is_serving, since: 0 });
        changes.extend(self.assign(&key.1));
        if self.services.get(key).is_none() {
            // Its methods are known all the same, and what it was before is over.
            self.outbox.change(changes, Then::Nothing);
            let (node, (instance, service)) = (self.name_of(node), key.clone());
            self.outbox.log(Record::ServesNot { node, service, instance });
            return Err(ControlRefusal::Full);
        }
        self.log_offer(key);
        Ok(changes)
    }

    /// Takes new sessions away from an instance. One that nobody knows any more is taken in for those that it has.
    pub(super) fn close(
        &mut self,
        node: NodeId,
        key: &OfferKey,
        methods: Vec<(MethodField, u8)>,
    ) -> Result<Vec<EntryChange>, ControlRefusal> {
        let mut changes = match self.services.get(key) {
            Some(offer) if !offer.is_open => return Ok(Vec::new()),
            Some(_) => Vec::new(),
            None => self.open(node, key, methods)?,
        };
        changes.extend(self.drain(key));
        self.log_offer(key);
        changes.extend(self.assign(&key.1));
        Ok(changes)
    }

    /// Notes that an instance takes no new sessions; the tables say so if it is its node's last one that does.
    pub(super) fn drain(&mut self, key: &OfferKey) -> Vec<EntryChange> {
        let Some(offer) = self.services.get_mut(key) else { return Vec::new() };
        offer.is_open = false;
        let (node, is_serving) = (offer.node, offer.is_serving);
        if !is_serving || self.services.has_other_open(node, key) {
            return Vec::new();
        }
        self.decide(Decision::ServiceDrains { service: key.1.clone(), node: self.name_of(node) }).unwrap_or_default()
    }

    /// Ends an instance's serving of a service.
    fn finish(&mut self, now: Time, key: &OfferKey) -> Vec<EntryChange> {
        let mut changes = self.take_out(key);
        let Some(gone) = self.services.end(key) else { return changes };
        let (node, (instance, service)) = (self.name_of(gone.node), key.clone());
        self.outbox.log(Record::ServesNot { node, service, instance });
        changes.extend(self.assign(&key.1));
        if self.services.node_of(key.0).is_none() {
            self.with_calls(|calls, who| calls.end_instance(now, who, key.0));
        }
        changes
    }

    /// Takes an instance out of the tables, as far as a service is concerned.
    fn take_out(&mut self, key: &OfferKey) -> Vec<EntryChange> {
        let Some(offer) = self.services.get_mut(key).filter(|offer| offer.is_serving) else { return Vec::new() };
        offer.is_serving = false;
        let (instance, service) = key.clone();
        self.decide(Decision::InstanceServesNot { instance, service }).unwrap_or_default()
    }

    /// Lets instances that stand by take new sessions, as many as may.
    pub(super) fn assign(&mut self, service: &str) -> Vec<EntryChange> {
        let most = self.config.instances_max.get(service).copied();
        let mut changes = Vec::new();
        while let Some(key) = self.services.next_to_serve(service, most) {
            let Some(offer) = self.services.get_mut(&key) else { break };
            offer.is_serving = true;
            let id = offer.node;
            let node = self.name_of(id);
            let at = self.described.place_of(&node, service).unwrap_or_default();
            let starts = Decision::InstanceStarts { instance: key.0, service: service.to_owned(), node, at };
            match self.decide(starts) {
                Ok(more) => changes.extend(more),
                // A table is full, or the node serves another service at its address: it is as if it were not offered.
                Err(_) => drop(self.services.end(&key)),
            }
        }
        changes
    }

    pub(super) fn name_of(&self, id: NodeId) -> String {
        self.members.get(id).map(|member| member.profile.name.clone()).unwrap_or_default()
    }

    /// What a node has asked for is in the tables.
    pub(super) fn on_served(&mut self, id: NodeId, incarnation: u32, number: u64) {
        if self.members.life(id, incarnation).is_some_and(|member| member.is_live()) {
            self.answer(id, number, ControlMessage::Confirmed);
        }
        self.release_unserved();
    }

    /// Whether anybody takes new sessions of the service that has a method.
    pub(super) fn is_served(&self, method: MethodField) -> bool {
        let topology = self.rules.topology();
        topology.service_of(method).is_some_and(|service| topology.is_served(service))
    }

    /// Sends on what was held for services that are there now.
    pub(super) fn release_unserved(&mut self) {
        if self.unserved.len() == 0 {
            return;
        }
        let topology = self.rules.topology();
        let is_served = |method| topology.service_of(method).is_some_and(|service| topology.is_served(service));
        self.unserved.take(is_served).into_iter().for_each(|frame| self.send_unserved(frame));
    }

    fn log_offer(&mut self, key: &OfferKey) {
        let record = self.services.get(key).and_then(|offer| self.offer_record(key, offer));
        if let Some(record) = record {
            self.outbox.log(record);
        }
    }

    /// The record of an offer.
    pub(super) fn offer_record(&self, key: &OfferKey, offer: &Offer) -> Option<Record> {
        let methods = offer.methods.iter().map(|(field, tracking)| (field.name_len(), *field.bytes(), *tracking));
        Some(Record::Serves {
            node: self.members.get(offer.node)?.profile.name.clone(),
            service: key.1.clone(),
            instance: key.0,
            methods: methods.collect(),
            is_open: offer.is_open,
        })
    }
}
