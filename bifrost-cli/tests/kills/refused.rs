//! What the switch drops without a word ends with an error, though no deadline was given; what only takes long does not.

use crate::WAIT;
use crate::rack::Rack;
use bifrost_rpc::CallError;
use bifrost_rpc::memory::{MemoryClient, MemoryError};
use bifrost_rpc::node::Node;
use bifrost_rpc::wire::Pointer;
use std::time::Duration;

/// The time after which nothing having been heard of an operation ends it.
const LIMIT: Duration = Duration::from_secs(2);

/// A client of the memory server that has an object; its operations have no deadline.
fn client(node: &Node, object: Pointer) -> MemoryClient {
    let channel = node.channel().operation_timeout(LIMIT).connect(&format!("udp://[{}]:7400", object.root()));
    MemoryClient::over(channel.unwrap(), object.root())
}

fn is_unanswered<T>(result: Result<T, MemoryError>) -> bool {
    matches!(result, Err(MemoryError::Call(CallError::Unanswered { waited })) if waited >= LIMIT)
}

#[test]
fn who_has_no_right_is_not_left_waiting() {
    let rack = Rack::up();
    let (owner, other) = (rack.join("c1"), rack.join("c2"));
    let object = owner.memory().alloc_and_write(vec![1; 5000]).unwrap();
    let memory = client(&other, object);
    // Nothing else goes on in the session.
    assert!(is_unanswered(memory.read(object, 0, 5000)));
    let own = memory.alloc_and_write(vec![2; 5000]).unwrap();
    let writing = {
        let memory = memory.clone();
        std::thread::spawn(move || memory.write(object, 0, vec![3; 200_000]))
    };
    while !writing.is_finished() {
        assert_eq!(memory.read(own, 0, 5000).unwrap(), [2; 5000]);
    }
    assert!(is_unanswered(writing.join().unwrap()));
    memory.free(own).unwrap();
    assert_eq!(owner.memory().read(object, 0, 5000).unwrap(), [1; 5000]);
    drop((memory, other));
    let other = rack.join_as("c2", |node| node.operation_timeout(LIMIT));
    assert!(is_unanswered(other.memory().read(object, 0, 5000)));
    drop((owner, other));
    let (code, err) = rack.down();
    assert_eq!(code, 0, "{err}");
}

#[test]
fn what_waits_for_gatekeeper_is_done_when_it_is_back() {
    let mut rack = Rack::up();
    let node = rack.join("c1");
    let object = node.memory().alloc_and_write(vec![1; 5000]).unwrap();
    let memory = client(&node, object);
    assert_eq!(memory.read(object, 0, 5000).unwrap(), [1; 5000]);
    rack.take_gatekeeper_away();
    let allocating = {
        let memory = memory.clone();
        std::thread::spawn(move || memory.alloc_and_write(vec![2; 5000]))
    };
    // Longer than a read would be waited for of which nothing is heard.
    let since = std::time::Instant::now();
    while since.elapsed() < 2 * LIMIT {
        assert_eq!(memory.read(object, 0, 5000).unwrap(), [1; 5000]);
    }
    assert!(!allocating.is_finished());
    rack.bring_gatekeeper_back();
    let another = allocating.join().unwrap().unwrap();
    assert_eq!(memory.read(another, 0, 5000).unwrap(), [2; 5000]);
    memory.free(another).unwrap();
    memory.free(object).unwrap();
    crate::rack::wait_for("nothing to be left", || rack.status()["objects"]["count"] == 0);
    assert!(since.elapsed() < WAIT);
    drop((memory, node));
    let (code, err) = rack.down();
    assert_eq!(code, 0, "{err}");
}
