//! A rack with a key out of a file: what Gatekeeper says in sealed sessions is heard.

use crate::counting::{Counting, increment};
use crate::rack::{Rack, channel, state, wait_for};
use bifrost_bench::services::benchmark::SharedArraysClient;
use bifrost_rpc::CallError;
use bifrost_rpc::reference::Owned;
use bifrost_rpc::wire::Refusal;
use nix::sys::signal::Signal;

#[test]
fn who_passes_what_is_anothers_is_told_that_he_may_not() {
    let rack = Rack::with_key();
    let (owner, thief) = (rack.join("c1"), rack.join("c2"));
    let object = owner.memory().alloc_and_write(vec![1; 5000]).unwrap();
    let mut client = SharedArraysClient::new(channel(&thief, "SharedArrays"));
    let stolen = Owned::<Vec<u8>>::adopt(object, &thief.memory());
    let error = increment(&mut client, stolen.lend()).unwrap_err();
    let refused = CallError::Refused(Refusal::NoRight);
    assert_eq!(CallError::of(&error), Some(&refused), "{error}");
    assert!(!refused.may_have_run());
    let _ = stolen.release();
    let own = thief.memory().store(vec![2; 5000]).unwrap();
    assert_eq!(increment(&mut client, own.lend()).unwrap(), [5; 5000]);
    own.free().unwrap();
    assert_eq!(owner.memory().read(object, 0, 5000).unwrap(), [1; 5000]);
    assert_eq!(rack.status()["counters"]["dropped_no_right"], 1);
    drop((client, owner, thief));
    let (code, err) = rack.down();
    assert_eq!(code, 0, "{err}");
}

#[test]
fn what_was_held_for_a_callee_that_died_is_issued_to_another() {
    let rack = Rack::with_key();
    let (caller, other) = (rack.join("c1"), rack.join("c2"));
    let mut client = SharedArraysClient::new(channel(&caller, "SharedArrays"));
    let object = caller.memory().store(vec![5; 5000]).unwrap();
    // s1 is the only one as yet: the session is with it.
    assert_eq!(increment(&mut client, object.lend()).unwrap(), [8; 5000]);
    let counting = Counting::serve(&other);

    // A lease waits for the memory server, and the call for the lease.
    let memory = format!("m{}", object.pointer().server());
    rack.signal(&memory, Signal::SIGSTOP);
    let data = object.lend();
    let calling = std::thread::spawn(move || increment(&mut client, data));
    wait_for("the call to be held", || rack.status()["calls"]["first"][0]["stage"] == "held");
    rack.kill("s1");
    assert_eq!(rack.gatekeeper(&["evict", "s1"]).code, 0);
    wait_for("s1 to be declared dead", || matches!(state(&rack.status(), "s1"), "ending" | "failed"));
    rack.signal(&memory, Signal::SIGCONT);
    // Had it been given to s1 its outcome would be unknown.
    assert_eq!(calling.join().unwrap().unwrap(), [8; 5000]);
    assert_eq!(counting.runs(), 1);
    object.free().unwrap();
    drop((counting, caller, other));
    // The one that was killed did not end well.
    assert_eq!(rack.down().0, 1);
}
