//! Runs a plan: for each case, first encoding, then decoding, all variants in turn, round after round.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::cases::Case;
use super::subject::{Named, Subject};
use crate::cases::{Case as _, Plan};
use crate::progress::Progress;
use crate::runner::Sample;
use crate::{clock, sockets};

/// A batch takes at least about this long, so that reading the clock is nothing beside it.
const BATCH: Duration = Duration::from_micros(20);
const BATCH_TIMES_MAX: u32 = 100_000;
/// The variant that is known not to keep to its protocol.
const LENIENT: &str = "pilota-compact";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Encode,
    Decode,
}

impl Op {
    const ALL: [Self; 2] = [Self::Encode, Self::Decode];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Encode => "encode",
            Self::Decode => "decode",
        }
    }

    fn run(self, subject: &mut dyn Subject, times: u32) -> Result<()> {
        match self {
            Self::Encode => subject.encode(times),
            Self::Decode => subject.decode(times),
        }
    }
}

/// What was measured of one variant.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) case: Case,
    pub(super) op: Op,
    pub(super) variant: &'static str,
    /// Bytes of the encoding.
    pub(super) bytes: usize,
    /// How often the operation was done in each batch.
    pub(super) times: u32,
    /// Mean nanoseconds of each batch.
    pub(super) samples: Vec<Sample>,
}

/// Measures everything in `plan`, handing over the rows of each case and operation as soon as they are complete.
pub(super) fn run(plan: &Plan<Case>, each: &mut dyn FnMut(Vec<Row>) -> Result<()>) -> Result<()> {
    let before = sockets::allowed_cores()?;
    plan.placement.pin_client()?;
    let result = run_pinned(plan, each);
    sockets::pin(&before)?;
    result
}

fn run_pinned(plan: &Plan<Case>, each: &mut dyn FnMut(Vec<Row>) -> Result<()>) -> Result<()> {
    let mut progress = Progress::new((plan.cases.len() * Op::ALL.len()) as u64 * u64::from(plan.rounds));
    for &case in &plan.cases {
        let mut subjects = case.subjects()?;
        check(case, &mut subjects)?;
        subjects.retain(|(variant, _)| plan.wants(variant));
        for op in Op::ALL {
            let mut rows = Vec::new();
            subjects.retain(|(variant, subject)| op == Op::Encode || can_decode(case, variant, subject.as_ref()));
            for (variant, subject) in &mut subjects {
                let (times, bytes) = (batch(op, subject.as_mut())?, subject.encoded().len());
                rows.push(Row { case, op, variant, bytes, times, samples: Vec::new() });
            }
            for round in 0..plan.rounds {
                progress.step(&format!("{} {}", case.name(), op.name()));
                for (row, (_, subject)) in rows.iter_mut().zip(&mut subjects) {
                    burst(plan, round, row, subject.as_mut())?;
                }
            }
            progress.clear();
            each(rows)?;
        }
    }
    Ok(())
}

/// Every variant encodes as the first of its protocol does, and decodes that encoding to its value.
///
/// Except pilota's compact protocol. It writes doubles the other way round, so its encodings are only as long; it
/// is given the first one's to decode. And it loses its way after a struct in a struct: see `can_decode`.
fn check(case: Case, subjects: &mut [Named]) -> Result<()> {
    let references = ["binary", "compact"].map(|protocol| {
        let first = subjects.iter().find(|(variant, _)| variant.contains(protocol));
        first.map(|(_, subject)| subject.encoded()).unwrap_or_default()
    });
    for (variant, subject) in subjects {
        let reference = &references[usize::from(variant.contains("compact"))];
        let what = || format!("{variant} {}", case.name());
        let encoded = subject.encoded();
        let is_lenient = *variant == LENIENT;
        let is_equal = encoded == *reference || (is_lenient && encoded.len() == reference.len());
        ensure!(is_equal, "{}: its encoding is not that of the others", what());
        subject.adopt(reference);
        let reads = subject.reads(reference).with_context(what);
        ensure!(is_lenient || reads?, "{}: another value was decoded", what());
    }
    Ok(())
}

fn can_decode(case: Case, variant: &str, subject: &dyn Subject) -> bool {
    let can = matches!(subject.reads(&subject.encoded()), Ok(true));
    if !can {
        // Nobody may be there to read it.
        let _ = writeln!(std::io::stderr(), "{variant} {}: left out, it decodes another value or none", case.name());
    }
    can
}

/// How often to repeat the operation for a batch.
fn batch(op: Op, subject: &mut dyn Subject) -> Result<u32> {
    let mut times = 1;
    loop {
        let start = clock::now();
        op.run(subject, times)?;
        if clock::now() - start >= BATCH || times >= BATCH_TIMES_MAX {
            return Ok(times);
        }
        times *= 2;
    }
}

/// One turn, after an untimed batch that brings the processor's caches back to this variant.
fn burst(plan: &Plan<Case>, round: u32, row: &mut Row, subject: &mut dyn Subject) -> Result<()> {
    row.op.run(subject, row.times)?;
    let end = clock::now() + plan.budget;
    for _ in 0..plan.iterations {
        let start = clock::now();
        row.op.run(subject, row.times)?;
        let stop = clock::now();
        let value = (stop - start).as_secs_f64() * 1e9 / f64::from(row.times);
        row.samples.push(Sample { round, value });
        if stop >= end {
            break;
        }
    }
    Ok(())
}
