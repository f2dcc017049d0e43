//! Many seeds, on all processors.

use super::{Options, Report, run};
use crate::endpoint::Check;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;

/// What many runs did.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Runs.
    pub seeds: u64,
    /// Calls made in them.
    pub calls: u64,
    /// Datagrams sent in them.
    pub packets: u64,
    /// Reports of the seeds that failed, in the order of the seeds.
    pub failed: Vec<Report>,
}

/// Runs the seeds of a range on `workers` threads. `progress` hears of every run as it ends, and says whether to go on.
pub fn many(
    seeds: Range<u64>,
    options: &Options,
    workers: usize,
    mut progress: impl FnMut(&Report) -> bool,
) -> Summary {
    let mut summary = Summary::default();
    each(
        seeds,
        workers,
        |seed| run(seed, options),
        |report| {
            summary.seeds += 1;
            summary.calls += report.calls as u64;
            summary.packets += report.packets;
            let goes_on = progress(&report);
            if !report.is_ok() {
                summary.failed.push(report);
            }
            goes_on
        },
    );
    summary.failed.sort_by_key(|report| report.seed);
    summary
}

/// Has something done for the seeds of a range on `workers` threads. `hear` is given each result as it comes, and says whether to
/// go on.
pub fn each<R: Send>(
    seeds: Range<u64>,
    workers: usize,
    run: impl Fn(u64) -> R + Sync,
    mut hear: impl FnMut(R) -> bool,
) {
    let (next, stop) = (AtomicU64::new(seeds.start), AtomicBool::new(false));
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..workers.max(1) {
            let (sender, next, stop, run) = (sender.clone(), &next, &stop, &run);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end || sender.send(run(seed)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        for result in receiver {
            if !hear(result) {
                stop.store(true, Ordering::Relaxed);
            }
        }
    });
}

/// The names of the safety checks, as a command line takes them.
pub fn check_names() -> impl Iterator<Item = (String, Check)> {
    Check::ALL.into_iter().map(|check| (kebab(&format!("{check:?}")), check))
}

/// The safety check of a name, written `DuplicateCall` or `duplicate-call`.
#[must_use]
pub fn check_by_name(name: &str) -> Option<Check> {
    check_names().find(|(kebab, check)| kebab == name || format!("{check:?}") == name).map(|(_, check)| check)
}

/// A name such as `DuplicateCall` as a command line takes it: `duplicate-call`.
#[must_use]
pub fn kebab(camel: &str) -> String {
    let mut out = String::new();
    for c in camel.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('-');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_are_found_by_either_name() {
        assert_eq!(check_by_name("duplicate-call"), Some(Check::DuplicateCall));
        assert_eq!(check_by_name("DuplicateCall"), Some(Check::DuplicateCall));
        assert_eq!(check_by_name("none"), None);
        assert_eq!(check_names().count(), Check::ALL.len());
    }
}
