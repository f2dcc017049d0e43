//! What a seed decides before anything happens: nodes, limits, the network's character, every disruption and call.

use super::faults::{Fault, Faults};
use super::network::Network;
use super::rng::Rng;
use std::time::Duration;

pub(super) const US: u64 = 1_000;
pub(super) const MS: u64 = 1_000_000;
pub(super) const S: u64 = 1_000_000_000;

/// Rogue and forger act this many times at most.
const HOSTILE_ACTS: u64 = 24;

/// A method that clients call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// Not idempotent.
    Add,
    /// Idempotent.
    AddIdempotent,
    /// Oneway.
    Note,
    /// One that the server does not have.
    Missing,
    /// A memory operation: writes an object, whole.
    Write,
    /// A memory operation: reads an object, whole.
    Read,
    /// A memory operation that the server refuses: a write.
    Denied,
}

impl Method {
    pub(super) fn is_memory(self) -> bool {
        matches!(self, Self::Write | Self::Read | Self::Denied)
    }
}

/// A call that a client will make.
#[derive(Debug, Clone, Copy)]
pub(super) struct CallPlan {
    pub(super) at: u64,
    pub(super) client: usize,
    pub(super) server: usize,
    pub(super) service: usize,
    pub(super) method: Method,
    /// The object of a memory operation.
    pub(super) object: u64,
    pub(super) bytes: usize,
    pub(super) answer_bytes: usize,
    pub(super) deadline: Option<Duration>,
    pub(super) cancel_after: Option<u64>,
}

/// What happens to a node, or between two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Disruption {
    /// The node vanishes, and comes back without memory at the end.
    Crash(usize),
    /// The node stands still until the end.
    Pause(usize),
    /// Packets from the first node to the second are lost until the end; and in the other direction too, if so.
    Cut(usize, usize, bool),
    /// The server drains, and has a successor some time after it has finished.
    Drain(usize),
    /// The client closes its sessions.
    Close(usize),
}

impl Disruption {
    pub(super) fn concerns(self, a: usize, b: usize) -> bool {
        match self {
            Self::Crash(node) | Self::Pause(node) | Self::Drain(node) | Self::Close(node) => node == a || node == b,
            Self::Cut(x, y, _) => (x == a && y == b) || (x == b && y == a),
        }
    }
}

/// Limits of the servers.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    pub(super) sessions: usize,
    pub(super) calls: u32,
    pub(super) message_bytes: u32,
    pub(super) session_bytes: usize,
    pub(super) total_bytes: usize,
}

/// Everything a seed decides in advance.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) faults: Faults,
    pub(super) clients: usize,
    pub(super) servers: usize,
    pub(super) keyed: bool,
    /// Links route by pointers.
    pub(super) native: bool,
    /// A control plane keeps leases.
    pub(super) has_gate: bool,
    /// Every other life of a server understands no references.
    pub(super) by_value: bool,
    pub(super) lease: Duration,
    pub(super) peer_timeout: Duration,
    pub(super) rto_max: Duration,
    pub(super) datagram_bytes: u16,
    pub(super) network: Network,
    pub(super) limits: Limits,
    /// Per mille of the calls that a server gives back as busy.
    pub(super) busy: u64,
    /// Slowest handler.
    pub(super) handler: u64,
    pub(super) calls: Vec<CallPlan>,
    /// When each begins and ends.
    pub(super) disruptions: Vec<(u64, u64, Disruption)>,
    pub(super) replays: Vec<u64>,
    pub(super) forgeries: Vec<u64>,
    pub(super) rogue: Vec<u64>,
    /// From here on nothing goes wrong and no call is made.
    pub(super) calm: u64,
}

