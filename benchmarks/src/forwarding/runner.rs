//! All ways in turn, round after round.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result};

use super::probe::{Probe, Protocol};
use super::way::{self, Way};
use crate::cli::Args;
use crate::clock;
use crate::progress::Progress;

/// What was measured of one way.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) protocol: Protocol,
    pub(super) bytes: usize,
    pub(super) way: &'static str,
    /// Nanoseconds.
    pub(super) samples: Vec<f64>,
}

pub(super) fn run(args: &Args, sizes: &[usize]) -> Result<Vec<Row>> {
    let mut ways = Vec::new();
    for name in
        way::NAMES.into_iter().filter(|&name| args.variants.is_empty() || args.variants.iter().any(|n| n == name))
    {
        match Way::new(name).with_context(|| name)? {
            Some(way) => ways.push((name, way)),
            // Nobody may be there to read it.
            None => drop(writeln!(std::io::stderr(), "{name}: left out, no simple_switch in PATH")),
        }
    }
    let mut progress = Progress::new((Protocol::ALL.len() * sizes.len()) as u64 * u64::from(args.rounds));
    let mut rows = Vec::new();
    for protocol in Protocol::ALL {
        let probe = |(name, way): &(&'static str, Way)| Ok((*name, Probe::new(way, protocol).with_context(|| *name)?));
        let mut probes = ways.iter().map(probe).collect::<Result<Vec<_>>>()?;
        for &bytes in sizes {
            let row = |&(way, _): &(&'static str, Probe)| Row { protocol, bytes, way, samples: Vec::new() };
            let mut some: Vec<Row> = probes.iter().map(row).collect();
            for _ in 0..args.rounds {
                progress.step(&format!("{} {bytes}", protocol.name()));
                for (row, (name, probe)) in some.iter_mut().zip(&mut probes) {
                    burst(args, row, probe).with_context(|| format!("{name} {} {bytes}", protocol.name()))?;
                }
            }
            rows.extend(some);
        }
    }
    progress.clear();
    Ok(rows)
}

/// One turn, after a request that is not counted.
fn burst(args: &Args, row: &mut Row, probe: &mut Probe) -> Result<()> {
    probe.ask(row.bytes)?;
    let end = clock::now() + Duration::from_millis(args.burst_ms);
    for _ in 0..args.iterations {
        row.samples.push(probe.ask(row.bytes)?);
        if clock::now() >= end {
            break;
        }
    }
    Ok(())
}
