//! The deterministic simulation of a memory server, and the proof that its judges see what each safety check is there for.

use bifrost_dsm::checks::Check;
use bifrost_dsm::sim::{Options, Report, Rule, run};
use bifrost_rpc::sim::each;

/// Seeds of the ordinary test run.
const SEEDS: u64 = 1000;
/// Seeds within which a missing check has to show.
const SEEDS_FOR_A_CHECK: u64 = 1000;

/// The first report, as they come, for which something holds.
fn failing(seeds: u64, options: &Options, counts: impl Fn(&Report) -> bool) -> Option<Report> {
    let mut found = None;
    each(
        0..seeds,
        2,
        |seed| run(seed, options),
        |report| {
            if counts(&report) {
                found.get_or_insert(report);
            }
            found.is_none()
        },
    );
    found
}

#[test]
fn everything_holds_in_every_seed() {
    let failed = failing(SEEDS, &Options::default(), |report| !report.is_ok());
    assert!(failed.is_none(), "{}", failed.unwrap());
}

#[test]
fn every_safety_check_is_missed_when_it_is_left_out() {
    for check in Check::ALL {
        let options = Options { without: Some(check) };
        let failed = failing(SEEDS_FOR_A_CHECK, &options, |report| !report.is_ok());
        assert!(failed.is_some(), "{check:?} can be left out and nothing is noticed");
    }
}

#[test]
fn the_linearizability_checker_alone_misses_what_linearizability_rests_on() {
    for check in [Check::Staging, Check::VersionPinning, Check::WriteOrder, Check::DuplicateOperation] {
        let options = Options { without: Some(check) };
        let seen = |report: &Report| report.broken.iter().any(|broken| broken.rule == Rule::Linearizable);
        assert!(failing(SEEDS_FOR_A_CHECK, &options, seen).is_some(), "{check:?} breaks no history");
    }
}

#[test]
fn a_seed_gives_the_same_run_each_time() {
    for seed in 0..20 {
        let options = Options { without: Some(Check::WriteOrder) };
        assert_eq!(run(seed, &options), run(seed, &options), "seed {seed}");
    }
}
