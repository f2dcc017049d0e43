//! Runs a plan: for each case all variants in turn, round after round.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{Measured, Plan};
use crate::progress::Progress;
use crate::runner::Sample;
use crate::watchdog::{Aborter, Watchdog};
use crate::{clock, sockets};

/// A turn may take this much longer than its budget before it is ended.
const GRACE: Duration = Duration::from_secs(10);

/// One variant of a case.
pub(crate) trait Subject {
    /// A sample, in the unit of the case.
    ///
    /// # Errors
    /// What was to be done was not, or not in time.
    fn sample(&mut self) -> Result<f64>;

    /// What ends a sample that hangs; none if each has a time limit of its own.
    fn aborter(&self) -> Result<Option<Aborter>> {
        Ok(None)
    }
}

/// Starts a variant, on the processor of servers; `None` where what it needs is not there.
pub(crate) type Start<C> = fn(&Plan<C>, C, &'static str) -> Result<Option<Box<dyn Subject>>>;

/// What was measured of one variant, in the unit of the case.
#[derive(Debug, Clone)]
pub(super) struct Row<C> {
    pub(super) case: C,
    pub(super) variant: &'static str,
    pub(super) samples: Vec<Sample>,
}

/// A variant under way; none where it has failed.
struct Lane<C> {
    row: Row<C>,
    subject: Option<Box<dyn Subject>>,
}

/// Measures everything in `plan`, handing over the rows of each case as soon as they are complete. What fails is named on standard error, and
/// the rest goes on; returns how many have failed.
pub(super) fn run<C: Measured>(
    plan: &Plan<C>,
    start: Start<C>,
    each: &mut dyn FnMut(Vec<Row<C>>) -> Result<()>,
) -> Result<usize> {
    let before = sockets::allowed_cores()?;
    let result = run_pinned(plan, start, each);
    sockets::pin(&before)?;
    result
}

fn run_pinned<C: Measured>(
    plan: &Plan<C>,
    start: Start<C>,
    each: &mut dyn FnMut(Vec<Row<C>>) -> Result<()>,
) -> Result<usize> {
    let rounds = |case: C| case.rounds_max().unwrap_or(u32::MAX).min(plan.rounds);
    let mut progress = Progress::new(plan.cases.iter().map(|&case| u64::from(rounds(case))).sum());
    let watchdog = Watchdog::start();
    let mut failures = 0;
    for &case in &plan.cases {
        let mut lanes = Vec::new();
        for &variant in case.variants().iter().filter(|variant| plan.wants(variant)) {
            plan.placement.pin_server()?;
            match start(plan, case, variant) {
                Ok(None) => {}
                Ok(subject) => lanes.push(Lane { row: Row { case, variant, samples: Vec::new() }, subject }),
                Err(error) => failures += failed(case, variant, &error),
            }
        }
        plan.placement.pin_client()?;
        for round in 0..rounds(case) {
            progress.step(case.name());
            for Lane { row, subject } in &mut lanes {
                let Some(running) = subject else { continue };
                if let Err(error) = burst(plan, round, row, running.as_mut(), &watchdog) {
                    failures += failed(case, row.variant, &error);
                    *subject = None;
                }
            }
        }
        progress.clear();
        each(lanes.into_iter().map(|lane| lane.row).collect())?;
    }
    Ok(failures)
}

/// Names what has failed: one thing.
fn failed<C: Measured>(case: C, variant: &str, error: &anyhow::Error) -> usize {
    // Nobody may be there to read it.
    let _ = writeln!(std::io::stderr(), "{variant} {}: {error:#}", case.name());
    1
}

/// One turn.
fn burst<C: Measured>(
    plan: &Plan<C>,
    round: u32,
    row: &mut Row<C>,
    subject: &mut dyn Subject,
    watchdog: &Watchdog,
) -> Result<()> {
    let aborter = subject.aborter()?;
    let (result, overdue) = watchdog.guard(plan.budget + GRACE, aborter, || take_samples(plan, round, row, subject));
    ensure!(!overdue, "nothing came for {} s in round {}", GRACE.as_secs(), round + 1);
    result.with_context(|| format!("in round {}", round + 1))
}

/// After an untimed sample that brings the processor's caches back to this variant.
fn take_samples<C: Measured>(plan: &Plan<C>, round: u32, row: &mut Row<C>, subject: &mut dyn Subject) -> Result<()> {
    let is_slow = row.case.rounds_max().is_some();
    if !is_slow {
        subject.sample()?;
    }
    let end = clock::now() + plan.budget;
    for _ in 0..if is_slow { 1 } else { plan.iterations } {
        row.samples.push(Sample { round, value: subject.sample()? });
        if clock::now() >= end {
            break;
        }
    }
    Ok(())
}
