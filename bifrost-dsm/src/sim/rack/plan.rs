//! What a seed decides before anything happens.

use super::{Missing, Options};
use crate::checks::Checks;
use crate::config::Config;
use bifrost_rpc::Key;
use bifrost_rpc::endpoint;
use bifrost_rpc::sim::{Network, Rng};
use std::time::Duration;

pub(super) const US: u64 = 1_000;
pub(super) const MS: u64 = 1_000_000;
pub(super) const S: u64 = 1_000_000_000;

/// What happens to processes, machines and paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Disruption {
    /// A process, client or server, dies, and another takes its place at the end.
    Crash(usize),
    /// A process stands still until the end.
    Pause(usize),
    /// Packets from one process to another are lost until the end.
    Cut(usize, usize),
    /// A machine is declared dead; its processes go on until the end, when they start again as its next incarnation. If so
    /// said, what it controls is freed.
    Fence(usize, bool),
}

/// The character of a run.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) clients: usize,
    /// Machines that the clients run on.
    pub(super) machines: usize,
    pub(super) servers: usize,
    pub(super) network: Network,
    /// Operations that each client issues.
    pub(super) operations: u64,
    /// Operations that a client has under way at most.
    pub(super) outstanding: usize,
    /// Largest object, in bytes.
    pub(super) bytes: u64,
    /// Longest pause of a client, mostly.
    pub(super) pause: u64,
    /// Clients give operations up, or have deadlines for them.
    pub(super) is_impatient: bool,
    /// Memory is short.
    pub(super) is_tight: bool,
    pub(super) disruptions: Vec<(u64, u64, Disruption)>,
    /// Clients that die after having sent so many datagrams.
    pub(super) deaths: Vec<(usize, u64)>,
    pub(super) lease: Duration,
    keyed: bool,
    peer_timeout: Duration,
    rto_max: Duration,
    datagram_bytes: u16,
}

impl Plan {
    pub(super) fn draw(rng: &mut Rng, options: &Options) -> Self {
        let (clients, servers) = (rng.index(8) + 1, rng.index(3) + 1);
        let mut plan = Self {
            clients,
            machines: rng.index(3) + 1,
            servers,
            network: network(rng),
            operations: rng.between(6, 30),
            outstanding: rng.pick(&[1, 3, 6]),
            bytes: rng.pick(&[40, 1500, 5000, 5000, 40_000]),
            pause: rng.pick(&[MS, 20 * MS, 200 * MS]),
            is_impatient: rng.chance(250),
            is_tight: rng.chance(150),
            disruptions: Vec::new(),
            deaths: Vec::new(),
            lease: Duration::from_secs(rng.between(20, 40)),
            // Some faults of servers are made on the wire, which a key would forbid.
            keyed: rng.chance(250) && options.without.is_none(),
            peer_timeout: Duration::from_secs(rng.between(8, 12)),
            rto_max: Duration::from_millis(rng.between(100, 200)),
            datagram_bytes: rng.pick(&[1232, 1232, 8952]),
        };
        // One seed in four has a bad network and no more.
        if !rng.chance(250) {
            plan.disrupt(rng);
        }
        plan
    }

    fn disrupt(&mut self, rng: &mut Rng) {
        let end = self.operations * self.pause;
        for _ in 0..rng.between(1, 5) {
            let (client, server) = (rng.index(self.clients), self.clients + rng.index(self.servers));
            let any = rng.pick(&[client, server]);
            let what = match rng.below(10) {
                0..=1 => Disruption::Crash(client),
                2..=3 => Disruption::Crash(server),
                4 => Disruption::Pause(any),
                5 => Disruption::Pause(client),
                6 => Disruption::Cut(client, server),
                7 => Disruption::Cut(server, client),
                _ => Disruption::Fence(rng.index(self.machines), rng.chance(500)),
            };
            let longest = rng.pick(&[MS, 50 * MS, S, 15 * S, 50 * S]);
            let (at, lasts) = (rng.below(end), rng.below(longest));
            self.disruptions.push((at, at + lasts, what));
        }
        for client in 0..self.clients {
            if rng.chance(150) {
                let datagrams = rng.between(4, 10 * self.operations);
                self.deaths.push((client, datagrams));
            }
        }
    }

    /// Whether a disruption can make operations fail.
    pub(super) fn is_calm(&self) -> bool {
        self.disruptions.is_empty() && self.deaths.is_empty() && !self.is_impatient && !self.is_tight
    }

    pub(super) fn describe(&self) -> String {
        let Self { clients, machines, servers, operations, bytes, network, disruptions, deaths, .. } = self;
        format!(
            "{clients} clients on {machines} machines, {servers} servers, {operations} operations each, objects to {bytes} B; \
             {network:?}; {disruptions:?}, deaths {deaths:?}{}{}{}",
            if self.is_impatient { ", impatient" } else { "" },
            if self.is_tight { ", little memory" } else { "" },
            if self.keyed { ", keyed" } else { "" },
        )
    }

    pub(super) fn endpoint(&self, incarnation: u32, without: Option<Missing>) -> endpoint::Config {
        endpoint::Config {
            datagram_bytes: self.datagram_bytes,
            receive_buffer_bytes: self.network.socket_bytes.min(1 << 20) / 2,
            peer_timeout: self.peer_timeout,
            rto_max: self.rto_max,
            lease: self.lease,
            key: self.keyed.then(|| Key::from_bytes([0x42; 32])),
            incarnation,
            checks: without
                .and_then(Missing::of_transport)
                .map_or_else(endpoint::Checks::default, endpoint::Checks::without),
            ..endpoint::Config::default()
        }
    }

    pub(super) fn memory(&self, server: u8, boot: u32, without: Option<Missing>) -> Config {
        Config {
            server,
            boot,
            open: true,
            capacity_bytes: if self.is_tight { 4 * self.bytes + 10_000 } else { 1 << 30 },
            chunk_bytes: 256,
            copied_bytes_max: 64,
            checks: without.and_then(Missing::of_memory).map_or_else(Checks::default, Checks::without),
            ..Config::default()
        }
    }
}

fn network(rng: &mut Rng) -> Network {
    let mut up_to = |often, max| if rng.chance(often) { rng.between(1, max) } else { 0 };
    let (loss, duplication, reordering) = (up_to(600, 300), up_to(600, 500), up_to(600, 300));
    Network {
        loss,
        duplication,
        reordering,
        detour: rng.pick(&[100 * US, 10 * MS, 300 * MS]),
        corruption: 0,
        delay: rng.pick(&[5 * US, 50 * US, MS]),
        jitter: rng.pick(&[0, 10 * US, MS]),
        mtu: usize::MAX,
        socket_bytes: rng.pick(&[20_000, 4 << 20]),
        process: rng.pick(&[US, 20 * US]),
    }
}
