//! Services, which nodes serve them, and instances.

use super::super::numbers::number;
use super::super::problem::{Holder, Problem};
use super::super::source::Place;
use super::{Instance, Topology};
use bifrost_rpc::wire::{MethodField, service_address};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;
use std::sync::Arc;

/// A method of a service, for `rpc_service`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Method {
    /// `Store:get`.
    pub full_name: String,
    /// What stands in packets.
    pub field: MethodField,
    /// What is mirrored and redirected, as `docs/switch.md` section 4 has it.
    pub tracking: u8,
    /// Where it is described.
    pub places: Vec<Place>,
}

/// What the rules say of a service whoever serves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceRules {
    /// Its name.
    pub name: String,
    /// Its number in the tables.
    pub number: u16,
    /// Its methods, inherited ones too.
    pub methods: Vec<Method>,
    /// Where it is described.
    pub places: Vec<Place>,
}

/// A service and who serves it.
#[derive(Debug, Clone)]
pub(super) struct Service {
    pub(super) rules: Arc<ServiceRules>,
    pub(super) address: Ipv6Addr,
    pub(super) sites: BTreeMap<String, Site>,
}

/// A node that serves a service.
#[derive(Debug, Clone)]
pub(super) struct Site {
    /// Where it takes calls if it does not own the service's address.
    pub(super) at: Ipv6Addr,
    /// It takes new sessions.
    pub(super) is_open: bool,
    pub(super) places: Vec<Place>,
}

impl Topology {
    /// Adds a service that nobody serves yet.
    ///
    /// # Errors
    ///
    /// Something has its name or its address.
    pub fn add_service(&mut self, rules: ServiceRules) -> Result<(), Problem> {
        let what = format!("service `{}`", rules.name);
        if let Some(found) = self.services.get(&rules.name) {
            return Err(Problem::NameTaken(Holder { what, place: found.rules.places.first().cloned() }));
        }
        let address = service_address(self.fabric.prefix, &rules.name);
        if let Some(holder) = self.addresses.get(&address) {
            return Err(Problem::AddressTaken(address, holder.clone()));
        }
        self.addresses.insert(address, Holder { what, place: rules.places.first().cloned() });
        let name = rules.name.clone();
        self.services.insert(name, Service { rules: Arc::new(rules), address, sites: BTreeMap::new() });
        Ok(())
    }

    /// Adds methods to a service, and the service if there is none of that name. Methods that it has stay as they are.
    ///
    /// # Errors
    ///
    /// A method's field belongs to another service, something has the service's address, or all numbers are given.
    pub fn declare(&mut self, name: &str, methods: &[(MethodField, u8)]) -> Result<(), Problem> {
        let mut known: BTreeMap<MethodField, &str> = BTreeMap::new();
        for (other, service) in &self.services {
            known.extend(service.rules.methods.iter().map(|method| (method.field, other.as_str())));
        }
        let mut new = Vec::new();
        for (field, tracking) in methods {
            match known.insert(*field, name) {
                Some(other) if other != name => return Err(Problem::MethodTaken(*field, other.to_owned())),
                Some(_) => {}
                None => new.push(Method {
                    full_name: field.to_string(),
                    field: *field,
                    tracking: *tracking,
                    places: Vec::new(),
                }),
            }
        }
        if !self.services.contains_key(name) {
            let taken = self.services.values().map(|service| service.rules.number).collect();
            let number = number(name, &taken).ok_or(Problem::TooManyServices)?;
            self.add_service(ServiceRules { name: name.to_owned(), number, methods: new, places: Vec::new() })
        } else if new.is_empty() {
            Ok(())
        } else {
            Arc::make_mut(&mut self.service(name)?.rules).methods.extend(new);
            Ok(())
        }
    }

    /// The service that has a method.
    pub fn service_of(&self, field: MethodField) -> Option<&str> {
        let has = |service: &&Service| service.rules.methods.iter().any(|method| method.field == field);
        self.services.values().find(has).map(|service| service.rules.name.as_str())
    }

