//! A deterministic simulation of memory from end to end: clients and memory servers over the transport itself.
//!
//! Every process has a real endpoint, every server the memory of a real [daemon](crate::daemon); the network, the clock and the control
//! plane are simulated. Datagrams are lost, doubled and late; processes crash, also in the middle of a write, and stand still
//! for longer than their sessions last; servers restart; machines are declared dead while they go on. What the clients saw is
//! judged, object by object, by the linearizability checker.
//!
//! The checker is judged itself: with a safety mechanism left out, it must find some seed.

mod client;
mod disruption;
mod missing;
mod plan;
mod record;
mod server;
mod traffic;
mod world;

use super::Broken;
pub use missing::Missing;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How to run seeds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// A safety mechanism that is left out.
    pub without: Option<Missing>,
    /// The trace is kept whole and given even where everything held.
    pub traces: bool,
}

/// What a run did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// What the seed decided in advance, for people.
    pub plan: String,
    /// Operations that clients issued.
    pub operations: usize,
    /// Of them, those that were done and answered.
    pub done: usize,
    /// Datagrams that processes sent.
    pub packets: u64,
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
        writeln!(f, "seed {}: {}", self.seed, self.plan)?;
        writeln!(f, "{} operations, {} done, {} packets", self.operations, self.done, self.packets)?;
        self.broken.iter().try_for_each(|broken| writeln!(f, "{:?}: {}", broken.rule, broken.text))
    }
}

/// Runs one seed.
#[must_use]
pub fn run(seed: u64, options: &Options) -> Report {
    let mut world = world::World::new(seed, options);
    if catch_unwind(AssertUnwindSafe(|| world.run())).is_err() {
        world.broke(super::Rule::Panic, "see the message above");
    }
    let failed = !world.broken.is_empty();
    Report {
        seed,
        plan: world.plan.describe(),
        operations: world.record.issued(),
        done: world.record.done,
        packets: world.packets,
        broken: world.broken,
        trace: if failed || options.traces { world.trace.into_iter().collect() } else { Vec::new() },
    }
}
