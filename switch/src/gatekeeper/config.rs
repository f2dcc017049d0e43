//! What a control plane is told at its making.

use super::calls::Limits;
use super::checks::Checks;
use crate::rules::Intent;
use bifrost_rpc::Key;
use std::collections::BTreeMap;
use std::time::Duration;

/// Settings of a [`Gatekeeper`](super::Gatekeeper).
#[derive(Debug, Clone)]
pub struct Config {
    /// The rack: prefixes, services, hosts and routes, as [`compile`](crate::rules::compile) makes them of its description. The machines in it
    /// are those that the description names; none of them is there before it announces itself.
    pub rules: Intent,
    /// The rack's key; `None`: control packets are not sealed, and anybody who can send one is believed.
    pub key: Option<Key>,
    /// Takes in nodes that the description does not name though there is no key. Default false.
    pub is_open_to_all: bool,
    /// How often nodes send heartbeats. Default 500 ms. A node is suspected after 2 of them without a sign of life, and dead after 5.
    pub heartbeat: Duration,
    /// How many instances of a service take new sessions at a time; further ones stand by. Default: no limit.
    pub instances_max: BTreeMap<String, usize>,
    /// Nodes that are remembered, the ended ones included. Default 4,096.
    pub nodes_max: usize,
    /// Instances of a node that serve or stand by. Default 256.
    pub offers_max: usize,
    /// Packets held because nobody serves their method. Default 1,024.
    pub unserved_max: usize,
    /// How long they are held. Default 10 s.
    pub unserved: Duration,
    /// Running calls, sessions and objects.
    pub calls: Limits,
    /// Which safety checks are made: all, outside simulations.
    pub checks: Checks,
}

impl Config {
    /// The defaults for a rack.
    #[must_use]
    pub fn new(rules: Intent) -> Self {
        Self {
            rules,
            key: None,
            is_open_to_all: false,
            heartbeat: Duration::from_millis(500),
            instances_max: BTreeMap::new(),
            nodes_max: 4096,
            offers_max: 256,
            unserved_max: 1024,
            unserved: Duration::from_secs(10),
            calls: Limits::default(),
            checks: Checks::default(),
        }
    }

    /// Silence after which a node is suspected.
    pub(super) fn suspicion(&self) -> Duration {
        self.heartbeat * 2
    }

    /// Silence after which a node is dead.
    pub(super) fn death(&self) -> Duration {
        self.heartbeat * 5
    }
}
