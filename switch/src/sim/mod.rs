//! A deterministic simulation of the whole rack: compute nodes, memory servers, the switch, the control plane, in one thread, in virtual
//! time, from one seed.
//!
//! Everything that decides is the real thing: endpoints, memberships, the memory servers' code, the P4 program in the embedded switch, and
//! [`Gatekeeper`](crate::gatekeeper::Gatekeeper) itself. What is simulated is what carries them: links, clocks, the log's disk, the way to the
//! memory servers. Frames are lost, doubled and late; machines crash and stand still; the control plane dies and another one starts from what
//! was on the disk; the switch forgets its tables.
//!
//! What must hold is judged from outside, by a plain model of who may do what that is told what programs do and see, and never asks the
//! control plane. The judges are judged themselves: with one of its safety checks left out, some seed must fail.

mod control;
mod disruption;
mod end;
mod fabric;
mod handlers;
mod histories;
mod hostile;
mod lane;
mod machine;
mod node;
mod plan;
mod rights;
mod store;
mod tasks;
mod world;

use crate::gatekeeper::Check;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// What must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// Nobody does to an object what it has no right to; an ended incarnation does nothing.
    Rights,
    /// Whoever has a right can use it.
    InForce,
    /// A right begins at the memory server and then in the switch, and ends at the server and then in the switch.
    Order,
    /// A call runs once if it was answered, and otherwise at most once, and not at all where its caller was told so.
    ExactlyOnce,
    /// What is read is what was written.
    Content,
    /// Some order of all that was done to an object explains what nodes saw of it.
    Linearizable,
    /// In the end the tables say what follows from who is there, and nothing of what has ended is left.
    Left,
    /// Everything that is asked ends.
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
    /// A safety check that the control plane leaves out.
    pub without: Option<Check>,
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
    /// Calls that were made.
    pub calls: u64,
    /// Of them, those that were answered.
    pub answered: u64,
    /// Frames that machines sent.
    pub packets: u64,
    /// Virtual time that passed.
    pub passed: Duration,
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
        writeln!(f, "{} calls, {} answered, {} frames, {:?}", self.calls, self.answered, self.packets, self.passed)?;
        self.broken.iter().try_for_each(|broken| writeln!(f, "{:?}: {}", broken.rule, broken.text))
    }
}

/// Runs one seed.
#[must_use]
pub fn run(seed: u64, options: &Options) -> Report {
    let mut world = world::World::new(seed, options);
    if catch_unwind(AssertUnwindSafe(|| world.run())).is_err() {
        world.broke(Rule::Panic, "see the message above");
    }
    let failed = !world.broken.is_empty();
    Report {
        seed,
        plan: world.plan.describe(),
        calls: world.calls,
        answered: world.answered,
        packets: world.packets,
        passed: Duration::from_nanos(world.now),
        broken: std::mem::take(&mut world.broken),
        trace: if failed || options.traces { world.trace.drain(..).collect() } else { Vec::new() },
    }
}
