//! Runs all variants in turn, and asks both ends of each call for its points.

use anyhow::{Context, Result};

use super::parts::{Call, Parts};
use crate::plan::{Plan, size_text};
use crate::points;
use crate::progress::Progress;
use crate::random::Random;
use crate::server::Setup;
use crate::servers::Servers;
use crate::task::Task;
use crate::variants::Variant;
use crate::workload::{Bench, Workload};
use crate::{clock, sockets};

/// Readings of the clock by which its cost is measured.
const READINGS: u32 = 10_000;

/// What was measured of one variant at one size.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) size: usize,
    pub(super) variant: &'static str,
    /// Nanoseconds of the parts of each call.
    pub(super) calls: Vec<Parts>,
    /// Nanoseconds of each call that noted nothing.
    pub(super) plain: Vec<u64>,
}

/// Nanoseconds of one reading of the clock.
pub(super) fn reading_ns() -> f64 {
    let start = clock::monotonic_nanoseconds();
    for _ in 0..READINGS {
        std::hint::black_box(clock::monotonic_nanoseconds());
    }
    (clock::monotonic_nanoseconds() - start) as f64 / f64::from(READINGS)
}

/// Measures everything in `plan`, handing over the rows of each size as soon as they are complete.
pub(super) fn run(plan: &Plan, each: &mut dyn FnMut(Vec<Row>) -> Result<()>) -> Result<()> {
    let before = sockets::allowed_cores()?;
    if let Some((client, _)) = plan.placement.cores {
        sockets::pin(&[client])?;
    }
    let result = run_pinned(plan, each);
    sockets::pin(&before)?;
    result
}

fn run_pinned(plan: &Plan, each: &mut dyn FnMut(Vec<Row>) -> Result<()>) -> Result<()> {
    let workloads = plan.workloads();
    let mut progress = Progress::new(workloads.len() as u64 * u64::from(plan.rounds));
    for workload in workloads {
        let variants = plan.variants.iter().filter(|variant| variant.measures(&workload));
        let mut lanes = variants.map(|variant| Lane::start(plan, workload, *variant)).collect::<Result<Vec<_>>>()?;
        for _ in 0..plan.rounds {
            progress.step(&format!("breakdown {}", size_text(workload.size)));
            for lane in &mut lanes {
                lane.turn(plan).with_context(|| lane.row.variant)?;
            }
        }
        progress.clear();
        each(lanes.into_iter().map(|lane| lane.row).collect())?;
    }
    Ok(())
}

/// One variant, with servers that note points and with servers that do not.
#[derive(Debug)]
struct Lane {
    row: Row,
    random: Random,
    noted: (Box<dyn Task>, Servers),
    plain: (Box<dyn Task>, Servers),
}

fn meet(plan: &Plan, workload: Workload, variant: &'static dyn Variant) -> Result<(Box<dyn Task>, Servers)> {
    let setup = Setup { workload, address: plan.address, key: plan.key.clone(), memory: Vec::new(), next: None };
    let (servers, setup) = Servers::start(variant, setup, plan.placement.cores.map(|(_, server)| server))?;
    Ok((variant.task(&setup, servers.address)?, servers))
}

impl Lane {
    fn start(plan: &Plan, workload: Workload, variant: &'static dyn Variant) -> Result<Self> {
        let noted = meet(plan, workload, variant)?;
        let plain = meet(plan, Workload { bench: Bench::Increment, ..workload }, variant)?;
        let row = Row { size: workload.size, variant: variant.name(), calls: Vec::new(), plain: Vec::new() };
        Ok(Self { row, random: Random::seeded(clock::unix_nanoseconds()), noted, plain })
    }

    /// Half of it without points, half with them.
    fn turn(&mut self, plan: &Plan) -> Result<()> {
        let Self { row, random, noted: (noted, servers), plain: (plain, _) } = self;
        let service = servers.first_service()?;
        repeat(plan, || {
            row.plain.push(call(plain.as_mut(), random)?.1);
            Ok(())
        })?;
        points::enable();
        let result = repeat(plan, || {
            // Asking the server leaves caches cold: one call in between is not kept.
            call(noted.as_mut(), random)?;
            let (start, time) = call(noted.as_mut(), random)?;
            let call = Call { start, client: points::times(), server: service.points()?, end: start + time };
            row.calls.push(call.parts()?);
            Ok(())
        });
        points::disable();
        result
    }
}

fn repeat(plan: &Plan, mut step: impl FnMut() -> Result<()>) -> Result<()> {
    let end = clock::now() + plan.budget;
    for _ in 0..plan.iterations {
        step()?;
        if clock::now() >= end {
            break;
        }
    }
    Ok(())
}

/// The start of a call, and how long it took, in nanoseconds. Its result is checked.
fn call(task: &mut dyn Task, random: &mut Random) -> Result<(u64, u64)> {
    task.prepare(random)?;
    let start = clock::monotonic_nanoseconds();
    task.run()?;
    let time = clock::monotonic_nanoseconds() - start;
    task.check()?;
    Ok((start, time))
}