impl Plan {
    pub(super) fn draw(rng: &mut Rng, allowed: Faults) -> Self {
        let mut faults = Faults::NONE;
        // One seed in twelve has no trouble at all; the others have some of each kind, or much.
        let often = rng.pick(&[150, 300, 300, 500]);
        if !rng.chance(80) {
            // Drawn at the end: what else a seed has does not depend on it.
            for fault in Fault::ALL.into_iter().filter(|fault| *fault != Fault::Gate) {
                if rng.chance(often) && allowed.has(fault) {
                    faults = faults.with(fault);
                }
            }
        }
        let (clients, servers) = (rng.index(3) + 1, rng.index(2) + 1);
        let network = network(rng, faults);
        let mut plan = Self {
            faults,
            clients,
            servers,
            keyed: rng.chance(350),
            native: rng.chance(300),
            has_gate: false,
            by_value: rng.chance(150),
            lease: Duration::from_secs(rng.between(20, 40)),
            peer_timeout: Duration::from_secs(rng.between(8, 12)),
            rto_max: Duration::from_millis(rng.between(100, 200)),
            datagram_bytes: rng.pick(&[1232, 1452, 4000, 8952]),
            limits: limits(rng, faults),
            busy: if faults.has(Fault::Busy) { rng.between(50, 500) } else { 0 },
            handler: rng.pick(&[0, 200 * US, 30 * MS, 2 * S]),
            network,
            calls: Vec::new(),
            disruptions: Vec::new(),
            replays: Vec::new(),
            forgeries: Vec::new(),
            rogue: Vec::new(),
            calm: 0,
        };
        (0..clients).for_each(|client| plan.draw_calls(rng, client));
        let end = plan.calls.iter().map(|call| call.at).max().unwrap_or(0) + S;
        plan.draw_disruptions(rng, end);
        let mut times = |fault| -> Vec<u64> {
            let acts = if faults.has(fault) { rng.between(1, HOSTILE_ACTS) } else { 0 };
            (0..acts).map(|_| rng.below(end)).collect()
        };
        plan.replays = times(Fault::Replay);
        plan.forgeries = times(Fault::Forgery);
        plan.rogue = times(Fault::Rogue);
        if allowed.has(Fault::Gate) && !plan.keyed && rng.clone().chance(350) {
            plan.faults = plan.faults.with(Fault::Gate);
            plan.has_gate = true;
        }
        plan.calm = plan.disruptions.iter().map(|(_, until, _)| *until).fold(end, u64::max);
        plan
    }

    /// The plan in one line, for people.
    pub(super) fn describe(&self) -> String {
        let faults: Vec<String> =
            Fault::ALL.iter().filter(|fault| self.faults.has(**fault)).map(|fault| format!("{fault:?}")).collect();
        format!(
            "{} clients, {} servers, {} calls, {}; lease {:?}, {:?}, {:?}; {}",
            self.clients,
            self.servers,
            self.calls.len(),
            if self.keyed { "keyed" } else { "no key" },
            self.lease,
            self.network,
            self.limits,
            if faults.is_empty() { "no faults".to_owned() } else { faults.join(", ") },
        )
    }

    /// Bursts of calls of one client, with gaps of any length between them.
    fn draw_calls(&mut self, rng: &mut Rng, client: usize) {
        let lease = nanos(self.lease);
        let mut at = rng.below(10 * MS);
        for _ in 0..rng.between(2, 7) {
            for _ in 0..rng.pick(&[1, 1, 2, 4, 8]) {
                let call = self.draw_call(rng, client, at);
                self.calls.push(call);
                at += rng.pick(&[0, 0, 50 * US, 2 * MS]);
            }
            at += match rng.below(8) {
                0 | 1 => rng.below(5 * MS),
                2 | 3 => rng.below(S),
                4 => rng.below(lease / 2),
                5 => rng.between(lease / 2, lease),
                // The end of the lease as the other side may see it.
                6 => lease - rng.below(60 * MS),
                _ => rng.between(lease, lease + 5 * S),
            };
        }
    }

    fn draw_call(&self, rng: &mut Rng, client: usize, at: u64) -> CallPlan {
        let impatient = self.faults.has(Fault::Impatience);
        let size = |rng: &mut Rng| match rng.below(12) {
            0..=7 => rng.between(32, 200),
            8 | 9 => rng.between(200, 5_000),
            10 => rng.between(5_000, 40_000),
            _ => rng.between(1_000, 200_000),
        };
        CallPlan {
            at,
            client,
            server: self.clients + rng.index(self.servers),
            service: rng.index(2),
            object: 1 + rng.below(2),
            method: match rng.below(60) {
                40..=50 => Method::Write,
                51..=57 => Method::Read,
                58..=59 => Method::Denied,
                0 => Method::Missing,
                1..=8 => Method::Note,
                9..=18 => Method::AddIdempotent,
                _ => Method::Add,
            },
            bytes: usize::try_from(size(rng)).unwrap_or(32),
            answer_bytes: usize::try_from(size(rng)).unwrap_or(32),
            deadline: (impatient && rng.chance(200)).then(|| {
                let longest = rng.pick(&[MS, 50 * MS, 3 * S]);
                Duration::from_nanos(rng.between(1, longest))
            }),
            cancel_after: (impatient && rng.chance(250)).then(|| {
                let longest = rng.pick(&[MS, 20 * MS, S]);
                rng.below(longest)
            }),
        }
    }

