//! Which service a call is for, where the message alone says so.

use crate::protocol::MessageHeader;
use crate::service::Service;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use thrift::ApplicationErrorKind::UnknownMethod;

/// The services behind an address, by the names in messages: `Service:method`, or `method` alone.
#[derive(Clone)]
pub(crate) struct Directory {
    services: Vec<Arc<dyn Service>>,
    /// The service of calls without a prefix.
    default: Option<usize>,
    /// The service that has a method of this name; none if several have.
    by_method: BTreeMap<String, Option<usize>>,
    multiplexed: Option<bool>,
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.services.iter().map(|service| service.name()).collect();
        f.debug_struct("Directory").field("services", &names).finish_non_exhaustive()
    }
}

impl Directory {
    /// A directory of these services. Calls without a prefix are for the service named `default`, or the only one, or
    /// the only one that has the method. `multiplexed` says whether names must have a prefix (unless there is a
    /// default) or must not; without it both are taken.
    pub(crate) fn new(services: &[Arc<dyn Service>], default: Option<&str>, multiplexed: Option<bool>) -> Self {
        let mut by_method: BTreeMap<String, Option<usize>> = BTreeMap::new();
        for (number, service) in services.iter().enumerate() {
            for method in service.methods() {
                let several = by_method.contains_key(method.name);
                by_method.insert(method.name.to_owned(), (!several).then_some(number));
            }
        }
        let named = default.and_then(|name| services.iter().position(|service| service.name() == name));
        let only = (services.len() == 1).then_some(0);
        Self { services: services.to_vec(), default: named.or(only), by_method, multiplexed }
    }

    /// The service that a call is for.
    pub(crate) fn find(&self, header: &MessageHeader) -> thrift::Result<&Arc<dyn Service>> {
        let name = header.name.as_str();
        let number = match name.split_once(':') {
            Some((service, _)) if self.multiplexed != Some(false) => {
                self.services.iter().position(|known| known.name() == service)
            }
            _ => self.default.or_else(|| self.of_method(name)),
        };
        number.and_then(|number| self.services.get(number)).ok_or_else(|| unknown(name))
    }

    fn of_method(&self, name: &str) -> Option<usize> {
        if self.multiplexed == Some(true) { None } else { self.by_method.get(name).copied().flatten() }
    }
}

#[cold]
fn unknown(name: &str) -> thrift::Error {
    let message = match name.split_once(':') {
        Some((service, _)) => format!("there is no service {service:?} here"),
        None => format!("no service, or more than one, has a method {name:?} here; call it as Service:{name}"),
    };
    thrift::new_application_error(UnknownMethod, message)
}
