//! The control plane for people and tools: the service of `idl/gatekeeper.thrift`, and metrics.

mod convert;
mod handler;
mod http;
mod metrics;

pub use http::{MetricsError, MetricsServer};

use super::Asker;
use crate::gatekeeper::Gatekeeper;
use crate::runtime::SwitchControl;
use bifrost_rpc::{Address, Place, ServeError, Server, UrlError};
use handler::Handler;
use idl::gatekeeper::GatekeeperSyncProcessor;
use std::sync::Arc;
use std::time::Duration;

/// The code generated for `idl/gatekeeper.thrift`: the service's client and types.
pub mod idl {
    pub use crate::idl::{bifrost, gatekeeper};
}

/// Those who look, at a time.
const CONNECTIONS_MAX: usize = 64;

/// Why the service cannot be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManageError {
    /// Everybody there could evict nodes.
    #[error("the control plane is managed from its own machine only, not at {0}")]
    Open(String),
    /// The address is wrong.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// It cannot be served there.
    #[error(transparent)]
    Serve(#[from] ServeError),
}

/// The running service. Dropping it stops it.
#[derive(Debug)]
pub struct ManageServer {
    server: Server,
}

impl ManageServer {
    /// Serves at `unix:///PATH`, or at an address of this machine alone: every program that reaches it may evict nodes, and have `stop`
    /// called, which is to end the process soon.
    ///
    /// # Errors
    ///
    /// [`ManageError`].
    pub fn start(
        asker: &Asker<Gatekeeper>,
        switch: Arc<dyn SwitchControl>,
        url: &str,
        stop: impl Fn() + Send + Sync + 'static,
    ) -> Result<Self, ManageError> {
        let is_own = match Address::parse(url)? {
            Address::Udp(address) => address.ip().to_canonical().is_loopback(),
            Address::Stream(address) => match address.place {
                Place::Unix(_) => true,
                Place::Tcp(place) => place.ip().to_canonical().is_loopback(),
                _ => false,
            },
            _ => false,
        };
        if !is_own {
            return Err(ManageError::Open(url.to_owned()));
        }
        let handler = Handler::new(asker.clone(), switch, Box::new(stop));
        let builder = Server::builder().service(GatekeeperSyncProcessor::new(handler)).listen(url);
        Ok(Self { server: builder.workers(2).busy_clients(0).connections_max(CONNECTIONS_MAX).start()? })
    }

    /// Where it listens.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.server.urls()
    }

    /// Takes no new calls, and stops.
    pub fn shutdown(self, deadline: Duration) -> usize {
        self.server.shutdown(deadline)
    }
}
