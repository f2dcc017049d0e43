//! Who serves what: nodes' requests, which instances take new sessions, and packets that waited for them.

use super::machine::Gatekeeper;
use super::members::NodeId;
use super::record::Record;
use super::services::{METHODS_OF_SERVICE_MAX, Offer};
use super::then::Then;
use crate::rules::{Decision, EntryChange, Problem};
use bifrost_rpc::endpoint::Time;
use bifrost_rpc::wire::control::{ControlMessage, ControlRefusal, Serve, ServeState};
use bifrost_rpc::wire::{MethodField, service_address};

impl Gatekeeper {
    /// A node says what becomes of an instance.
    pub(super) fn on_serve(&mut self, now: Time, id: NodeId, number: u64, serve: Serve) {
        let Some(serve) = self.put_together(id, serve) else {
            return self.refuse(id, number, ControlRefusal::Malformed);
        };
        if serve.more {
            if let Some(member) = self.members.get_mut(id) {
                member.partial = Some(serve);
            }
            return self.answer(id, number, ControlMessage::Confirmed);
        }
        let before = self.services.get(serve.instance);
        if serve.instance == 0 || before.is_some_and(|offer| offer.node != id || offer.service != serve.service) {
            return self.refuse(id, number, ControlRefusal::Taken);
        }
        let outcome = match serve.state {
            ServeState::Open => self.open(id, serve),
            ServeState::Draining => Ok(self.close(serve.instance)),
            ServeState::Ended => Ok(self.finish(now, serve.instance)),
        };
        match outcome {
            Ok(changes) => {
                let incarnation = self.members.get(id).map_or(0, |member| member.incarnation);
                self.outbox.change(changes, Then::Served { node: id, incarnation, number });
            }
            Err(refusal) => self.refuse(id, number, refusal),
        }
    }

    /// A message with the methods of those before it that told of the same instance; `None`: too many.
    fn put_together(&mut self, id: NodeId, mut serve: Serve) -> Option<Serve> {
        let earlier = self.members.get_mut(id)?.partial.take();
        let is_same = |earlier: &Serve| {
            (earlier.instance, earlier.state, &earlier.service) == (serve.instance, serve.state, &serve.service)
        };
        if let Some(mut earlier) = earlier.filter(is_same) {
            earlier.methods.append(&mut serve.methods);
            serve.methods = earlier.methods;
        }
        (serve.methods.len() <= METHODS_OF_SERVICE_MAX).then_some(serve)
    }

    fn open(&mut self, node: NodeId, serve: Serve) -> Result<Vec<EntryChange>, ControlRefusal> {
        let Serve { service, instance, methods, .. } = serve;
        let name = self.members.get(node).map(|member| member.profile.name.clone()).unwrap_or_default();
        self.described.place_of(&name, &service)?;
        let is_new = self.services.get(instance).is_none();
        if is_new && self.services.of_node(node).len() >= self.config.offers_max {
            return Err(ControlRefusal::Full);
        }
        let declared = Decision::ServiceDeclared { service: service.clone(), methods: methods.clone() };
        let mut changes = self.decide(declared).map_err(|problems| match problems.first() {
            Some(Problem::MethodTaken(..)) => ControlRefusal::Collision,
            _ => ControlRefusal::Full,
        })?;
        let is_serving = self.services.get(instance).is_some_and(|before| before.is_serving && before.is_open);
        let address = service_address(self.rules.topology().fabric().prefix, &service);
        let offer = Offer { node, service: service.clone(), address, methods, is_open: true, is_serving, since: 0 };
        if !is_serving && !is_new {
            // It was drained: it joins those that stand by, and may be taken in again at once.
            changes.extend(self.take_out(instance));
        }
        self.log_offer(instance, &offer);
        self.services.insert(instance, offer);
        changes.extend(self.assign(&service));
        Ok(changes)
    }

    /// Takes new sessions away from an instance.
    pub(super) fn close(&mut self, instance: u32) -> Vec<EntryChange> {
        let Some(service) =
            self.services.get(instance).filter(|offer| offer.is_open).map(|found| found.service.clone())
        else {
            return Vec::new();
        };
        let mut changes = self.drain(instance);
        if let Some(offer) = self.services.get(instance).cloned() {
            self.log_offer(instance, &offer);
        }
        changes.extend(self.assign(&service));
        changes
    }

    /// Notes that an instance takes no new sessions; the tables say so if it is its node's last one that does.
    pub(super) fn drain(&mut self, instance: u32) -> Vec<EntryChange> {
        let Some(offer) = self.services.get_mut(instance) else { return Vec::new() };
        offer.is_open = false;
        let (node, service, is_serving) = (offer.node, offer.service.clone(), offer.is_serving);
        if !is_serving || self.services.has_other_open(node, &service, instance) {
            return Vec::new();
        }
        let node = self.members.get(node).map(|member| member.profile.name.clone()).unwrap_or_default();
        self.decide(Decision::ServiceDrains { service, node }).unwrap_or_default()
    }

    /// Ends an instance.
    fn finish(&mut self, now: Time, instance: u32) -> Vec<EntryChange> {
        let mut changes = self.take_out(instance);
        let Some(gone) = self.services.end(instance) else { return changes };
        if let Some(member) = self.members.get(gone.node) {
            self.outbox.log(Record::ServesNot { node: member.profile.name.clone(), instance });
        }
        changes.extend(self.assign(&gone.service));
        self.with_calls(|calls, who| calls.end_instance(now, who, instance));
        changes
    }

    /// Takes an instance out of the tables.
    fn take_out(&mut self, instance: u32) -> Vec<EntryChange> {
        let Some(offer) = self.services.get_mut(instance).filter(|offer| offer.is_serving) else { return Vec::new() };
        offer.is_serving = false;
        self.decide(Decision::InstanceEnds(instance)).unwrap_or_default()
    }

    /// Lets instances that stand by take new sessions, as many as may.
    pub(super) fn assign(&mut self, service: &str) -> Vec<EntryChange> {
        let most = self.config.instances_max.get(service).copied();
        let mut changes = Vec::new();
        while let Some(instance) = self.services.next_to_serve(service, most) {
            let Some(offer) = self.services.get_mut(instance) else { break };
            offer.is_serving = true;
            let node = self.members.get(offer.node).map(|member| member.profile.name.clone()).unwrap_or_default();
            let at = self.described.place_of(&node, service).unwrap_or_default();
            let starts = Decision::InstanceStarts { instance, service: service.to_owned(), node, at };
            match self.rules.decide(starts) {
                Ok(more) => changes.extend(more),
                // A table is full, or the node serves another service at its address: it is as if it were not offered.
                Err(_) => drop(self.services.end(instance)),
            }
        }
        changes
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
        self.unserved.take(is_served).into_iter().for_each(|frame| self.send_on(frame));
    }

    fn log_offer(&mut self, instance: u32, offer: &Offer) {
        if let Some(record) = self.offer_record(instance, offer) {
            self.outbox.log(record);
        }
    }

    /// The record of an offer.
    pub(super) fn offer_record(&self, instance: u32, offer: &Offer) -> Option<Record> {
        let methods = offer.methods.iter().map(|(field, tracking)| (field.name_len(), *field.bytes(), *tracking));
        Some(Record::Serves {
            node: self.members.get(offer.node)?.profile.name.clone(),
            service: offer.service.clone(),
            instance,
            methods: methods.collect(),
            is_open: offer.is_open,
        })
    }
}
