//! Several memory servers behind one handle.

use crate::rack::{A, B, Memory, refused};
use bifrost_rpc::Channel;
use bifrost_rpc::memory::{GlobalMemory, MemoryError, MemoryStatus};
use std::collections::BTreeMap;
use std::time::Duration;

/// Servers m1, m2, … of these capacities.
fn servers(capacities: &[&str]) -> Vec<Memory> {
    let control = ["--control", "udp://127.0.0.1:0"];
    let start = |(id, capacity): (usize, &&str)| {
        let id = (id + 1).to_string();
        Memory::with(&[&["--server", &id, "--capacity", capacity], &control[..]].concat())
    };
    capacities.iter().enumerate().map(start).collect()
}

fn connect(servers: &[Memory], address: [u8; 4]) -> GlobalMemory {
    let list: Vec<&str> = servers.iter().map(|server| server.url.as_str()).collect();
    let channels = Channel::builder().local(address.into()).peer_timeout(Duration::from_millis(300));
    GlobalMemory::connect_with(&list.join(","), channels).unwrap()
}

#[test]
fn objects_go_where_memory_is_free_until_there_is_none() {
    let servers = servers(&["3M", "1M", "2M"]);
    let memory = connect(&servers, [127, 0, 0, 2]);
    let mut objects = Vec::new();
    let error = loop {
        match memory.alloc_and_write(vec![1; 20_000]) {
            Ok(object) => objects.push(object),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, MemoryError::Refused { status: MemoryStatus::OutOfMemory, detail: 1..20_512 }), "{error}");
    let mut count = BTreeMap::<u8, usize>::new();
    objects.iter().for_each(|object| *count.entry(object.server()).or_default() += 1);
    // The servers' own records of their clients take some, too.
    let full = |mebibytes: usize| (mebibytes << 20) / 20_512;
    for (server, most) in [(1, full(3)), (2, full(1)), (3, full(2))] {
        assert!((most - 1..=most).contains(&count[&server]), "m{server} has {} of {most}", count[&server]);
    }
    for object in objects {
        assert!(memory.read(object, 0, 20_000).unwrap() == vec![1; 20_000]);
        memory.free(object).unwrap();
    }
    for server in &servers {
        assert_eq!(server.plane(1).metrics().objects, 0);
    }
}

#[test]
fn the_others_go_on_when_a_server_dies() {
    let mut servers = servers(&["64M", "64M", "64M"]);
    let memory = connect(&servers, [127, 0, 0, 2]);
    let objects: Vec<_> = (0..6).map(|_| memory.alloc(1000).unwrap()).collect();
    servers.remove(1).end();
    for _ in 0..12 {
        match memory.alloc(1000) {
            Ok(object) => assert_ne!(object.server(), 2),
            // It was under way when the server fell silent.
            Err(error) => assert!(error.may_have_run(), "{error}"),
        }
    }
    for object in objects {
        assert_eq!(memory.read(object, 0, 1).is_ok(), object.server() != 2);
    }
}

#[test]
fn each_server_has_rights_and_terms_of_its_own() {
    let servers = servers(&["1M", "1M"]);
    let (a, b) = (connect(&servers, [127, 0, 0, 2]), connect(&servers, [127, 0, 0, 3]));
    let objects = [a.alloc(100).unwrap(), a.alloc(100).unwrap()];
    assert_eq!(objects.map(|object| object.server()), [1, 2]);
    let mut planes = [servers[0].plane(5), servers[1].plane(1)];
    for (plane, object) in planes.iter_mut().zip(objects) {
        assert_eq!(refused(b.read(object, 0, 1)), MemoryStatus::Denied);
        assert_eq!(plane.lease(1, A, B, &[object]), Ok(1));
        assert_eq!(b.read(object, 0, 1).unwrap(), [0]);
    }
    assert_eq!(planes[0].cleanup(B), Ok(2));
    assert_eq!(refused(b.read(objects[0], 0, 1)), MemoryStatus::IncarnationEnded);
    assert_eq!(b.read(objects[1], 0, 1).unwrap(), [0], "the control plane tells each server");
}
