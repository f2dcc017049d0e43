//! Runs a plan: for each case all variants in turn, round after round.

use anyhow::{Context, Result};

use super::plan::{Case, Plan};
use super::subjects::{self, Subject};
use crate::progress::Progress;
use crate::runner::Sample;
use crate::{clock, sockets};

/// What was measured of one variant, in the unit of the case.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) case: Case,
    pub(super) variant: &'static str,
    pub(super) samples: Vec<Sample>,
}

/// Measures everything in `plan`, handing over the rows of each case as soon as they are complete.
pub(super) fn run(plan: &Plan, each: &mut dyn FnMut(Vec<Row>) -> Result<()>) -> Result<()> {
    let before = sockets::allowed_cores()?;
    let result = run_pinned(plan, each);
    sockets::pin(&before)?;
    result
}

fn run_pinned(plan: &Plan, each: &mut dyn FnMut(Vec<Row>) -> Result<()>) -> Result<()> {
    let mut progress = Progress::new(plan.cases.len() as u64 * u64::from(plan.rounds));
    for &case in &plan.cases {
        let mut lanes = Vec::new();
        for &variant in case.variants().iter().filter(|variant| plan.wants(variant)) {
            // What is started runs where servers run.
            pin(plan, |(_, server)| server)?;
            let subject = subjects::start(plan, case, variant).with_context(|| format!("{variant} {}", case.name()))?;
            lanes.push((Row { case, variant, samples: Vec::new() }, subject));
        }
        pin(plan, |(client, _)| client)?;
        for round in 0..plan.rounds {
            progress.step(case.name());
            for (row, subject) in &mut lanes {
                burst(plan, round, row, subject.as_mut())
                    .with_context(|| format!("{} {}", row.variant, case.name()))?;
            }
        }
        progress.clear();
        each(lanes.into_iter().map(|(row, _)| row).collect())?;
    }
    Ok(())
}

fn pin(plan: &Plan, choose: impl Fn((usize, usize)) -> usize) -> Result<()> {
    plan.placement.cores.map_or(Ok(()), |cores| sockets::pin(&[choose(cores)]))
}

/// One turn, after an untimed sample that brings the processor's caches back to this variant.
fn burst(plan: &Plan, round: u32, row: &mut Row, subject: &mut dyn Subject) -> Result<()> {
    if row.case.is_once() {
        if row.samples.is_empty() {
            row.samples.push(Sample { round, value: subject.sample()? });
        }
        return Ok(());
    }
    subject.sample()?;
    let end = clock::now() + plan.budget;
    for _ in 0..plan.iterations {
        row.samples.push(Sample { round, value: subject.sample()? });
        if clock::now() >= end {
            break;
        }
    }
    Ok(())
}
