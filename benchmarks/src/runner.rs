//! Runs a plan: for each workload all variants in turn, round after round.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::clock;
use crate::plan::{Plan, size_text};
use crate::progress::Progress;
use crate::server::{ServerProcess, Setup};
use crate::sockets;
use crate::variants::{RateSession, Session, Variant};
use crate::watchdog::{Aborter, Watchdog};
use crate::workload::{Argument, Bench, Workload};

/// A burst may take this much longer than its budget before it is ended.
const GRACE: Duration = Duration::from_secs(10);
/// Untimed calls at the start of a burst, as far as time allows; the first one's result is checked.
const WARM_CALLS_MAX: u32 = 16;

/// One measured value: nanoseconds of a call, or calls per second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sample {
    pub(crate) round: u32,
    pub(crate) value: f64,
}

/// What was measured of one variant.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) workload: Workload,
    pub(crate) variant: &'static str,
    pub(crate) samples: Vec<Sample>,
    /// Why there are no more samples.
    pub(crate) failure: Option<String>,
}

/// Measures everything in `plan`, handing over the rows of each workload as soon as they are complete.
///
/// # Errors
/// When nothing can be measured at all. What goes wrong with one variant stands in its row.
pub(crate) fn run(plan: &Plan, each: &mut dyn FnMut(Vec<Row>) -> Result<()>) -> Result<()> {
    let before = sockets::allowed_cores()?;
    if let Some((client, _)) = plan.placement.cores {
        sockets::pin(&[client])?;
    }
    let result = run_pinned(plan, each);
    sockets::pin(&before)?;
    result
}

fn run_pinned(plan: &Plan, each: &mut dyn FnMut(Vec<Row>) -> Result<()>) -> Result<()> {
    let watchdog = Watchdog::start();
    let workloads = plan.workloads();
    let mut progress = Progress::new(workloads.len() as u64 * u64::from(plan.rounds));
    for workload in workloads {
        let mut lanes: Vec<Lane> = plan.variants.iter().map(|variant| Lane::start(plan, workload, *variant)).collect();
        for round in 0..plan.rounds {
            progress.step(&format!("{} {}", workload.bench.name(), size_text(workload.size)));
            for lane in &mut lanes {
                lane.burst(plan, round, &watchdog);
            }
        }
        progress.clear();
        each(lanes.into_iter().map(|lane| lane.row).collect())?;
    }
    Ok(())
}

/// One variant of the workload under way.
#[derive(Debug)]
struct Lane {
    row: Row,
    argument: Argument,
    /// The client before the server, so that it goes first.
    ends: Option<(Client, ServerProcess)>,
}

#[derive(Debug)]
enum Client {
    Calls(Box<dyn Session>),
    Rate(Box<dyn RateSession>),
}

impl Client {
    fn aborter(&self) -> Result<Option<Aborter>> {
        match self {
            Self::Calls(session) => session.aborter(),
            Self::Rate(session) => session.aborter(),
        }
    }
}

impl Lane {
    fn start(plan: &Plan, workload: Workload, variant: &'static dyn Variant) -> Self {
        let mut row = Row { workload, variant: variant.name(), samples: Vec::new(), failure: None };
        let ends = meet(plan, workload, variant).map_err(|error| row.failure = Some(format!("{error:#}"))).ok();
        Self { row, argument: workload.argument(), ends }
    }

    /// One turn. A failure ends the lane: its server is stopped and its row says why.
    fn burst(&mut self, plan: &Plan, round: u32, watchdog: &Watchdog) {
        let Some((client, _)) = &mut self.ends else {
            return;
        };
        let (workload, argument) = (self.row.workload, &self.argument);
        let result = client.aborter().and_then(|aborter| {
            let work = || match client {
                Client::Calls(session) => time_calls(plan, workload, argument, session.as_mut()),
                Client::Rate(session) => time_rate(plan, session.as_mut()),
            };
            let (result, overdue) = watchdog.guard(plan.budget + GRACE, aborter, work);
            if overdue { result.context(format!("nothing came for {} s", GRACE.as_secs())) } else { result }
        });
        match result {
            Ok(values) => self.row.samples.extend(values.into_iter().map(|value| Sample { round, value })),
            Err(error) => {
                self.row.failure = Some(format!("in round {}: {error:#}", round + 1));
                self.ends = None;
            }
        }
    }
}

fn meet(plan: &Plan, workload: Workload, variant: &dyn Variant) -> Result<(Client, ServerProcess)> {
    let setup = Setup { workload, address: plan.address, key: plan.key.clone() };
    let server = ServerProcess::start(variant, &setup, plan.placement.cores.map(|(_, server)| server))?;
    let client = if workload.bench == Bench::Rate {
        Client::Rate(variant.connect_rate(&setup, server.address)?)
    } else {
        Client::Calls(variant.connect(&setup, server.address)?)
    };
    Ok((client, server))
}

/// Nanoseconds of each call of a burst.
fn time_calls(plan: &Plan, workload: Workload, argument: &Argument, session: &mut dyn Session) -> Result<Vec<f64>> {
    warm_up(plan, workload, argument, session)?;
    let mut values = Vec::new();
    let end = clock::now() + plan.budget;
    while values.is_empty() || (values.len() < plan.iterations as usize && clock::now() < end) {
        let argument = argument.clone();
        let start = clock::now();
        let outcome = workload.call(session, argument)?;
        values.push(nanoseconds(start));
        drop(outcome);
    }
    Ok(values)
}

/// Brings the processor's caches back to this variant, and checks that it computes what it should.
fn warm_up(plan: &Plan, workload: Workload, argument: &Argument, session: &mut dyn Session) -> Result<()> {
    let end = clock::now() + plan.budget / 5;
    let outcome = workload.call(session, argument.clone())?;
    workload.check(argument, &outcome)?;
    for _ in 1..WARM_CALLS_MAX.min(plan.iterations) {
        if clock::now() >= end {
            break;
        }
        workload.call(session, argument.clone())?;
    }
    Ok(())
}

/// Calls per second of a burst.
fn time_rate(plan: &Plan, session: &mut dyn RateSession) -> Result<Vec<f64>> {
    session.run(plan.budget / 5)?;
    let (calls, elapsed) = session.run(plan.budget)?;
    Ok(vec![calls as f64 / elapsed.as_secs_f64()])
}

fn nanoseconds(start: Instant) -> f64 {
    (clock::now() - start).as_secs_f64() * 1e9
}
