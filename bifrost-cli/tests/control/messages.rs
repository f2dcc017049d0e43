//! The order of control messages, and what comes of those that cannot be taken.

use crate::rack::{A, B, Memory, Plane, ptr, refused};
use bifrost_dsm::front::idl::memory_control::{Holder, Malformed, Stamp, TMemoryControlSyncClient};
use bifrost_rpc::memory::{MemoryStatus, Pointer};

const OLD_TERM: i16 = 22;
const OUT_OF_SEQUENCE: i16 = 23;

#[test]
fn messages_of_an_older_term_are_refused() {
    let server = Memory::start();
    let (mut old, mut new) = (server.plane(3), server.plane(4));
    let object = server.node(A).alloc(10).unwrap();
    assert_eq!(old.lease(1, A, B, &[object]), Ok(1));
    assert_eq!(new.lease(2, A, B, &[object]), Ok(1));
    assert_eq!(old.release(2), Err((OLD_TERM, 4)));
    assert_eq!(server.node(B).read(object, 0, 1).unwrap(), [0]);
    assert_eq!(new.client.info().unwrap().last, Stamp { term: 4, sequence: 1 });
}

#[test]
fn a_message_that_comes_early_is_refused_and_sent_again() {
    let server = Memory::start();
    let (mut plane, mut early) = (server.plane(1), server.plane(1));
    let object = server.node(A).alloc(10).unwrap();
    early.sequence = 1;
    assert_eq!(early.release(1), Err((OUT_OF_SEQUENCE, 1)));
    assert_eq!(plane.lease(1, A, B, &[object]), Ok(1));
    early.sequence = 1;
    assert_eq!(early.release(1), Ok(1));
    assert_eq!(refused(server.node(B).read(object, 0, 1)), MemoryStatus::Denied);
}

#[test]
fn a_repeated_message_gets_its_outcome() {
    let server = Memory::start();
    let mut plane = server.plane(1);
    let object = server.node(A).alloc(10).unwrap();
    assert_eq!(plane.lease(1, A, B, &[object]), Ok(1));
    assert_eq!(plane.release(1), Ok(1));
    // The lease was delayed beyond its own release.
    plane.sequence = 1;
    let late = |client: &mut _, stamp| {
        TMemoryControlSyncClient::lease(client, stamp, crate::rack::call(1), A.holder(), B.holder(), vec![ptr(object)])
    };
    assert_eq!(plane.again(late), Ok(1));
    assert_eq!(plane.metrics().leases, 0);
    // A refusal is an outcome, too, and uses its number up.
    plane.sequence = 2;
    assert_eq!(plane.lease(2, B, A, &[object]), Err((5, 0)));
    server.node(B).alloc(1).unwrap();
    assert_eq!(plane.again(|client, stamp| client.release(stamp, crate::rack::call(9))), Err((5, 0)));
    assert_eq!(plane.release(9), Ok(0));
}

fn malformed<T: std::fmt::Debug>(result: thrift::Result<T>) -> String {
    match result {
        Err(thrift::Error::User(error)) => error.downcast::<Malformed>().expect("malformed").reason,
        other => panic!("not malformed: {other:?}"),
    }
}

#[test]
fn what_makes_no_sense_is_refused_and_uses_no_number() {
    let server = Memory::start();
    let mut plane = server.plane(1);
    let object = ptr(server.node(A).alloc(10).unwrap());
    let first = Stamp { term: 1, sequence: 1 };
    let client = &mut plane.client;
    let nobody = Holder { node: "nobody".to_owned(), incarnation: 1 };
    assert!(malformed(client.grant(first.clone(), object, nobody)).contains("nobody"));
    let below = Holder { incarnation: -1, ..A.holder() };
    assert!(malformed(client.cleanup(first.clone(), below)).contains("-1"));
    let other = ptr(Pointer::new(0xFD, 9, 1));
    assert!(malformed(client.revoke(first.clone(), other, A.holder())).contains("m1"));
    let with_operation = ptr(Pointer::new(0xFD, 1, 1).with_operation(2, 0));
    assert!(malformed(client.snapshot(first.clone(), 1, vec![object, with_operation])).contains("at rest"));
    assert!(malformed(client.release(Stamp { term: -1, sequence: 1 }, crate::rack::call(1))).contains("stamp"));
    assert!(malformed(client.table(other, 1)).contains("m1"));
    assert_eq!(client.revoke(first, object, A.holder()).unwrap(), 1);
}

#[test]
fn too_many_objects_are_an_outcome() {
    let server = Memory::start();
    let mut plane: Plane = server.plane(1);
    let object = server.node(A).alloc(10).unwrap();
    let many = vec![object; 65_537];
    assert_eq!(plane.lease(1, A, B, &many), Err((10, 65_536)));
    assert_eq!(plane.lease(1, A, B, &many[1..]), Ok(1));
}
