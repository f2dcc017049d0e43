//! Runs a plan: for each workload all variants in turn, round after round.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::clock;
use crate::plan::{Plan, size_text};
use crate::progress::Progress;
use crate::random::Random;
use crate::server::Setup;
use crate::servers::Servers;
use crate::sockets;
use crate::task::Task;
use crate::variants::{RateSession, Variant};
use crate::watchdog::{Aborter, Watchdog};
use crate::workload::Workload;

/// A burst may take this much longer than its budget before it is ended.
const GRACE: Duration = Duration::from_secs(10);
/// Untimed calls at the start of a burst, as far as time allows.
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
    let groups = workloads.chunk_by(|a, b| (a.bench, a.size) == (b.bench, b.size)).count();
    let mut progress = Progress::new(groups as u64 * u64::from(plan.rounds));
    // Those that differ by the number of servers only take turns with each other.
    for group in workloads.chunk_by(|a, b| (a.bench, a.size) == (b.bench, b.size)) {
        let mut lanes: Vec<Lane> = group.iter().flat_map(|&workload| start_lanes(plan, workload)).collect();
        for round in 0..plan.rounds {
            progress.step(&format!("{} {}", group[0].bench.name(), size_text(group[0].size)));
            for lane in &mut lanes {
                lane.burst(plan, round, &watchdog);
            }
        }
        progress.clear();
        each(lanes.into_iter().map(|lane| lane.row).collect())?;
    }
    Ok(())
}

fn start_lanes(plan: &Plan, workload: Workload) -> Vec<Lane> {
    let variants = plan.variants.iter().filter(|variant| variant.measures(&workload));
    variants.map(|variant| Lane::start(plan, workload, *variant)).collect()
}

/// One variant of the workload under way.
#[derive(Debug)]
struct Lane {
    row: Row,
    random: Random,
    /// The client before the servers, so that it goes first.
    ends: Option<(Client, Servers)>,
}

#[derive(Debug)]
enum Client {
    Task(Box<dyn Task>),
    Rate(Box<dyn RateSession>),
}

impl Client {
    fn aborter(&self) -> Result<Option<Aborter>> {
        match self {
            Self::Task(task) => task.aborter(),
            Self::Rate(session) => session.aborter(),
        }
    }
}

impl Lane {
    fn start(plan: &Plan, workload: Workload, variant: &'static dyn Variant) -> Self {
        let mut row = Row { workload, variant: variant.name(), samples: Vec::new(), failure: None };
        let ends = meet(plan, workload, variant).map_err(|error| row.failure = Some(format!("{error:#}"))).ok();
        Self { row, random: Random::seeded(clock::unix_nanoseconds()), ends }
    }

    /// One turn. A failure ends the lane: its servers are stopped and its row says why.
    fn burst(&mut self, plan: &Plan, round: u32, watchdog: &Watchdog) {
        let Some((client, _)) = &mut self.ends else {
            return;
        };
        let random = &mut self.random;
        let result = client.aborter().and_then(|aborter| {
            let work = || match client {
                Client::Task(task) => time_task(plan, task.as_mut(), random),
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

fn meet(plan: &Plan, workload: Workload, variant: &'static dyn Variant) -> Result<(Client, Servers)> {
    let setup = Setup { workload, address: plan.address, key: plan.key.clone(), memory: Vec::new(), next: None };
    let (servers, setup) = Servers::start(variant, setup, plan.placement.cores.map(|(_, server)| server))?;
    let client = if workload.bench.is_rate() {
        Client::Rate(variant.connect_rate(&setup, servers.address)?)
    } else {
        Client::Task(variant.task(&setup, servers.address)?)
    };
    Ok((client, servers))
}

/// Nanoseconds of each operation of a burst. Every result is checked.
fn time_task(plan: &Plan, task: &mut dyn Task, random: &mut Random) -> Result<Vec<f64>> {
    warm_up(plan, task, random)?;
    let mut values = Vec::new();
    let end = clock::now() + plan.budget;
    while values.is_empty() || (values.len() < plan.iterations as usize && clock::now() < end) {
        task.prepare(random)?;
        let start = clock::now();
        task.run()?;
        values.push(nanoseconds(start));
        task.check()?;
    }
    Ok(values)
}

/// Brings the processor's caches back to this variant.
fn warm_up(plan: &Plan, task: &mut dyn Task, random: &mut Random) -> Result<()> {
    let end = clock::now() + plan.budget / 5;
    for _ in 0..WARM_CALLS_MAX.min(plan.iterations) {
        task.prepare(random)?;
        task.run()?;
        task.check()?;
        if clock::now() >= end {
            break;
        }
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
