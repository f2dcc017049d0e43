//! Which simulation is run, and what it says of a seed.

use super::Args;
use crate::fault::usage;
use crate::idl::list;
use anyhow::Result;
use bifrost_dsm::sim::rack as memory;
use bifrost_rpc::sim;
use bifrost_switch::gatekeeper::Check;
use bifrost_switch::sim as rack;

/// Lines of a trace that is printed.
const TRACE_LINES: usize = 1_000_000;

/// A simulation with its options.
#[derive(Debug)]
pub(super) enum World {
    Transport(sim::Options),
    Memory(memory::Options),
    Rack(rack::Options),
}

/// A run, in words.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) seed: u64,
    pub(super) plan: String,
    /// What happened, in one line.
    pub(super) passed: String,
    pub(super) calls: u64,
    pub(super) packets: u64,
    /// What did not hold, line by line; empty if everything did.
    pub(super) violations: String,
    pub(super) trace: Vec<String>,
}

impl Report {
    pub(super) fn is_ok(&self) -> bool {
        self.violations.is_empty()
    }
}

impl World {
    pub(super) fn new(args: &Args) -> Result<Self> {
        let name = args.without.as_deref();
        if args.memory {
            let without = known(name, memory::Missing::by_name, args)?;
            return Ok(Self::Memory(memory::Options { without, traces: args.trace }));
        }
        if args.rack {
            let without = known(name, Check::by_name, args)?;
            return Ok(Self::Rack(rack::Options { without, traces: args.trace }));
        }
        let mut options = sim::Options { without: known(name, sim::check_by_name, args)?, ..sim::Options::default() };
        if args.trace {
            options.trace_lines = TRACE_LINES;
            options.traces_all = true;
        }
        Ok(Self::Transport(options))
    }

    /// What can be left out.
    pub(super) fn check_names(args: &Args) -> Vec<String> {
        if args.memory {
            return memory::Missing::ALL.iter().map(|missing| missing.name()).collect();
        }
        if args.rack {
            return Check::ALL.iter().map(|check| check.name()).collect();
        }
        sim::check_names().map(|(name, _)| name).collect()
    }

    pub(super) fn run(&self, seed: u64) -> Report {
        match self {
            Self::Transport(options) => of_transport(sim::run(seed, options)),
            Self::Memory(options) => of_memory(memory::run(seed, options)),
            Self::Rack(options) => of_rack(rack::run(seed, options)),
        }
    }
}

fn known<T>(name: Option<&str>, find: impl Fn(&str) -> Option<T>, args: &Args) -> Result<Option<T>> {
    let Some(name) = name else { return Ok(None) };
    let names = || list(World::check_names(args).into_iter());
    let found = find(name).ok_or_else(|| usage(format!("no check {name:?}; there are {}", names())))?;
    Ok(Some(found))
}

fn of_transport(report: sim::Report) -> Report {
    let (calls, packets, passed) = (report.calls, report.packets, report.passed);
    let line = |found: &sim::Violation| format!("  {:?} at {:.6?}: {}\n", found.rule, found.at, found.detail);
    Report {
        seed: report.seed,
        passed: format!(
            "{calls} calls, {packets} packets, {passed:.3?} of virtual time, digest {:016x}",
            report.digest
        ),
        calls: calls as u64,
        packets,
        violations: report.violations.iter().map(line).collect(),
        plan: report.plan,
        trace: report.trace,
    }
}

fn of_memory(report: memory::Report) -> Report {
    let (operations, done, packets) = (report.operations, report.done, report.packets);
    Report {
        seed: report.seed,
        passed: format!("{operations} operations, {done} of them done, {packets} packets"),
        calls: operations as u64,
        packets,
        violations: report.broken.iter().map(|broken| format!("  {:?}: {}\n", broken.rule, broken.text)).collect(),
        plan: report.plan,
        trace: report.trace,
    }
}

fn of_rack(report: rack::Report) -> Report {
    let (calls, answered, packets, passed) = (report.calls, report.answered, report.packets, report.passed);
    Report {
        seed: report.seed,
        passed: format!("{calls} calls, {answered} of them answered, {packets} frames, {passed:.3?} of virtual time"),
        calls,
        packets,
        violations: report.broken.iter().map(|broken| format!("  {:?}: {}\n", broken.rule, broken.text)).collect(),
        plan: report.plan,
        trace: report.trace,
    }
}
