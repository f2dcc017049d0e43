//! What a seed decides before anything happens.

use bifrost_rpc::Key;
use bifrost_rpc::control::NodeKey;
use bifrost_rpc::endpoint;
use bifrost_rpc::sim::{Network, Rng};
use std::net::Ipv6Addr;
use std::time::Duration;

pub(super) const US: u64 = 1_000;
pub(super) const MS: u64 = 1_000_000;
pub(super) const S: u64 = 1_000_000_000;

/// How often nodes say that they live.
pub(super) const HEARTBEAT: Duration = Duration::from_millis(200);
/// All that is asked for is asked for within this time.
const WORK: u64 = 3 * S;

/// What happens to machines, the switch and the control plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Disruption {
    /// A machine stops with all it knew, and starts anew in the end.
    Crash(usize),
    /// A machine stands still.
    Pause(usize),
    /// What a machine sends, and what is sent to it, is lost.
    Cut(usize),
    /// The control plane ends; another one starts from its log.
    Gatekeeper,
    /// The switch forgets its tables.
    Tables,
}

/// The character of a run.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// Compute nodes.
    pub(super) nodes: usize,
    pub(super) servers: usize,
    /// Which nodes serve each service.
    pub(super) serving: Vec<Vec<usize>>,
    pub(super) network: Network,
    /// Of control messages and their answers.
    pub(super) control: Network,
    /// Tasks that each node begins.
    pub(super) tasks: u64,
    /// Longest pause between a node's tasks.
    pub(super) pause: u64,
    /// Per mille of calls that are given up, or have short deadlines.
    pub(super) impatience: u64,
    /// Per mille of operations that nobody has a right to.
    pub(super) malice: u64,
    /// How long changes of the switch's tables take at most.
    pub(super) tables: u64,
    /// How long the log's disk takes at most.
    pub(super) disk: u64,
    pub(super) disruptions: Vec<(u64, u64, Disruption)>,
    /// When nothing more is asked for, and nothing disturbed.
    pub(super) quiet_at: u64,
    pub(super) key: Option<Key>,
    /// A node whose machine sends raw frames beside its own, and a stranger that does.
    pub(super) hostile: Option<usize>,
}

impl Plan {
    pub(super) fn draw(rng: &mut Rng) -> Self {
        let (nodes, servers) = (rng.index(2) + 2, rng.index(2) + 1);
        let serving = (0..2).map(|_| some_of(rng, nodes)).collect();
        let mut plan = Self {
            nodes,
            servers,
            serving,
            network: network(rng),
            control: Network { delay: 5 * US, jitter: rng.pick(&[0, 50 * US, 5 * MS]), ..network(rng) },
            tasks: rng.between(2, 5),
            pause: rng.pick(&[MS, 100 * MS, 500 * MS]),
            impatience: rng.pick(&[0, 0, 250]),
            malice: rng.pick(&[0, 150]),
            tables: rng.pick(&[US, 200 * US, 20 * MS]),
            disk: rng.pick(&[US, 5 * MS, 300 * MS]),
            disruptions: Vec::new(),
            quiet_at: 0,
            key: rng.chance(250).then(|| Key::from_bytes([0x42; 32])),
            hostile: None,
        };
        // One seed in four has a bad network and no more.
        if !rng.chance(250) {
            plan.disrupt(rng);
        }
        plan.hostile = rng.chance(200).then(|| rng.index(nodes));
        match rng.below(12) {
            0 => plan.die_early(rng),
            1 => plan.come_back_early(rng),
            2 => plan.die_twice(rng),
            _ => {}
        }
        plan.disruptions.sort_unstable_by_key(|(at, ..)| *at);
        let last = plan.disruptions.iter().map(|(_, until, _)| *until).max().unwrap_or(0);
        plan.quiet_at = last.max(WORK);
        plan
    }

    fn disrupt(&mut self, rng: &mut Rng) {
        let machines = self.nodes + self.servers;
        for _ in 0..rng.between(1, 4) {
            let what = match rng.below(12) {
                0..=2 => Disruption::Crash(rng.index(self.nodes)),
                3 => Disruption::Crash(self.nodes + rng.index(self.servers)),
                4..=5 => Disruption::Pause(rng.index(machines)),
                6 => Disruption::Cut(rng.index(machines)),
                7..=9 => Disruption::Gatekeeper,
                _ => Disruption::Tables,
            };
            let longest = rng.pick(&[MS, 100 * MS, S, 3 * S]);
            let at = rng.between(20 * MS, 2500 * MS);
            self.disruptions.push((at, at + rng.below(longest), what));
        }
    }

