//! Every order in which a memory server, a switch, a control plane and two nodes can do what a call with a pointer needs: no operation
//! passes both switch and server that the rules forbid. Without any of the safety steps one does, or a call has not what it needs.

mod model;

use model::{Rack, SafetyStep};
use stateright::{Checker, Model};

#[test]
fn nothing_forbidden_passes_in_any_order_of_steps() {
    let checker = Rack { calls: 2, without: None }.checker().spawn_bfs().join();
    checker.assert_properties();
    assert!(checker.unique_state_count() > 10_000, "{}", checker.unique_state_count());
}

#[test]
fn every_safety_step_is_missed_when_it_is_left_out() {
    for without in SafetyStep::ALL {
        let calls = if without == SafetyStep::AllLeases { 2 } else { 1 };
        let checker = Rack { calls, without: Some(without) }.checker().spawn_bfs().join();
        let is_missed = checker.discoveries().keys().any(|name| *name != "a call is answered");
        assert!(is_missed, "{without:?} can be left out and nothing is noticed");
    }
}

#[test]
fn calls_come_to_their_end() {
    let checker = Rack { calls: 1, without: None }.checker().spawn_bfs().join();
    let path = checker.discovery("a call is answered").unwrap();
    assert!(path.into_actions().len() > 8);
}
