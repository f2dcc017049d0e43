//! The simulation of memory from end to end, and the proof that its checker sees what each safety mechanism is there for.

use bifrost_dsm::sim::Rule;
use bifrost_dsm::sim::rack::{Missing, Options, Report, run};
use bifrost_rpc::sim::each;

/// Seeds of the ordinary test run; `bifrost sim --memory --seeds N` runs more.
const SEEDS: u64 = 1000;
/// Seeds within which a missing mechanism has to show.
const SEEDS_FOR_A_MECHANISM: u64 = 1000;
const WORKERS: usize = 2;

/// The first report, as they come, for which something holds; and how many operations were done until then.
fn first(seeds: u64, options: &Options, counts: impl Fn(&Report) -> bool) -> (Option<Report>, usize) {
    let (mut found, mut done) = (None, 0);
    each(
        0..seeds,
        WORKERS,
        |seed| run(seed, options),
        |report| {
            done += report.done;
            if counts(&report) {
                found.get_or_insert(report);
            }
            found.is_none()
        },
    );
    (found, done)
}

#[test]
fn everything_holds_in_every_seed() {
    let (failed, done) = first(SEEDS, &Options::default(), |report| !report.is_ok());
    if let Some(report) = failed {
        panic!("{report}replay: bifrost sim --memory --seed {} --trace", report.seed);
    }
    assert!(done > 20_000, "too little happens: {done} operations");
}

#[test]
fn the_linearizability_checker_misses_every_mechanism_that_is_left_out() {
    for missing in Missing::ALL {
        let options = Options { without: Some(missing), ..Options::default() };
        let seen = |report: &Report| report.broken.iter().any(|broken| broken.rule == Rule::Linearizable);
        let (failed, _) = first(SEEDS_FOR_A_MECHANISM, &options, seen);
        assert!(failed.is_some(), "{missing:?} can be left out and nothing is noticed");
    }
}

#[test]
fn a_seed_gives_the_same_run_each_time() {
    let options = Options { traces: true, ..Options::default() };
    for seed in 0..10 {
        assert_eq!(run(seed, &options), run(seed, &options), "seed {seed}");
    }
}
