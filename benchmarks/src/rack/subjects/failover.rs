//! A node that serves is killed, and its client calls until another one answers.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::cases::{Plan, Subject};
use crate::clock;
use crate::rack::case::Case;
use crate::rack::live::Rack;
use crate::rack::machines::{SERVERS, SUSPICION};
use crate::services::passing::{PassingClient, TPassingSyncClient};

/// Time for another one to answer.
const WITHIN: Duration = Duration::from_secs(30);

/// A service of which there are two instances, and a client in a session with one.
pub(super) struct Failover {
    client: PassingClient,
    rack: Rack,
}

impl Failover {
    pub(super) fn start(plan: &Plan<Case>) -> Result<Self> {
        let rack = Rack::start(plan, 1, SERVERS.len())?;
        Ok(Self { client: PassingClient::new(rack.channel(0, "Passing")?), rack })
    }
}

impl Subject for Failover {
    fn sample(&mut self) -> Result<f64> {
        let dead = self.client.process()?;
        let start = clock::now();
        let which = self.rack.kill(dead)?;
        // A call whose outcome is unknown fails, and the next one goes elsewhere.
        while self.client.process().map_or(true, |process| process == dead) {
            ensure!(clock::now() - start < WITHIN, "nobody serves what the dead node did");
        }
        let time = clock::now() - start;
        self.rack.start_again(which)?;
        Ok(time.as_secs_f64() / SUSPICION.as_secs_f64())
    }
}
