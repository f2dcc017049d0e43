//! Snapshots, by themselves and under load.

use crate::rack::{A, Memory, ptrs, refused};
use bifrost_dsm::front::idl::memory_control::TMemoryControlSyncClient;
use bifrost_rpc::memory::MemoryStatus;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

#[test]
fn what_is_restored_is_as_it_was_and_each_step_may_be_repeated() {
    let server = Memory::start();
    let (a, mut plane) = (server.node(A), server.plane(1));
    let objects: Vec<_> = (1..=3u8).map(|value| a.alloc_and_write(vec![value; 300_000]).unwrap()).collect();
    let all = ptrs(&objects);
    for changed in [3, 0] {
        assert_eq!(plane.say(|client, stamp| client.snapshot(stamp, -1, all.clone())), Ok(changed));
    }
    assert_eq!(plane.say(|client, stamp| client.snapshot(stamp, -1, all[1..].to_vec())), Err((25, 0)));
    a.write(objects[0], 10, vec![9; 100]).unwrap();
    a.free(objects[1]).unwrap();
    let kept = plane.client.snapshots().unwrap().remove(0);
    assert_eq!((kept.id, kept.objects), (-1, all));
    for _ in 0..2 {
        assert_eq!(plane.say(|client, stamp| client.restore(stamp, -1)), Ok(3));
        for (object, value) in objects.iter().zip(1..) {
            assert!(a.read(*object, 0, 300_000).unwrap() == vec![value; 300_000]);
        }
    }
    a.free(objects[2]).unwrap();
    for changed in [3, 0] {
        assert_eq!(plane.say(|client, stamp| client.drop(stamp, -1)), Ok(changed));
    }
    assert_eq!(plane.say(|client, stamp| client.restore(stamp, -1)), Err((24, 0)));
    assert_eq!(refused(a.read(objects[2], 0, 1)), MemoryStatus::NoObject);
    assert_eq!(plane.metrics().objects, 2);
}

#[test]
fn operations_go_on_while_many_objects_are_kept_restored_and_freed() {
    const OBJECTS: usize = 5000;
    let server = Memory::start();
    let (node, mut plane) = (server.node(A), server.plane(1));
    let objects: Vec<_> = (0..OBJECTS).map(|_| node.alloc_and_write(vec![0; 64]).unwrap()).collect();
    let all = ptrs(&objects);
    let (is_over, done) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for value in 1..=2u8 {
            let (objects, is_over, done, node) = (&objects, &is_over, &done, server.node(A));
            scope.spawn(move || {
                for object in objects.iter().cycle().take_while(|_| !is_over.load(Ordering::Relaxed)) {
                    node.write(*object, 0, vec![value; 64]).unwrap();
                    let read = node.read(*object, 0, 64).unwrap();
                    assert!(read.iter().all(|byte| *byte == read[0]), "of one version");
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let expected = i64::try_from(OBJECTS).unwrap();
        for id in 0..10 {
            let before = done.load(Ordering::Relaxed);
            assert_eq!(plane.say(|client, stamp| client.snapshot(stamp, id, all.clone())), Ok(expected));
            assert_eq!(plane.say(|client, stamp| client.restore(stamp, id)), Ok(expected));
            assert_eq!(plane.say(|client, stamp| client.drop(stamp, id)), Ok(expected));
            while done.load(Ordering::Relaxed) == before {
                std::thread::yield_now();
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
    assert_eq!(plane.cleanup(A), Ok(1 + i64::try_from(OBJECTS).unwrap()));
    let metrics = plane.metrics();
    assert_eq!((metrics.objects, metrics.snapshots, metrics.pinned_bytes), (0, 0, 0));
}
