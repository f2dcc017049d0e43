//! A deterministic simulation of clients, servers and a bad network, with a checker of what must hold.
//!
//! Everything follows from a seed: the nodes and their limits, every call, every lost or late datagram, every crash.
//! Time is virtual; endpoints are the real ones. [`run`] runs one seed and reports what did not hold, with the last
//! events before it; [`many`] runs a range. A seed that fails is replayed by its number.
//!
//! The checker is checked itself: with one of the endpoint's safety checks ([`Check`]) left
//! out, some seed must fail.

mod application;
mod checker;
mod disruption;
mod excuse;
mod faults;
mod gate;
mod hostile;
mod many;
mod memory;
mod network;
mod node;
mod payload;
mod plan;
pub mod proxy;
mod rng;
mod trace;
mod world;

pub use checker::{Rule, Violation};
pub use faults::{Fault, Faults};
pub use many::{Summary, check_by_name, check_names, each, kebab, many};
pub use network::Network;
pub use rng::Rng;

use crate::endpoint::{Check, Checks};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// How to run seeds.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Faults that a seed may draw.
    pub faults: Faults,
    /// A safety check that endpoints leave out.
    pub without: Option<Check>,
    /// Lines of the trace that are kept, and given where something did not hold.
    pub trace_lines: usize,
    /// The trace is given even where everything held.
    pub traces_all: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { faults: Faults::ALL, without: None, trace_lines: 200, traces_all: false }
    }
}

impl Options {
    fn checks(&self) -> Checks {
        self.without.map_or_else(Checks::default, Checks::without)
    }
}

/// What a run did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// What the seed decided in advance, for people.
    pub plan: String,
    /// Calls made.
    pub calls: usize,
    /// Datagrams that nodes sent.
    pub packets: u64,
    /// Virtual time that passed.
    pub passed: Duration,
    /// What did not hold; the run ends with the first.
    pub violations: Vec<Violation>,
    /// The last events of the run, oldest first.
    pub trace: Vec<String>,
    /// A hash of everything that happened: equal for equal runs.
    pub digest: u64,
}

impl Report {
    /// Whether everything held.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.violations.is_empty()
    }
}

/// For people: the trace, then what the seed was and what did not hold.
impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.trace.iter().try_for_each(|line| writeln!(f, "{line}"))?;
        writeln!(f, "\nseed {}: {}", self.seed, self.plan)?;
        writeln!(f, "{} calls, {} datagrams, {:?} of virtual time", self.calls, self.packets, self.passed)?;
        self.violations.iter().try_for_each(|violation| writeln!(f, "{violation}"))?;
        if self.is_ok() { writeln!(f, "everything held") } else { Ok(()) }
    }
}

/// Runs one seed.
#[must_use]
pub fn run(seed: u64, options: &Options) -> Report {
    let mut world = world::World::new(seed, options);
    let panicked = catch_unwind(AssertUnwindSafe(|| world.run())).err();
    if let Some(panic) = panicked {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("?");
        world.checker.violate(world.now, Rule::Panic, text);
    }
    let failed = !world.checker.violations.is_empty();
    Report {
        seed,
        plan: world.plan.describe(),
        calls: world.checker.entries.len(),
        packets: world.packets,
        passed: Duration::from_nanos(world.now),
        violations: std::mem::take(&mut world.checker.violations),
        trace: if failed || options.traces_all { world.trace.render() } else { Vec::new() },
        digest: world.trace.digest,
    }
}
