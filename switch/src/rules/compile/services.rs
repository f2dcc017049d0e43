//! Services of manifests, and who serves them.

use super::Work;
use crate::rules::fault::Fault;
use crate::rules::manifest::{self, Method, Service};
use crate::rules::numbers::numbers;
use crate::rules::problem::Problem;
use crate::rules::rack::{Serves, ServiceSection, Spanned};
use crate::rules::source::Source;
use crate::rules::topology::{self, ServiceRules, Topology};
use bifrost_rpc::wire::MethodField;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const MIRROR: u8 = 0x01;
const REDIRECT: u8 = 0x02;
/// Answers have the bits of calls, twice further.
const OF_ANSWERS: u32 = 2;

/// The services of all manifests. One that several have is one service, if they agree on it.
pub(super) fn merge(sources: &[Arc<Source>], faults: &mut Vec<Fault>) -> BTreeMap<String, Service> {
    let mut all: BTreeMap<String, Service> = BTreeMap::new();
    for source in sources {
        let (services, more) = manifest::parse(source);
        faults.extend(more);
        for service in services {
            match all.get(&service.name) {
                Some(first) => faults.extend(disagreement(first, &service)),
                None => drop(all.insert(service.name.clone(), service)),
            }
        }
    }
    faults.extend(collisions(&all));
    all
}

/// What is different in two descriptions of a service.
fn disagreement(first: &Service, second: &Service) -> Option<Fault> {
    let by_name = |service: &Service| -> BTreeMap<String, serde_json::Value> {
        service.methods.iter().map(|method| (method.name.clone(), method.description.clone())).collect()
    };
    let (before, now) = (by_name(first), by_name(second));
    let mut names = before.keys().chain(now.keys());
    let method = names.find(|name| before.get(*name) != now.get(*name))?;
    let message = format!("two manifests disagree on the method `{method}` of the service `{}`", second.name);
    let span =
        second.methods.iter().find(|found| found.name == *method).map_or(second.span.clone(), |m| m.span.clone());
    let other = first.source.place(first.span.start);
    Some(Fault::at(&second.source, span, message).help(format!("the other description is at {other}; make both anew")))
}

/// Methods whose field another one has.
fn collisions(services: &BTreeMap<String, Service>) -> Vec<Fault> {
    let mut first: BTreeMap<MethodField, (&Service, &Method)> = BTreeMap::new();
    let mut faults = Vec::new();
    for service in services.values() {
        for method in &service.methods {
            let (other, taken) = *first.entry(method.field).or_insert((service, method));
            if !std::ptr::eq(taken, method) {
                let message = format!(
                    "`{}:{}` and `{}:{}` have the same method field",
                    service.name, method.name, other.name, taken.name
                );
                let place = other.source.place(taken.span.start);
                let help =
                    format!("a switch cannot tell them apart; the other stands at {place}: rename one of the two");
                faults.push(Fault::at(&service.source, method.span.clone(), message).help(help));
            }
        }
    }
    faults
}

