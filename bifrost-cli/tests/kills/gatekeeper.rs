//! Gatekeeper is killed: the rack goes on forwarding, and what needs a decision waits.

use crate::SHORT;
use crate::generated::example::{CounterClient, TCounterSyncClient};
use crate::generated::keep::{KeepClient, TKeepSyncClient};
use crate::keep::{Keep, Told};
use crate::rack::{Rack, channel};
use bifrost_bench::services::benchmark::{PingClient, SharedArraysClient, TPingSyncClient, TSharedArraysSyncClient};
use bifrost_rpc::memory::{MemoryClient, MemoryError};
use bifrost_rpc::node::{Node, NodeState};
use bifrost_rpc::reference::{Owned, Ref};
use bifrost_rpc::wire::Pointer;
use bifrost_rpc::{CallError, thrift};
use serde_json::Value;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;

pub(crate) type Looking = JoinHandle<thrift::Result<Ref<Vec<u8>>>>;

pub(crate) fn look(caller: &Node, passed: &Owned<Vec<u8>>) -> Looking {
    let (mut client, data) = (KeepClient::new(channel(caller, "Keep")), passed.lend());
    std::thread::spawn(move || client.look(data))
}

pub(crate) fn taken(looking: Looking) -> Vec<u8> {
    let owned = looking.join().unwrap().unwrap().into_owned().unwrap();
    let read = owned.read().unwrap();
    owned.free().unwrap();
    read
}

/// What its controller's write comes to, in a short time.
fn write(node: &Node, object: Pointer) -> Result<(), MemoryError> {
    let channel = node.channel().deadline(SHORT).connect(&format!("udp://[{}]:7400", object.root())).unwrap();
    MemoryClient::over(channel, object.root()).write(object, 0, vec![0])
}

/// What the switch drops is not answered.
fn is_lost<T>(result: Result<T, MemoryError>) -> bool {
    matches!(result, Err(MemoryError::Call(CallError::Deadline { .. })))
}

/// Whether each of these objects is leased, in force.
fn leased(status: &Value, objects: &[Pointer]) -> Vec<bool> {
    let all = status["objects"]["first"].as_array().unwrap();
    let leases = |pointer: &Pointer| {
        let found = all.iter().find(|object| object["pointer"] == pointer.to_string());
        found.unwrap()["leases"].as_array().unwrap().clone()
    };
    let is_in_force = |leases: Vec<Value>| leases.iter().filter(|lease| lease["in_force"] == true).count() == 1;
    objects.iter().map(|pointer| is_in_force(leases(pointer))).collect()
}

#[test]
fn the_rack_goes_on_while_gatekeeper_is_away_and_what_waits_is_done_once_when_it_is_back() {
    let mut rack = Rack::up();
    let (caller, callee) = (rack.join("c1"), rack.join("c2"));
    let keep = Keep::serve(&callee);
    let mut counter = CounterClient::new(channel(&caller, "Counter"));
    let memory = caller.memory();
    let (first, second) = (memory.store(vec![1; 5000]).unwrap(), memory.store(vec![2; 5000]).unwrap());
    let objects = [first.pointer(), second.pointer()];
    let lent = look(&caller, &first);
    assert_eq!(keep.told(), Told::Begun);
    assert_eq!(counter.add(1).unwrap(), 1);

    rack.take_gatekeeper_away();
    let outcome = rack.ask(&["status"]);
    assert!(outcome.code == 1 && outcome.err.contains("is away"), "{outcome:?}");
    let waits = look(&caller, &second);
    for count in 2..=100 {
        assert_eq!(counter.add(1).unwrap(), count);
    }
    // A session that is opened meanwhile, too.
    PingClient::new(channel(&caller, "Ping")).ping().unwrap();
    assert_eq!(keep.read(), Told::Read(vec![1; 5000]), "a lease goes on");
    assert!(is_lost(write(&caller, objects[0])), "what is leased is not written");
    write(&caller, objects[1]).unwrap();
    assert!(keep.is_silent() && !waits.is_finished(), "nobody may let a pointer pass");

    rack.bring_gatekeeper_back();
    assert_eq!(keep.told(), Told::Begun);
    assert_eq!(leased(&rack.status(), &objects), [true, true]);
    assert_eq!(keep.read(), Told::Read(vec![1; 5000]));
    assert!(is_lost(write(&caller, objects[0])) && is_lost(write(&caller, objects[1])), "both are leased");
    keep.let_go();
    assert_eq!(taken(lent), vec![1; 5000]);
    let written = [&[0][..], &[2; 4999]].concat();
    assert_eq!(keep.read(), Told::Read(written.clone()));
    keep.let_go();
    assert_eq!(taken(waits), written);
    assert!(keep.is_silent(), "each call has run once");
    assert_eq!(leased(&rack.status(), &objects), [false, false]);
    for object in objects {
        write(&caller, object).unwrap();
    }
    first.free().unwrap();
    second.free().unwrap();
    assert_eq!(rack.status()["objects"]["count"], 0);
    assert_eq!((caller.state(), callee.state()), (NodeState::Joined, NodeState::Joined));
    drop((keep, callee, counter, caller));
    let (code, err) = rack.down();
    assert_eq!(code, 0, "{err}");
}

/// Ends what another thread does, also where the test fails.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

#[test]
fn calls_by_reference_come_out_right_however_often_gatekeeper_is_killed() {
    let mut rack = Rack::up();
    let caller = rack.join("c1");
    let mut arrays = SharedArraysClient::new(channel(&caller, "SharedArrays"));
    let (is_over, calls) = (AtomicBool::new(false), AtomicU32::new(0));
    std::thread::scope(|scope| {
        let calling = scope.spawn(|| {
            while !is_over.load(Ordering::Acquire) {
                let data: Vec<u8> = (0..=250).cycle().take(20_000).collect();
                let result = arrays.increment(Ref::by_reference(data.clone()), 3).unwrap().into_owned().unwrap();
                let expected: Vec<u8> = data.iter().map(|byte| byte.wrapping_add(3)).collect();
                assert_eq!(result.read().unwrap(), expected);
                result.free().unwrap();
                calls.fetch_add(1, Ordering::AcqRel);
            }
        });
        let _end = End(&is_over);
        for _ in 0..3 {
            let before = calls.load(Ordering::Acquire);
            rack.kill("gatekeeper");
            rack.await_gatekeeper();
            crate::rack::wait_for("another call", || calls.load(Ordering::Acquire) > before || calling.is_finished());
        }
    });
    assert_eq!(rack.status()["objects"]["count"], 0);
    drop((arrays, caller));
    let (code, err) = rack.down();
    assert_eq!(code, 0, "{err}");
}
