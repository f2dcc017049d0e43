//! The rights of docs/memory.md, section 6, between nodes.

use crate::rack::{A, B, C, Memory, call, ptr, ptrs, refused};
use bifrost_dsm::front::idl::memory_control::TMemoryControlSyncClient;
use bifrost_rpc::memory::MemoryStatus;

#[test]
fn the_node_that_makes_an_object_controls_it() {
    let server = Memory::start();
    let (a, b) = (server.node(A), server.node(B));
    let object = a.alloc_and_write(vec![7; 5000]).unwrap();
    assert_eq!(refused(b.read(object, 0, 1)), MemoryStatus::Denied);
    assert_eq!(refused(b.write(object, 0, vec![1])), MemoryStatus::Denied);
    assert_eq!(refused(b.free(object)), MemoryStatus::Denied);
    assert_eq!(server.node(A).read(object, 0, 5000).unwrap(), vec![7; 5000], "another process of the node");
    assert_eq!(refused(server.node(A.next()).read(object, 0, 1)), MemoryStatus::Denied, "its next life");
    a.free(object).unwrap();
}

#[test]
fn a_lessee_reads_and_nobody_writes_until_the_call_ends() {
    let server = Memory::start();
    let (a, b, mut plane) = (server.node(A), server.node(B), server.plane(1));
    let object = a.alloc_and_write(vec![7; 5000]).unwrap();
    assert_eq!(plane.lease(1, A, B, &[object]), Ok(1));
    assert_eq!(b.read(object, 0, 5000).unwrap(), vec![7; 5000]);
    assert_eq!(refused(b.write(object, 0, vec![1])), MemoryStatus::Denied);
    assert_eq!(refused(b.free(object)), MemoryStatus::Denied);
    assert_eq!(refused(a.write(object, 0, vec![1])), MemoryStatus::Leased);
    assert_eq!(a.read(object, 0, 1).unwrap(), [7]);
    let row = plane.table().remove(0);
    assert_eq!((row.object, row.bytes, row.control), (ptr(object), 5000, Some(A.holder())));
    assert_eq!((row.leases.len(), &row.leases[0].call, &row.leases[0].callee), (1, &call(1), &B.holder()));
    assert_eq!(plane.release(1), Ok(1));
    assert_eq!(refused(b.read(object, 0, 1)), MemoryStatus::Denied);
    a.write(object, 0, vec![1]).unwrap();
}

#[test]
fn a_node_passes_on_what_it_leases_and_nothing_else() {
    let server = Memory::start();
    let (a, c, mut plane) = (server.node(A), server.node(C), server.plane(1));
    let object = a.alloc(100).unwrap();
    let no_right = Err((5, 0));
    assert_eq!(plane.lease(1, B, C, &[object]), no_right);
    assert_eq!(plane.lease(2, A, B, &[object]), Ok(1));
    assert_eq!(plane.lease(3, B, C, &[object]), Ok(1));
    assert_eq!(c.read(object, 0, 1).unwrap(), [0]);
    assert_eq!((plane.release(3), plane.release(2)), (Ok(1), Ok(1)));
    assert_eq!(refused(c.read(object, 0, 1)), MemoryStatus::Denied);
}

#[test]
fn a_free_under_a_lease_waits_for_the_lessees() {
    let server = Memory::start();
    let (a, b, mut plane) = (server.node(A), server.node(B), server.plane(1));
    let object = a.alloc_and_write(vec![7; 100_000]).unwrap();
    plane.lease(1, A, B, &[object]).unwrap();
    a.free(object).unwrap();
    assert_eq!(refused(a.read(object, 0, 1)), MemoryStatus::NoObject);
    assert_eq!(b.read(object, 99_999, 1).unwrap(), [7]);
    assert!(plane.table()[0].freed && plane.metrics().used_bytes > 100_000);
    assert_eq!(plane.release(1), Ok(1));
    assert_eq!(refused(b.read(object, 0, 1)), MemoryStatus::NoObject);
    assert_eq!(plane.metrics().objects, 0);
}

#[test]
fn a_reply_gives_the_caller_what_the_callee_controlled() {
    let server = Memory::start();
    let (a, b, mut plane) = (server.node(A), server.node(B), server.plane(1));
    let (argument, result) = (a.alloc(10).unwrap(), b.alloc(10).unwrap());
    plane.lease(1, A, B, &[argument]).unwrap();
    let returned = [argument, result];
    let reply = plane.say(|client, stamp| client.reply(stamp, call(1), B.holder(), A.holder(), ptrs(&returned)));
    assert_eq!(reply, Ok(2), "one object, one lease");
    a.write(result, 0, vec![1]).unwrap();
    a.write(argument, 0, vec![1]).unwrap();
    assert_eq!(refused(b.read(result, 0, 1)), MemoryStatus::Denied);
}

