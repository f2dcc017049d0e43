//! The switch, a node, a memory server are killed.

use crate::SHORT;
use crate::generated::example::{CounterClient, TCounterSyncClient};
use crate::rack::{Rack, channel, state, wait_for};
use bifrost_bench::services::benchmark::{PingClient, TPingSyncClient};
use bifrost_rpc::memory::{GlobalMemory, MemoryClient};
use bifrost_rpc::wire::Pointer;

/// An object at each of these servers.
fn objects_at(memory: &GlobalMemory, servers: [u8; 2]) -> [Pointer; 2] {
    servers.map(|server| memory.client(server).unwrap().alloc_and_write(vec![server; 100]).unwrap())
}

#[test]
fn a_rack_without_its_switch_ends_and_leaves_nothing() {
    let mut rack = Rack::up();
    let caller = rack.join("c1");
    PingClient::new(channel(&caller, "Ping")).ping().unwrap();
    rack.kill("switch");
    while rack.line() != "switch has ended; without it there is no rack" {}
    let (code, err) = rack.end();
    assert_eq!(code, 1, "{err}");
}

#[test]
fn a_node_that_was_killed_fails_and_the_others_go_on() {
    let mut rack = Rack::up();
    let caller = rack.join("c1");
    assert_eq!(CounterClient::new(channel(&caller, "Counter")).add(1).unwrap(), 1);
    rack.kill("s1");
    while rack.line() != "s1 has ended" {}
    wait_for("s1 to be declared dead", || state(&rack.status(), "s1") == "failed");
    let object = caller.memory().alloc_and_write(vec![7; 100]).unwrap();
    assert_eq!(caller.memory().read(object, 0, 100).unwrap(), [7; 100]);
    drop(caller);
    // The one that was killed did not end well.
    assert_eq!(rack.down().0, 1);
}

#[test]
fn a_memory_server_that_was_killed_takes_its_objects_along_and_no_others() {
    let mut rack = Rack::up();
    let caller = rack.join("c1");
    let memory = caller.memory();
    let [lost, kept] = objects_at(&memory, [1, 2]);
    rack.kill("m1");
    while rack.line() != "m1 has ended" {}
    wait_for("m1 to be declared dead", || state(&rack.status(), "m1") == "failed");
    let status = rack.status();
    assert_eq!(status["objects"]["first"][0]["pointer"], kept.to_string(), "{status}");
    assert_eq!(status["objects"]["count"], 1);
    assert_eq!(memory.read(kept, 0, 100).unwrap(), [2; 100]);
    let hasty = caller.channel().deadline(SHORT).connect(&format!("udp://[{}]:7400", lost.root())).unwrap();
    assert!(MemoryClient::over(hasty, lost.root()).read(lost, 0, 100).is_err());
    wait_for("the node to hear of it", || caller.memory_servers() == [2]);
    let another = memory.alloc_and_write(vec![3; 100]).unwrap();
    assert_eq!(another.server(), 2);
    drop((memory, caller));
    assert_eq!(rack.down().0, 1);
}
