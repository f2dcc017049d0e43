//! `ping`, by whatever way.

use std::net::SocketAddr;

use anyhow::{Context, Result};

use crate::cases::{Plan, Subject};
use crate::child::ChildProcess;
use crate::clock;
use crate::rack::case::Case;
use crate::rack::live::{Enclosed, Rack};
use crate::rack::part::Part;
use crate::server::{ServerProcess, Setup};
use crate::services::benchmark::{PingClient, TPingSyncClient};
use crate::variants::{self, Session, Variant};
use crate::watchdog::Aborter;
use crate::workload::{Bench, Workload};

/// What a `ping` without a rack needs.
fn setup(plan: &Plan<Case>) -> Setup {
    let workload = Workload { bench: Bench::Ping, size: 0, outstanding: 1, servers: 1 };
    Setup { workload, address: plan.address, key: None, memory: Vec::new(), next: None }
}

/// A variant of `bench ping`, with nothing or a relay between client and server.
pub(super) struct Unracked {
    session: Box<dyn Session>,
    _relay: Option<ChildProcess>,
    _server: ServerProcess,
}

impl Unracked {
    /// Straight to the server.
    pub(super) fn direct(plan: &Plan<Case>, variant: &str) -> Result<Self> {
        let (variant, setup, server) = serve(plan, variant)?;
        Ok(Self { session: variant.connect(&setup, server.address)?, _relay: None, _server: server })
    }

    /// The same datagrams through a relay.
    pub(super) fn relayed(plan: &Plan<Case>, variant: &str) -> Result<Self> {
        let (variant, setup, server) = serve(plan, variant)?;
        let (relay, port) = Part::Relay(server.address).listening(plan.placement.server_core())?;
        let session = variant.connect(&setup, SocketAddr::new(plan.address, port))?;
        Ok(Self { session, _relay: Some(relay), _server: server })
    }
}

fn serve(plan: &Plan<Case>, variant: &str) -> Result<(&'static dyn Variant, Setup, ServerProcess)> {
    let variant = variants::named(variant).with_context(|| format!("no variant {variant}"))?;
    let setup = setup(plan);
    let server = ServerProcess::start(variant, &setup, plan.placement.server_core())?;
    Ok((variant, setup, server))
}

impl Subject for Unracked {
    fn sample(&mut self) -> Result<f64> {
        clock::nanoseconds_of(|| self.session.ping()).map(|(_, time)| time)
    }

    fn aborter(&self) -> Result<Option<Aborter>> {
        self.session.aborter()
    }
}

/// Through a rack.
pub(super) struct Racked<R> {
    client: PingClient,
    _rack: R,
}

impl Racked<Rack> {
    pub(super) fn start(plan: &Plan<Case>) -> Result<Self> {
        let rack = Rack::start(plan, 1, 1)?;
        Ok(Self { client: PingClient::new(rack.channel(0, "Ping")?), _rack: rack })
    }
}

impl Racked<Enclosed> {
    pub(super) fn enclosed(plan: &Plan<Case>) -> Result<Self> {
        let rack = Enclosed::start(plan)?;
        Ok(Self { client: PingClient::new(rack.channel("Ping")?), _rack: rack })
    }
}

impl<R> Subject for Racked<R> {
    fn sample(&mut self) -> Result<f64> {
        clock::nanoseconds_of(|| Ok(self.client.ping()?)).map(|(_, time)| time)
    }
}