    /// The names of all services, in order.
    pub fn service_names(&self) -> impl Iterator<Item = &str> {
        self.services.keys().map(String::as_str)
    }

    /// Whether anybody takes new sessions of a service.
    pub fn is_served(&self, service: &str) -> bool {
        self.services.get(service).is_some_and(|found| found.sites.values().any(|site| site.is_open))
    }

    fn service(&mut self, name: &str) -> Result<&mut Service, Problem> {
        self.services.get_mut(name).ok_or_else(|| Problem::UnknownService(name.to_owned()))
    }

    /// A node begins to serve a service, and takes new sessions. `at`: which of its addresses, by default its first one; counts where the
    /// node does not own the service's.
    ///
    /// # Errors
    ///
    /// Unknown or dead node, unknown service, it serves it already, or the address is not its own or serves another.
    pub fn serve(&mut self, service: &str, node: &str, at: Option<Ipv6Addr>, places: &[Place]) -> Result<(), Problem> {
        if self.service(service)?.sites.get(node).is_some_and(|site| site.is_open) {
            return Err(Problem::ServedTwice(service.to_owned()));
        }
        self.open(service, node, at, places)
    }

    fn open(&mut self, service: &str, node: &str, at: Option<Ipv6Addr>, places: &[Place]) -> Result<(), Problem> {
        self.service(service)?;
        let found = self.live_node(node)?;
        let at = match (at, found.addresses.first()) {
            (Some(at), _) if !found.addresses.contains(&at) => return Err(Problem::NotItsAddress(at)),
            (Some(at), _) | (None, Some(&at)) => at,
            (None, None) => return Err(Problem::NoAddress),
        };
        if !found.owns_service_addresses {
            let serves = |other: &&Service| other.sites.get(node).is_some_and(|site| site.at == at);
            let other = self.services.values().filter(|other| other.rules.name != service).find(serves);
            if let Some(other) = other {
                return Err(Problem::PlaceTaken(at, other.rules.name.clone()));
            }
        }
        let site = Site { at, is_open: true, places: places.to_vec() };
        self.service(service)?.sites.insert(node.to_owned(), site);
        Ok(())
    }

    /// A node takes no new sessions of a service any more; its instances go on.
    ///
    /// # Errors
    ///
    /// It does not serve it.
    pub fn drain(&mut self, service: &str, node: &str) -> Result<(), Problem> {
        let site = self.service(service)?.sites.get_mut(node);
        site.ok_or_else(|| Problem::NotServed(service.to_owned()))?.is_open = false;
        Ok(())
    }

    /// A node serves a service no longer; its instances of it are gone, held ones too.
    ///
    /// # Errors
    ///
    /// It does not serve it.
    pub fn stop(&mut self, service: &str, node: &str) -> Result<(), Problem> {
        let gone = self.service(service)?.sites.remove(node);
        gone.ok_or_else(|| Problem::NotServed(service.to_owned()))?;
        self.instances
            .values_mut()
            .filter(|found| found.node == node)
            .for_each(|found| _ = found.services.remove(service));
        self.instances.retain(|_, found| !found.services.is_empty());
        Ok(())
    }

    /// An instance begins to serve a service, on a node that takes new sessions from now on.
    ///
    /// # Errors
    ///
    /// As of [`Topology::serve`]; and its number is 0, or is that of an instance which cannot serve this service, too.
    pub fn start(&mut self, instance: u32, service: &str, node: &str, at: Option<Ipv6Addr>) -> Result<(), Problem> {
        match instance {
            0 => return Err(Problem::InstanceZero),
            _ if !self.may_serve(instance, service, node) => return Err(Problem::InstanceTaken(instance)),
            _ => {}
        }
        self.reopen(service, node, at)?;
        let new = || Instance { services: BTreeSet::new(), node: node.to_owned(), is_held: false };
        self.instances.entry(instance).or_insert_with(new).services.insert(service.to_owned());
        Ok(())
    }

