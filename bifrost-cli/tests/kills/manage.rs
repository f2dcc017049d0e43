//! What people see of a rack, and ask of its Gatekeeper.

use crate::counting::{Counting, increment};
use crate::keep::{Keep, Told};
use crate::rack::{Rack, channel};
use bifrost_bench::services::benchmark::SharedArraysClient;
use bifrost_rpc::reference::Ref;
use bifrost_rpc::wire::control::NodeKind;
use serde_json::{Value, json};

/// New sessions that are opened, one after the other.
const SESSIONS: u32 = 24;

/// An object of `list` by its name.
fn named<'a>(list: &'a Value, name: &str) -> &'a Value {
    list.as_array().unwrap().iter().find(|found| found["name"] == name).unwrap()
}

#[test]
fn machines_of_any_kind_say_what_they_are() {
    let rack = Rack::up();
    for (kind, text) in [(NodeKind::Storage, "storage"), (NodeKind::Network, "network"), (NodeKind::Other(77), "77")] {
        let node = rack.join_as("c1", |node| node.kind(kind, 12_345).specification("of its own kind"));
        let status = rack.status();
        let seen = named(&status["nodes"], "c1");
        let expected = json!([text, 12_345, "of its own kind", "free", node.incarnation()]);
        assert_eq!(
            json!([seen["kind"], seen["capacity"], seen["specification"], seen["state"], seen["incarnation"]]),
            expected
        );
    }
    assert_eq!(rack.down().0, 0);
}

#[test]
fn a_node_that_is_drained_goes_on_with_its_sessions_and_takes_no_others() {
    let rack = Rack::up();
    let (caller, other) = (rack.join("c1"), rack.join("c2"));
    let mut before = SharedArraysClient::new(channel(&caller, "SharedArrays"));
    assert_eq!(increment(&mut before, Ref::by_reference(vec![1; 100])).unwrap(), [4; 100]);
    let counting = Counting::serve(&other);
    assert!(rack.gatekeeper(&["drain", "s1"]).json().as_u64().unwrap() > 0, "its instances");
    // The tables have changed. Without that the other would hardly ever get all sessions.
    let runs = counting.runs();
    for _ in 0..SESSIONS {
        let mut after = SharedArraysClient::new(channel(&caller, "SharedArrays"));
        assert_eq!(increment(&mut after, Ref::by_reference(vec![1; 100])).unwrap(), [4; 100]);
    }
    assert_eq!(counting.runs(), runs + SESSIONS, "all new sessions go to the other");
    let runs = counting.runs();
    assert_eq!(increment(&mut before, Ref::by_reference(vec![1; 100])).unwrap(), [4; 100]);
    assert_eq!(counting.runs(), runs, "its session goes on");
    let status = rack.status();
    let open = status["instances"].as_array().unwrap().iter().filter(|of| of["node"] == "s1" && of["open"] == true);
    assert_eq!(open.count(), 0);
    drop((before, counting, caller, other));
    assert_eq!(rack.down().0, 0);
}

#[test]
fn running_calls_and_who_shares_them_are_shown() {
    let rack = Rack::up();
    let (caller, callee) = (rack.join("c1"), rack.join("c2"));
    let keep = Keep::serve(&callee);
    let data = caller.memory().store(vec![1; 100]).unwrap();
    let (pointer, looking) = (data.pointer(), crate::gatekeeper::look(&caller, &data));
    assert_eq!(keep.told(), Told::Begun);
    let calls = rack.status()["calls"].clone();
    let call = &calls["first"][0];
    assert_eq!(calls["count"], 1);
    let ends = json!([call["caller"]["node"], call["callee"]["node"], call["method"], call["stage"]]);
    assert_eq!(ends, json!(["c1", "c2", "Keep:look", "released"]));
    assert_eq!(call["pointers"], json!([pointer.to_string()]));
    assert_eq!(rack.gatekeeper(&["failure_domain", "c1"]).json(), json!(["c1", "c2"]));
    assert_eq!(rack.gatekeeper(&["failure_domain", "s1"]).json(), json!(["s1"]));
    let nobody = rack.gatekeeper(&["failure_domain", "nobody"]);
    assert!(nobody.code == 3 && nobody.err.contains("NoSuchNode"), "{nobody:?}");
    keep.let_go();
    assert_eq!(crate::gatekeeper::taken(looking), [1; 100]);
    data.free().unwrap();
    let status = rack.status();
    assert_eq!((&status["calls"]["count"], &status["objects"]["count"]), (&json!(0), &json!(0)));
    assert_eq!(rack.gatekeeper(&["failure_domain", "c1"]).json(), json!(["c1"]));
    drop((keep, caller, callee));
    assert_eq!(rack.down().0, 0);
}
