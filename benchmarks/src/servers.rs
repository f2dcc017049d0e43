//! All processes that a lane's client talks to.

use std::net::SocketAddr;

use anyhow::{Context, Result};

use crate::server::{ServerProcess, Setup};
use crate::variants::{self, Variant};

/// Memory servers and services, each a process. Dropping them ends them, callers before those that they call.
#[derive(Debug)]
pub(crate) struct Servers {
    /// The last is the one that the client calls.
    services: Vec<ServerProcess>,
    _memory: Vec<ServerProcess>,
    /// Where the client's first service listens, or, where there is none, the first memory server.
    pub(crate) address: SocketAddr,
}

impl Servers {
    /// Starts what `variant` needs on `core`. Returns the setup of the client as well.
    pub(crate) fn start(variant: &dyn Variant, mut setup: Setup, core: Option<usize>) -> Result<(Self, Setup)> {
        let mut memory = Vec::new();
        for _ in 0..variant.memory_servers(&setup.workload) {
            let server = ServerProcess::start(&variants::memory::Daemon, &setup, core)?;
            setup.memory.push(server.address);
            memory.push(server);
        }
        let mut services = Vec::new();
        for _ in 0..variant.services(&setup.workload) {
            let service = ServerProcess::start(variant, &setup, core)?;
            setup.next = Some(service.address);
            services.push(service);
        }
        let address = setup.next.or(setup.memory.first().copied()).context("a variant without a server")?;
        Ok((Self { services, _memory: memory, address }, setup))
    }

    /// The service that the client calls.
    pub(crate) fn first_service(&mut self) -> Result<&mut ServerProcess> {
        self.services.last_mut().context("a variant without a service")
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        while self.services.pop().is_some() {}
    }
}
