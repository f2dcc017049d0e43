//! Everything that can happen to one object's rights, tried in every state that it can be in.

use bifrost_dsm::checks::Check;
use bifrost_dsm::sim::walk::walk;

#[test]
fn the_access_table_does_what_its_rules_allow_in_every_state() {
    let walked = walk(None);
    assert_eq!(walked.broken, None);
    assert!(walked.states > 1000 && walked.actions > 100_000, "{walked:?}");
}

#[test]
fn the_walk_misses_every_check_of_the_access_table_that_is_left_out() {
    use Check::{DeferredFree, Incarnation, LeaseSet, LeasedReadOnly, PassRight, Rights, TransferControlled};
    for check in [DeferredFree, Incarnation, LeaseSet, LeasedReadOnly, PassRight, Rights, TransferControlled] {
        assert!(walk(Some(check)).broken.is_some(), "{check:?} can be left out and nothing is noticed");
    }
}
