//! Telling a rack's control plane what a server serves.

use super::{Routes, ServeError};
use crate::wire::MethodField;
use crate::wire::control::{ControlRefusal, ServeState};
use std::sync::Arc;

/// Who tells the control plane: the node that the server runs on.
pub(crate) trait Registrar: Send + Sync + std::fmt::Debug {
    /// An instance serves a service from now on. Waits until that is confirmed.
    fn open(&self, instance: u32, service: &str, methods: Vec<(MethodField, u8)>) -> Result<(), RegisterError>;

    /// An instance takes no new sessions of a service, or has ended it. Does not wait.
    fn change(&self, instance: u32, service: &str, state: ServeState);
}

/// Why a service is not known to the rack.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// The control plane refuses it.
    #[error("{0}")]
    Refused(ControlRefusal),
    /// The control plane did not confirm it in time.
    #[error("the control plane has not confirmed it in time")]
    Unconfirmed,
    /// The node is in the rack no longer, for this reason.
    #[error("{0}")]
    Ended(String),
}

/// What a running server has told. Ends it when dropped.
#[derive(Debug)]
pub(super) struct Registered {
    registrar: Arc<dyn Registrar>,
    instance: u32,
    services: Vec<&'static str>,
}

impl Registered {
    /// Tells of all services, one after the other.
    pub(super) fn new(registrar: &Arc<dyn Registrar>, instance: u32, routes: &Routes) -> Result<Self, ServeError> {
        let mut registered = Self { registrar: Arc::clone(registrar), instance, services: Vec::new() };
        for service in &routes.services {
            let name = service.name();
            let methods = service.methods().iter().map(|method| (MethodField::new(name, method.name), 0)).collect();
            registered.services.push(name);
            let failed = |reason| ServeError::Unregistered { service: name.to_owned(), reason };
            registrar.open(instance, name, methods).map_err(failed)?;
        }
        Ok(registered)
    }

    /// The server takes no new calls.
    pub(super) fn drain(&self) {
        self.change(ServeState::Draining);
    }

    fn change(&self, state: ServeState) {
        self.services.iter().for_each(|service| self.registrar.change(self.instance, service, state));
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.change(ServeState::Ended);
    }
}
