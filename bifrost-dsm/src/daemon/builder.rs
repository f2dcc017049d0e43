//! Settings of daemons.

use super::{Daemon, SharedMemory};
use crate::config::Config;
use bifrost_rpc::service::Service;
use bifrost_rpc::{Key, ServeError, Server, ServerBuilder};
use std::sync::Arc;

/// Settings of a [`Daemon`] to be.
#[derive(Debug)]
pub struct DaemonBuilder {
    memory: SharedMemory,
    server: ServerBuilder,
}

impl DaemonBuilder {
    pub(super) fn new(config: Config) -> Self {
        let memory = SharedMemory::new(config);
        let server = Server::builder().memory(Arc::new(memory.clone()));
        Self { memory, server }
    }

    /// The memory that is to be served: for services that stand beside it.
    #[must_use]
    pub fn memory(&self) -> &SharedMemory {
        &self.memory
    }

    /// Listens on a URL such as `udp://[::1]:7500`; port 0 takes a free one. May be called several times.
    #[must_use]
    pub fn listen(self, url: &str) -> Self {
        self.transport(|server| server.listen(url))
    }

    /// Takes only what is sealed with this key. Default: none, nothing is sealed.
    #[must_use]
    pub fn key(self, key: Key) -> Self {
        self.transport(|server| server.key(key))
    }

    /// Takes only what nodes of the rack with this key have sealed, each with the key of its own life.
    #[must_use]
    pub fn rack_key(self, rack: &Key) -> Self {
        self.transport(|server| server.key_of_lives(rack.of_memory()))
    }

    /// Serves a service beside the memory, at the same addresses.
    #[must_use]
    pub fn service(self, service: Arc<dyn Service>) -> Self {
        self.transport(|server| server.shared_service(service))
    }

    /// Any setting of the transport.
    #[must_use]
    pub fn transport(mut self, set: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Self {
        self.server = set(self.server);
        self
    }

    /// Starts serving.
    ///
    /// # Errors
    ///
    /// [`ServeError`]. Nothing keeps running then.
    pub fn start(self) -> Result<Daemon, ServeError> {
        Ok(Daemon { server: self.server.start()?, memory: self.memory })
    }
}
