//! What a seed decides before anything happens.

use crate::checks::Checks;
use crate::config::Config;
use crate::identity::{Client, Holder, Node};
use bifrost_rpc::sim::Rng;
use std::net::Ipv6Addr;

/// The character of a run.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) open: bool,
    pub(super) nodes: u16,
    /// Operations that each client issues.
    pub(super) operations: u64,
    /// Per mille of packets that are lost, and of those that come twice.
    pub(super) loss: u64,
    pub(super) double: u64,
    /// Longest way of a packet.
    pub(super) delay: u64,
    /// Longest pause between two fragments of an answer.
    pub(super) slow: u64,
    /// Largest object.
    pub(super) bytes: u64,
    /// Memory is short.
    pub(super) tight: bool,
    /// Little may be pinned.
    pub(super) few_pins: bool,
    pub(super) capacity: u64,
    pub(super) pinned_max: u64,
    pub(super) restarts: bool,
    chunk: usize,
    adopt: usize,
    checks: Checks,
}

impl Plan {
    pub(super) fn draw(rng: &mut Rng, checks: Checks) -> Self {
        let (tight, few_pins) = (rng.chance(200), rng.chance(300));
        Self {
            open: rng.chance(450),
            nodes: u16::try_from(rng.between(2, 3)).unwrap_or(2),
            operations: rng.between(10, 40),
            loss: rng.pick(&[0, 50, 200]),
            double: rng.pick(&[0, 100, 400]),
            delay: rng.pick(&[3, 20, 60]),
            slow: rng.pick(&[1, 10, 40]),
            bytes: if tight { 4000 } else { rng.pick(&[4, 16, 40]) },
            tight,
            few_pins,
            capacity: if tight { rng.between(10_000, 20_000) } else { 1 << 30 },
            pinned_max: if few_pins { rng.between(0, 24) } else { 1 << 30 },
            restarts: rng.chance(250),
            chunk: rng.pick(&[3, 8, 64]),
            adopt: rng.pick(&[0, 1 << 20]),
            checks,
        }
    }

    pub(super) fn config(&self, boot: u32) -> Config {
        Config {
            boot,
            open: self.open,
            capacity_bytes: self.capacity,
            pinned_bytes_max: self.pinned_max,
            chunk_bytes: self.chunk,
            adopt_bytes_min: self.adopt,
            checks: self.checks,
            ..Config::default()
        }
    }
}

pub(super) fn holder(node: u16, incarnation: u32) -> Holder {
    Holder { node: Node(Ipv6Addr::new(0xfd01, 0, 0, 0, 0, 0, 0, node)), incarnation }
}

/// A simulated process, as its side of things is.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) client: Client,
    pub(super) node: u16,
    /// It issues operations.
    pub(super) alive: bool,
    /// Operations it has still to issue.
    pub(super) left: u64,
    pub(super) next_id: u64,
    /// Operations whose answers it waits for.
    pub(super) outstanding: std::collections::BTreeSet<u64>,
    /// Its last write to each object.
    pub(super) writes: std::collections::BTreeMap<bifrost_rpc::memory::ObjectId, u64>,
}

impl Process {
    pub(super) fn lowest(&self) -> u64 {
        self.outstanding.first().copied().unwrap_or(self.next_id)
    }
}