    /// The control plane dies while the first nodes come in.
    fn die_early(&mut self, rng: &mut Rng) {
        let at = rng.between(MS, 400 * MS);
        self.disruptions.push((at, at + rng.below(50 * MS), Disruption::Gatekeeper));
    }

    /// The control plane dies again about when the first one after it has found out how the rack stands: with a slow disk its term may not be written.
    fn die_twice(&mut self, rng: &mut Rng) {
        self.disk = 300 * MS;
        let first = rng.between(100 * MS, 2500 * MS);
        let second = first + rng.between(20 * MS, 250 * MS);
        for at in [first, second] {
            self.disruptions.push((at, at + rng.below(2 * MS), Disruption::Gatekeeper));
        }
    }

    /// A node is back before a memory server that stands still has heard of its end.
    fn come_back_early(&mut self, rng: &mut Rng) {
        let (node, server) = (rng.index(self.nodes), self.nodes + rng.index(self.servers));
        let at = rng.between(200 * MS, 2500 * MS);
        self.disruptions.push((at, at + rng.between(100 * MS, 800 * MS), Disruption::Pause(server)));
        let crash = at + rng.below(100 * MS);
        self.disruptions.push((crash, crash + rng.below(MS), Disruption::Crash(node)));
    }

    pub(super) fn describe(&self) -> String {
        let Self { nodes, servers, serving, network, tasks, disruptions, impatience, malice, hostile, .. } = self;
        let what: Vec<String> = disruptions
            .iter()
            .map(|(at, until, what)| {
                format!("{what:?} {:?}–{:?}", Duration::from_nanos(*at), Duration::from_nanos(*until))
            })
            .collect();
        format!(
            "{nodes} nodes, {servers} memory servers, services at {serving:?}, {tasks} tasks each, {impatience} ‰ given up, \
             {malice} ‰ without right{}{}; loss {} ‰, copies {} ‰, reordered {} ‰; [{}]",
            if self.key.is_some() { ", keyed" } else { "" },
            hostile.map_or(String::new(), |node| format!(", n{node} hostile")),
            network.loss,
            network.duplication,
            network.reordering,
            what.join(", "),
        )
    }

    fn endpoint(&self, incarnation: u32) -> endpoint::Config {
        endpoint::Config {
            native: true,
            reports: true,
            incarnation,
            rto_initial: Duration::from_millis(20),
            rto_max: Duration::from_millis(200),
            peer_timeout: Duration::from_secs(3),
            lease: Duration::from_secs(4),
            ..endpoint::Config::default()
        }
    }

    /// The same, sealed if the rack has a key: with one key for all, since here an endpoint is caller and callee at once.
    pub(super) fn sealed_endpoint(&self, name: &str, address: Ipv6Addr, incarnation: u32) -> endpoint::Config {
        let in_sessions = |key| NodeKey::new(key, name).in_sessions(address, incarnation);
        endpoint::Config {
            key: self.key.as_ref().map(Key::of_calls),
            control_key: self.key.as_ref().map(in_sessions),
            ..self.endpoint(incarnation)
        }
    }

    pub(super) fn machines(&self) -> usize {
        self.nodes + self.servers
    }
}

/// At least one of the nodes.
fn some_of(rng: &mut Rng, nodes: usize) -> Vec<usize> {
    let first = rng.index(nodes);
    (0..nodes).filter(|node| *node == first || rng.chance(500)).collect()
}

fn network(rng: &mut Rng) -> Network {
    let mut up_to = |often, max| if rng.chance(often) { rng.between(1, max) } else { 0 };
    // A way has two links, so that of three datagrams in ten one is lost.
    let (loss, duplication, reordering) = (up_to(600, 160), up_to(500, 300), up_to(500, 300));
    Network {
        loss,
        duplication,
        reordering,
        detour: rng.pick(&[100 * US, 10 * MS, 200 * MS]),
        delay: rng.pick(&[5 * US, 50 * US, 500 * US]),
        jitter: rng.pick(&[0, 10 * US, MS]),
        socket_bytes: 1 << 20,
        process: rng.pick(&[US, 20 * US]),
        ..Network::default()
    }
}