    /// Whether an instance is new, or may serve a further service: all of its packets go to one address.
    fn may_serve(&self, instance: u32, service: &str, node: &str) -> bool {
        self.instances.get(&instance).is_none_or(|found| {
            let owns = self.live_node(node).is_ok_and(|node| node.owns_service_addresses);
            owns && found.node == node && !found.is_held && !found.services.contains(service)
        })
    }

    /// Opens a node for a service, unless it is open at this address already.
    fn reopen(&mut self, service: &str, node: &str, at: Option<Ipv6Addr>) -> Result<(), Problem> {
        let found = self.service(service)?.sites.get(node);
        if found.is_some_and(|site| site.is_open && at.is_none_or(|at| at == site.at)) {
            return Ok(());
        }
        let (at, places) = match found {
            Some(site) => (at.or(Some(site.at)), site.places.clone()),
            None => (at, Vec::new()),
        };
        self.open(service, node, at, &places)
    }

    /// An instance ends. A node without a further one serves its services no longer.
    ///
    /// # Errors
    ///
    /// There is none of this number.
    pub fn end(&mut self, instance: u32) -> Result<(), Problem> {
        let gone = self.instances.remove(&instance).ok_or(Problem::UnknownInstance(instance))?;
        self.close_if_idle(&gone);
        Ok(())
    }

    /// An instance serves a service no longer, and ends with its last one.
    ///
    /// # Errors
    ///
    /// There is none of this number that serves it.
    pub fn serve_not(&mut self, instance: u32, service: &str) -> Result<(), Problem> {
        let found = self.instances.get_mut(&instance).ok_or(Problem::UnknownInstance(instance))?;
        if !found.services.remove(service) {
            return Err(Problem::NotServed(service.to_owned()));
        }
        let node = found.node.clone();
        if found.services.is_empty() {
            self.instances.remove(&instance);
        }
        self.close_if_idle(&Instance { services: BTreeSet::from([service.to_owned()]), node, is_held: false });
        Ok(())
    }

    /// Holds what goes to an instance at the control plane.
    ///
    /// # Errors
    ///
    /// There is none of this number.
    pub fn hold(&mut self, instance: u32) -> Result<(), Problem> {
        let found = self.instances.get_mut(&instance).ok_or(Problem::UnknownInstance(instance))?;
        found.is_held = true;
        let held = found.clone();
        self.close_if_idle(&held);
        Ok(())
    }

    /// An instance goes on, on this or another node; it is held no longer.
    ///
    /// # Errors
    ///
    /// As of [`Topology::serve`], or there is none of this number.
    pub fn restore(&mut self, instance: u32, node: &str, at: Option<Ipv6Addr>) -> Result<(), Problem> {
        let before = self.instances.get(&instance).cloned().ok_or(Problem::UnknownInstance(instance))?;
        before.services.iter().try_for_each(|service| self.reopen(service, node, at))?;
        if let Some(found) = self.instances.get_mut(&instance) {
            found.is_held = false;
            node.clone_into(&mut found.node);
        }
        self.close_if_idle(&before);
        Ok(())
    }

    /// Ends a node's serving of services of which it runs no instance.
    fn close_if_idle(&mut self, gone: &Instance) {
        for name in &gone.services {
            let runs = |found: &Instance| !found.is_held && found.node == gone.node && found.services.contains(name);
            if !self.instances.values().any(runs)
                && let Some(service) = self.services.get_mut(name)
            {
                service.sites.remove(&gone.node);
            }
        }
    }

    /// Ends all that a node serves, and its instances; held ones only if `with_held`.
    pub(super) fn withdraw(&mut self, node: &str, with_held: bool) {
        self.services.values_mut().for_each(|service| drop(service.sites.remove(node)));
        self.instances.retain(|_, found| found.node != node || (found.is_held && !with_held));
    }
}
