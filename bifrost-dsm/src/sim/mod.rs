//! A deterministic simulation of one memory server, its clients and a stand-in for the control plane.
//!
//! Everything follows from a seed. Packets are lost, doubled and late, writes come in fragments, reads go out slowly,
//! clients give up and die, nodes are declared dead and go on sending, control messages come twice, late and from a control
//! plane that has been replaced, the server restarts. What each client saw is judged by the linearizability checker; what
//! the server did, by a plain model of the access rules (`judge`); and at the end no memory may be in use.
//!
//! The judges are judged themselves: with one of the server's safety checks left out, some seed must fail.

mod control;
mod draw;
mod judge;
mod packets;
mod plan;
pub mod rack;
mod record;
pub mod walk;
mod world;

use crate::checks::{Check, Checks};
#[cfg(test)]
pub(crate) use bifrost_rpc::sim::Rng;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// Some order explains what the clients of each object saw.
    Linearizable,
    /// The server allows and refuses what the rules say, and answers what the plain model holds.
    Judge,
    /// Memory is bounded, and given back.
    Memory,
    /// Everything that is asked ends, once.
    Ends,
    /// Nothing panics.
    Panic,
}

/// Something that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// What.
    pub rule: Rule,
    /// When, and how it showed.
    pub text: String,
}

/// How to run seeds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// A safety check that the server leaves out.
    pub without: Option<Check>,
}

/// What a run did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// Operations that clients issued.
    pub operations: usize,
    /// What did not hold.
    pub broken: Vec<Broken>,
    /// The last events, oldest first.
    pub trace: Vec<String>,
}

impl Report {
    /// Whether everything held.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.broken.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.trace.iter().try_for_each(|line| writeln!(f, "{line}"))?;
        writeln!(f, "seed {}, {} operations", self.seed, self.operations)?;
        self.broken.iter().try_for_each(|broken| writeln!(f, "{:?}: {}", broken.rule, broken.text))
    }
}

/// Runs one seed.
#[must_use]
pub fn run(seed: u64, options: &Options) -> Report {
    let checks = options.without.map_or_else(Checks::default, Checks::without);
    let mut world = world::World::new(seed, checks);
    if catch_unwind(AssertUnwindSafe(|| world.run())).is_err() {
        world.broken.push(Broken { rule: Rule::Panic, text: "see the message above".into() });
    }
    let trace = if world.broken.is_empty() { Vec::new() } else { world.trace.into_iter().collect() };
    Report { seed, operations: world.issued, broken: world.broken, trace }
}
