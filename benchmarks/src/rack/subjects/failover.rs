//! A node that serves is killed, and its client calls until another one answers.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::cases::{Plan, Subject};
use crate::clock;
use crate::rack::case::Case;
use crate::rack::live::Rack;
use crate::rack::machines::{HEARTBEAT, SERVERS, SUSPICION};
use crate::random::Random;
use crate::services::passing::{PassingClient, TPassingSyncClient};

/// Time for another one to answer.
const WITHIN: Duration = Duration::from_secs(30);
/// Of calls that do not wait for longer, and are made again.
const SHORT_DEADLINE: Duration = Duration::from_millis(100);

/// A service of which there are two instances, and a client in a session with one.
pub(super) struct Failover {
    client: PassingClient,
    /// What calls after the death.
    caller: PassingClient,
    random: Random,
    rack: Rack,
}

impl Failover {
    /// With the deadline of other cases, or with a short one for calls after the death.
    pub(super) fn start(plan: &Plan<Case>, is_short: bool) -> Result<Self> {
        let rack = Rack::start(plan, 1, SERVERS.len())?;
        let channel = rack.channel(0, "Passing")?;
        let client = PassingClient::new(channel.clone());
        let caller = PassingClient::new(if is_short { channel.with_deadline(SHORT_DEADLINE) } else { channel });
        Ok(Self { client, caller, random: Random::seeded(clock::unix_nanoseconds()), rack })
    }
}

impl Subject for Failover {
    fn sample(&mut self) -> Result<f64> {
        let dead = self.client.process()?;
        // At any time between two heartbeats.
        let heartbeat = u64::try_from(HEARTBEAT.as_nanos())?;
        clock::pause(Duration::from_nanos(self.random.next() % heartbeat));
        let start = clock::now();
        let which = self.rack.kill(dead)?;
        // A call that the dead node may have got fails, and the next one goes elsewhere.
        while self.caller.process().map_or(true, |process| process == dead) {
            ensure!(clock::now() - start < WITHIN, "nobody serves what the dead node did");
        }
        let time = clock::now() - start;
        self.rack.start_again(which)?;
        Ok(time.as_secs_f64() / SUSPICION.as_secs_f64())
    }
}
