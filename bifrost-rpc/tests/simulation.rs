//! The deterministic simulation, and the proof that its checker sees what each safety check is there for.

use bifrost_rpc::endpoint::Check;
use bifrost_rpc::sim::{Faults, Options, many, run};

/// Seeds of the ordinary test run; `bifrost sim --seeds N` runs more.
const SEEDS: u64 = 1500;
/// Seeds within which a missing check has to show.
const SEEDS_FOR_A_CHECK: u64 = 1500;
const WORKERS: usize = 2;

#[test]
fn everything_holds_in_every_seed() {
    let summary = many(0..SEEDS, &Options::default(), WORKERS, |_| true);
    for report in &summary.failed {
        eprintln!("{report}");
    }
    let failed: Vec<u64> = summary.failed.iter().map(|report| report.seed).collect();
    assert!(failed.is_empty(), "failing seeds: {failed:?}; replay one with `bifrost sim --seed S`");
    assert!(summary.seeds == SEEDS && summary.calls > 10 * SEEDS, "too little happens: {} calls", summary.calls);
}

#[test]
fn every_safety_check_is_missed_when_it_is_left_out() {
    for check in Check::ALL {
        let options = Options { without: Some(check), trace_lines: 0, ..Options::default() };
        let summary = many(0..SEEDS_FOR_A_CHECK, &options, WORKERS, bifrost_rpc::sim::Report::is_ok);
        assert!(!summary.failed.is_empty(), "{check:?} can be left out and nothing is noticed");
    }
}

#[test]
fn a_seed_gives_the_same_run_each_time() {
    let options = Options { traces_all: true, trace_lines: 500, ..Options::default() };
    for seed in 0..25 {
        assert_eq!(run(seed, &options), run(seed, &options), "seed {seed}");
    }
}

#[test]
fn without_faults_no_call_fails() {
    let options = Options { faults: Faults::NONE, ..Options::default() };
    let summary = many(10_000..10_100, &options, WORKERS, |_| true);
    assert!(summary.failed.is_empty(), "{}", summary.failed[0]);
}
