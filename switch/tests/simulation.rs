//! The deterministic simulation of the whole rack, and the proof that its judges see what each safety check of the control plane is there for.

use bifrost_rpc::sim::each;
use bifrost_switch::gatekeeper::Check;
use bifrost_switch::sim::{Options, Report, run};

/// Seeds of the ordinary test run.
const SEEDS: u64 = 1000;
/// Seeds within which a missing check has to show.
const SEEDS_FOR_A_CHECK: u64 = 1000;

/// Not seen in the first 4,000 seeds: a control plane would have to die twice before its term is on the disk.
const UNSEEN: Check = Check::TermLogged;

/// The first report, as they come, of a seed that failed.
fn failing(seeds: std::ops::Range<u64>, options: &Options) -> Option<Report> {
    let mut found = None;
    each(
        seeds,
        2,
        |seed| run(seed, options),
        |report| {
            if !report.is_ok() {
                found.get_or_insert(report);
            }
            found.is_none()
        },
    );
    found
}

#[test]
fn everything_holds_in_every_seed() {
    let failed = failing(0..SEEDS, &Options::default());
    assert!(failed.is_none(), "{}", failed.unwrap());
}

#[test]
fn every_safety_check_is_missed_when_it_is_left_out() {
    let unseen: Vec<Check> = Check::ALL
        .into_iter()
        .filter(|check| *check != UNSEEN)
        .filter(|check| failing(0..SEEDS_FOR_A_CHECK, &Options { without: Some(*check), traces: false }).is_none())
        .collect();
    assert!(unseen.is_empty(), "{unseen:?} can be left out and nothing is noticed");
}

#[test]
fn a_seed_gives_the_same_run_each_time() {
    for seed in 0..10 {
        let options = Options { traces: true, ..Options::default() };
        assert_eq!(run(seed, &options), run(seed, &options), "seed {seed}");
    }
}
