//! Short values that go together.

use crate::rack::{LONG, Rack, Sums, bytes, sums};
use crate::references::*;
use crate::store::Store;
use bifrost_rpc::Channel;
use bifrost_rpc::memory::{GlobalMemory, MemoryError, MemoryStatus};
use bifrost_rpc::reference::{Ref, ReferenceError};
use std::sync::atomic::Ordering::SeqCst;

const ROOM: u64 = 1 << 20;
/// The handler reads one argument of unknown length: this server tells the length first.
const READS: usize = 2;

fn asked(rack: &Rack) -> usize {
    rack.counts.asked.swap(0, SeqCst)
}

fn by_reference(len: usize) -> Ref<Vec<u8>> {
    Ref::by_reference(bytes(len))
}

#[test]
fn short_arguments_are_stored_by_one_message() {
    let rack = Rack::of(Store::of(1, ROOM).open());
    let (_server, mut client) = sums(&rack);
    // Whether the server takes that is not known before the first.
    client.sum(by_reference(10), by_reference(20), 4).unwrap();
    assert_eq!(rack.made(), 2);
    rack.settles_at(0);
    for (one, two, messages) in [(30, 1000, 1), (40, 32 << 10, 1), (40, LONG, 2), (LONG, LONG, 2)] {
        asked(&rack);
        let sum = client.sum(by_reference(one), by_reference(two), 4).unwrap();
        assert_eq!((sum.into_value().unwrap(), asked(&rack)), (bytes(one), messages + READS), "{one} and {two} bytes");
        rack.settles_at(0);
    }
}

#[test]
fn where_nodes_are_protected_each_argument_has_its_message() {
    let rack = Rack::of(Store::of(1, ROOM));
    let (_server, mut client) = sums(&rack);
    for _ in 0..2 {
        asked(&rack);
        client.sum(by_reference(10), by_reference(20), 4).unwrap();
        assert_eq!(asked(&rack), 2 + READS);
        rack.settles_at(0);
    }
}

#[test]
fn what_finds_no_room_fails_the_call_and_the_rest_is_freed() {
    let rack = Rack::of(Store::of(1, 3000).open());
    let (_server, mut client) = sums(&rack);
    client.sum(by_reference(10), by_reference(20), 4).unwrap();
    rack.settles_at(0);
    let error = client.sum(by_reference(2000), by_reference(2000), 4).unwrap_err();
    let refused = MemoryError::Refused { status: MemoryStatus::OutOfMemory, detail: 1000 };
    assert_eq!(ReferenceError::of(&error), Some(&ReferenceError::Memory(refused)));
    for _ in 0..1000 {
        if rack.counts.store.objects() == 0 {
            break;
        }
        std::thread::park_timeout(std::time::Duration::from_millis(5));
    }
    assert_eq!(rack.counts.store.objects(), 0, "the first one is freed");
    client.sum(by_reference(1000), by_reference(2000), 4).unwrap();
}

#[test]
fn what_finds_no_room_among_others_is_made_elsewhere() {
    let (small, large) = (Rack::of(Store::of(1, 3000).open()), Rack::of(Store::of(2, ROOM).open()));
    let memory = || GlobalMemory::connect(&format!("1={},2={}", small.url(), large.url())).unwrap();
    let server = small.service().global_memory(memory()).service(MemorySyncProcessor::new(Sums)).start().unwrap();
    let own = memory();
    let mut client = MemoryClient::new(Channel::builder().global_memory(own.clone()).connect(&server.url()).unwrap());
    for round in 0..20 {
        let sum = client.sum(by_reference(2000), by_reference(2000), 1).unwrap();
        assert_eq!(*sum.get().unwrap(), bytes(2000), "round {round}");
    }
    assert!(large.made() > 0);
    drop(client);
}