impl Work<'_> {
    /// Adds all services, with their numbers.
    pub(super) fn add_services(&mut self, services: &BTreeMap<String, Service>, topology: &mut Topology) {
        let sections = self.sections(services);
        let pin = |name: &str| sections.get(name).and_then(|section| section.number.as_ref());
        let wanted = services.keys().map(|name| (name.as_str(), pin(name).map(|pin| *pin.get_ref()))).collect();
        for (name, number) in numbers(&wanted) {
            let (Some(service), section) = (services.get(name), sections.get(name)) else { continue };
            match (number, pin(name)) {
                (Some(number), _) => {
                    let mirror = section.and_then(|section| section.mirror).unwrap_or(self.file.fabric.mirror);
                    self.add_service(service, number, mirror, topology);
                }
                (None, Some(pin)) => {
                    let message = format!("the number {} is pinned to two services", pin.get_ref());
                    self.fault(pin, message, Some("pin another one, or none: numbers follow from names"));
                }
                (None, None) => {
                    self.faults.push(Fault::at(&service.source, service.span.clone(), "more than 65,535 services"))
                }
            }
        }
    }

    /// The `[[service]]` sections by name.
    fn sections(&mut self, services: &BTreeMap<String, Service>) -> BTreeMap<String, ServiceSection> {
        let mut found: BTreeMap<String, ServiceSection> = BTreeMap::new();
        for section in &self.file.services {
            let name = section.name.get_ref();
            if !services.contains_key(name) {
                self.problem(&section.name, &Problem::UnknownService(name.clone()));
            }
            if found.insert(name.clone(), section.clone()).is_some() {
                self.fault(&section.name, format!("the service `{name}` is described twice"), None);
            }
        }
        found
    }

    fn add_service(&mut self, service: &Service, number: u16, mirror: bool, topology: &mut Topology) {
        let mut methods = Vec::new();
        for method in &service.methods {
            match tracking(method, mirror) {
                Some(tracking) => methods.push(topology::Method {
                    full_name: format!("{}:{}", service.name, method.name),
                    field: method.field,
                    tracking,
                    places: method.places.clone(),
                }),
                None => {
                    let message = format!(
                        "`{}` is no policy that is known here",
                        method.on_failure.as_deref().unwrap_or_default()
                    );
                    let fault = Fault::at(&service.source, method.span.clone(), message);
                    self.faults.push(fault.help("known are \"recover\", \"fate_share\" and \"tainted\""));
                }
            }
        }
        let rules = ServiceRules { name: service.name.clone(), number, methods, places: service.places.clone() };
        if let Err(problem) = topology.add_service(rules) {
            let fault = Fault::at(&service.source, service.span.clone(), problem.to_string());
            self.faults.push(fault.help(
                "the address is the rack's prefix and the hash of the name: rename the service, or the other's address",
            ));
        }
    }

    /// Says who serves what, and finds out what nobody serves.
    pub(super) fn add_serving(&mut self, services: &BTreeMap<String, Service>, topology: &mut Topology) {
        let file = self.file;
        let mut claimed: BTreeSet<&str> = BTreeSet::new();
        for section in &file.nodes {
            let node = section.name.get_ref();
            for serves in &section.serves {
                claimed.insert(serves.get_ref().service());
                match self.serve(serves, node, topology) {
                    // What is wrong with the node or the service itself was said.
                    Ok(()) | Err(Problem::UnknownNode(_)) => {}
                    Err(Problem::UnknownService(name)) if services.contains_key(&name) => {}
                    Err(problem) => self.problem(serves, &problem),
                }
            }
        }
        let is_later = |name: &str| file.services.iter().any(|section| section.later && section.name.get_ref() == name);
        for service in
            services.values().filter(|found| !claimed.contains(found.name.as_str()) && !is_later(&found.name))
        {
            let help = format!(
                "add it to the `serves` of a node, or let its calls wait: [[service]] name = \"{}\", later = true",
                service.name
            );
            let message = format!("nobody serves `{}`", service.name);
            self.faults.push(Fault::at(&service.source, service.span.clone(), message).help(help));
        }
    }

    fn serve(&self, serves: &Spanned<Serves>, node: &str, topology: &mut Topology) -> Result<(), Problem> {
        let at = match serves.get_ref() {
            Serves::At { at, .. } => Some(*at),
            Serves::Name(_) => None,
        };
        topology.serve(serves.get_ref().service(), node, at, &self.place(serves))
    }
}

/// What is redirected and mirrored of a method; `None` for a policy that is unknown.
///
/// Whatever is to become of callers when the callee dies, the control plane must know every call that is under way; without a policy it
/// is told at most for tracing.
fn tracking(method: &Method, mirror: bool) -> Option<u8> {
    let of_calls = match method.on_failure.as_deref() {
        Some("recover" | "fate_share" | "tainted") => REDIRECT,
        Some(_) => return None,
        None if mirror => MIRROR,
        None => 0,
    };
    Some(if method.oneway { of_calls } else { of_calls | of_calls << OF_ANSWERS })
}