    fn draw_disruptions(&mut self, rng: &mut Rng, end: u64) {
        let nodes = self.clients + self.servers;
        let lease = nanos(self.lease);
        for fault in [Fault::Partition, Fault::Crash, Fault::Pause, Fault::Drain, Fault::Close] {
            if !self.faults.has(fault) {
                continue;
            }
            for _ in 0..rng.between(1, 3) {
                let server = self.clients + rng.index(self.servers);
                let (client, any) = (rng.index(self.clients), rng.index(nodes));
                let what = match fault {
                    Fault::Partition => Disruption::Cut(any, (any + 1 + rng.index(nodes - 1)) % nodes, rng.chance(600)),
                    Fault::Crash => Disruption::Crash(if rng.chance(700) { server } else { client }),
                    Fault::Pause => Disruption::Pause(any),
                    Fault::Drain => Disruption::Drain(server),
                    _ => Disruption::Close(client),
                };
                let at = self.moment(rng, end);
                let lasts = match rng.below(4) {
                    0 => rng.below(5 * MS),
                    1 => rng.below(S),
                    2 => rng.below(15 * S),
                    _ => rng.below(lease * 5 / 4),
                };
                self.disruptions.push((at, at + lasts, what));
            }
        }
    }

    /// A time in the run: any, or shortly after a call was made.
    fn moment(&self, rng: &mut Rng, end: u64) -> u64 {
        let call = self.calls[rng.index(self.calls.len())].at;
        match rng.below(4) {
            0 => rng.below(end),
            1 => call + rng.below(200 * US),
            2 => call + rng.below(20 * MS),
            _ => call + rng.below(S),
        }
    }
}

fn network(rng: &mut Rng, faults: Faults) -> Network {
    let mut up_to = |fault, max| if faults.has(fault) { rng.between(1, max) } else { 0 };
    let (loss, duplication) = (up_to(Fault::Loss, 300), up_to(Fault::Duplication, 500));
    let (reordering, corruption) = (up_to(Fault::Reordering, 300), up_to(Fault::Corruption, 100));
    let small = faults.has(Fault::SmallBuffers);
    Network {
        loss,
        duplication,
        reordering,
        detour: rng.pick(&[100 * US, 10 * MS, 300 * MS]),
        corruption,
        delay: rng.pick(&[5 * US, 50 * US, MS, 20 * MS]),
        jitter: rng.pick(&[0, 10 * US, MS]),
        mtu: if faults.has(Fault::PathMtu) {
            usize::try_from(rng.between(1232, 6000)).unwrap_or(1232)
        } else {
            usize::MAX
        },
        socket_bytes: if small { rng.pick(&[10_000, 20_000, 60_000]) } else { 4 << 20 },
        process: if small { rng.pick(&[20 * US, 200 * US]) } else { rng.pick(&[US, 20 * US]) },
    }
}

fn limits(rng: &mut Rng, faults: Faults) -> Limits {
    let mut limits =
        Limits { sessions: 4096, calls: 1024, message_bytes: 8 << 20, session_bytes: 16 << 20, total_bytes: 64 << 20 };
    if faults.has(Fault::Limits) {
        if rng.chance(300) {
            limits.sessions = rng.index(4) + 1;
        }
        if rng.chance(500) {
            limits.calls = u32::try_from(rng.between(1, 4)).unwrap_or(1);
        }
        if rng.chance(300) {
            limits.message_bytes = rng.pick(&[4_000, 50_000]);
        }
        if rng.chance(600) {
            limits.session_bytes = rng.pick(&[30_000, 200_000]);
            limits.total_bytes = limits.session_bytes * rng.pick(&[1, 2]);
        }
    }
    limits
}

pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