#[test]
fn control_is_revoked_and_granted() {
    let server = Memory::start();
    let (a, b, mut plane) = (server.node(A), server.node(B), server.plane(1));
    let object = a.alloc(10).unwrap();
    let grant_b = |client: &mut _, stamp| TMemoryControlSyncClient::grant(client, stamp, ptr(object), B.holder());
    assert_eq!(plane.say(grant_b), Err((5, 0)), "somebody controls it");
    assert_eq!(plane.say(|client, stamp| client.revoke(stamp, ptr(object), A.holder())), Ok(1));
    assert_eq!(refused(a.read(object, 0, 1)), MemoryStatus::Denied);
    assert_eq!((plane.say(grant_b), plane.say(grant_b)), (Ok(1), Ok(0)));
    b.write(object, 0, vec![1]).unwrap();
}

#[test]
fn objects_are_reclaimed_from_whom_controls_them() {
    let server = Memory::start();
    let (a, b, mut plane) = (server.node(A), server.node(B), server.plane(1));
    let (gone, stays) = (a.alloc(10).unwrap(), b.alloc(10).unwrap());
    let objects = || ptrs(&[gone, stays]);
    assert_eq!(plane.say(|client, stamp| client.reclaim(stamp, objects(), A.holder())), Ok(1));
    assert_eq!(refused(a.read(gone, 0, 1)), MemoryStatus::NoObject);
    b.write(stays, 0, vec![1]).unwrap();
}

#[test]
fn an_ended_incarnation_is_refused_and_its_successor_takes_its_place() {
    let server = Memory::start();
    let (a, b, mut plane) = (server.node(A), server.node(B), server.plane(1));
    let (object, leased) = (a.alloc_and_write(vec![7; 10]).unwrap(), b.alloc_and_write(vec![8; 10]).unwrap());
    plane.lease(1, B, A, &[leased]).unwrap();
    assert_eq!(plane.say(|client, stamp| client.end_incarnation(stamp, A.holder())), Ok(1));
    let ended = MemoryStatus::IncarnationEnded;
    assert_eq!(refused(a.read(object, 0, 1)), ended);
    assert_eq!(refused(a.write(object, 0, vec![1; 10])), ended);
    assert_eq!(refused(a.alloc_and_write(vec![1; 1 << 20])), ended);
    assert_eq!(refused(server.node(A).alloc(1)), ended, "a new process of it");
    assert_eq!(plane.client.ended().unwrap(), [A.holder()]);
    let successor = server.node(A.next());
    assert_eq!(refused(successor.read(object, 0, 1)), MemoryStatus::Denied);
    assert_eq!(plane.say(|client, stamp| client.succeed(stamp, A.holder(), A.next().holder())), Ok(2));
    assert_eq!((successor.read(object, 0, 1).unwrap(), successor.read(leased, 0, 1).unwrap()), (vec![7], vec![8]));
    successor.free(object).unwrap();
}

#[test]
fn all_that_a_node_controlled_is_cleaned_up_and_again_without_harm() {
    let server = Memory::start();
    let (a, b, mut plane) = (server.node(A), server.node(B), server.plane(1));
    let kept = b.alloc_and_write(vec![8; 10]).unwrap();
    let before = plane.metrics();
    let objects: Vec<_> = (0..2500).map(|_| a.alloc(1000).unwrap()).collect();
    plane.lease(1, A, B, &objects[..1]).unwrap();
    plane.lease(2, B, A, &[kept]).unwrap();
    assert_eq!(plane.cleanup(A), Ok(2502), "itself, its objects, the lease to it");
    assert_eq!(plane.again(|client, stamp| client.cleanup(stamp, A.holder())), Ok(2502), "the same message");
    assert_eq!(plane.cleanup(A), Ok(0), "another one");
    assert_eq!(plane.metrics().objects, 2);
    assert_eq!(b.read(objects[0], 0, 1).unwrap(), [0], "as far as leases allow");
    b.write(kept, 0, vec![1]).unwrap();
    assert_eq!(plane.release(1), Ok(1));
    let after = plane.metrics();
    assert_eq!((after.objects, after.leases), (before.objects, 0));
    assert!(after.used_bytes <= before.used_bytes, "{} bytes of {}", after.used_bytes, before.used_bytes);
    assert_eq!(refused(a.alloc(1)), MemoryStatus::IncarnationEnded);
}
