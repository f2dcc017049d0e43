//! What is wrong is refused with its reason, leaves nothing, and the server serves on.

use crate::daemon::{Random, connect, free_bytes, refused, start, start_at, wait_until};
use crate::raw::Raw;
use bifrost_rpc::memory::{MemoryClient, MemoryError, MemoryOp, MemoryRequest, MemoryStatus, Pointer};
use nix::sys::signal::Signal;
use std::time::Duration;

/// A request by hand; its argument says of what unit the range has to be.
fn request(pointer: Pointer, op: MemoryOp, argument: u8, (offset, len): (u64, u64), data: Vec<u8>) -> MemoryRequest {
    let (body, deadline) = (bytes::Bytes::from(data).into(), Some(Duration::from_secs(10)));
    MemoryRequest { pointer, op, argument, is_batch: false, offset, len, body, place: None, deadline }
}

#[test]
fn each_misuse_has_its_reason_and_leaves_nothing() {
    use MemoryStatus::{NoObject, OutOfMemory, OutOfRange, WrongServer, ZeroLength};
    let serving = start(&["--open", "--capacity", "64M", "--server", "3"]);
    let client = connect(&serving);
    let object = client.alloc_and_write(vec![7; 10_000]).unwrap();
    let before = free_bytes(&client);
    // Out of memory: by its length alone, announced, and for a second version while it comes.
    assert_eq!(refused(client.alloc(65 << 20)), (OutOfMemory, before));
    assert_eq!(refused(client.alloc_and_write(vec![1; 64 << 20])).0, OutOfMemory);
    let large = client.alloc(40 << 20).unwrap();
    assert_eq!(refused(client.write(large, 0, vec![1; 40 << 20])).0, OutOfMemory);
    client.free(large).unwrap();
    // Freed, never made, of a later boot, of another server, of another rack.
    for pointer in [large, Pointer::new(0xfd, 3, large.object() + 1000), Pointer::new(0xfd, 3, u64::MAX)] {
        assert_eq!(refused(client.read(pointer, 0, 1)), (NoObject, 0));
        assert_eq!(refused(client.write(pointer, 0, vec![1; 1 << 20])), (NoObject, 0));
        assert_eq!(refused(client.free(pointer)), (NoObject, 0));
    }
    for pointer in [Pointer::new(0xfd, 2, object.object()), Pointer::new(0xfc, 3, object.object())] {
        assert_eq!(refused(client.read(pointer, 0, 1)), (WrongServer, 0));
        assert_eq!(refused(client.write(pointer, 0, vec![1; 1 << 20])), (WrongServer, 0));
        assert_eq!(refused(client.free(pointer)), (WrongServer, 0));
    }
    // Past the end, and no bytes.
    for (offset, len) in [(10_000, 1), (0, 10_001), (1, 10_000), (u64::MAX - 1, 1)] {
        assert_eq!(refused(client.read(object, offset, len)), (OutOfRange, 10_000), "{offset} {len}");
        let data = vec![1; usize::try_from(len).unwrap()];
        assert_eq!(refused(client.write(object, offset, data)), (OutOfRange, 10_000), "{offset} {len}");
    }
    assert_eq!(refused(client.alloc(0)), (ZeroLength, 0));
    assert_eq!(refused(client.read(object, 0, 0)), (ZeroLength, 0));
    assert_eq!(refused(client.write(object, 0, Vec::new())), (ZeroLength, 0));
    assert_eq!(refused(client.alloc((1 << 30) + 1)), (MemoryStatus::TooLarge, 1 << 30));
    assert_eq!(free_bytes(&client), before, "nothing is left");
    assert!(client.read(object, 0, 10_000).unwrap() == vec![7; 10_000]);
}

#[test]
fn what_is_no_multiple_of_its_unit_is_misaligned() {
    let serving = start(&["--open"]);
    let client = connect(&serving);
    let object = client.alloc_and_write(vec![7; 10_000]).unwrap();
    let mut raw = Raw::new(serving.url());
    let mut status = |op, argument, range, data| {
        let answer = raw.run(request(object, op, argument, range, data), usize::MAX).unwrap().unwrap();
        (answer.status(), answer.detail())
    };
    assert_eq!(status(MemoryOp::Read, 3, (8, 16), Vec::new()), (MemoryStatus::Ok, 0));
    assert_eq!(status(MemoryOp::Read, 3, (4, 16), Vec::new()), (MemoryStatus::Misaligned, 8));
    assert_eq!(status(MemoryOp::Read, 255, (0, 10_000), Vec::new()), (MemoryStatus::Misaligned, 4096));
    assert_eq!(status(MemoryOp::Write, 2, (4, 6), vec![1; 6]), (MemoryStatus::Misaligned, 4));
    assert_eq!(status(MemoryOp::Write, 12, (0, 5000), vec![1; 5000]), (MemoryStatus::Misaligned, 4096));
    assert!(client.read(object, 0, 10_000).unwrap() == vec![7; 10_000]);
}

#[test]
fn random_bytes_are_no_pointers() {
    let serving = start(&["--open", "--capacity", "64M"]);
    let mut random = Random(5);
    for round in 0..40 {
        let mut forged: [u8; 16] = random.bytes(16).try_into().unwrap();
        if round % 2 == 0 {
            forged[..4].fill(0);
        }
        let forged = Pointer::from_bytes(forged);
        let channel = bifrost_rpc::Channel::builder().deadline(Duration::from_secs(5)).connect(serving.url()).unwrap();
        let client = MemoryClient::over(channel, Pointer::default());
        for result in [client.read(forged, 0, 1).map(drop), client.write(forged, 0, vec![1; 5000]), client.free(forged)]
        {
            match result {
                Err(MemoryError::Refused { status, .. }) => {
                    assert!(matches!(status, MemoryStatus::WrongServer | MemoryStatus::NoObject), "{status:?}");
                }
                Err(MemoryError::Call(error)) => assert!(!error.may_have_run(), "{forged}: {error}"),
                other => panic!("{forged}: {other:?}"),
            }
        }
    }
    assert!(connect(&serving).alloc(1).is_ok(), "it serves on");
}

#[test]
fn another_node_is_refused() {
    let serving = start_at(&["udp://127.0.0.1:0", "udp://[::1]:0"], &[]);
    let [mine, other] = [0, 1].map(|at: usize| MemoryClient::connect(&serving.urls[at]).unwrap());
    let object = mine.alloc_and_write(vec![1; 3 << 20]).unwrap();
    let denied = (MemoryStatus::Denied, 0);
    assert_eq!(refused(other.read(object, 0, 1)), denied);
    assert_eq!(refused(other.write(object, 0, vec![2; 3 << 20])), denied);
    assert_eq!(refused(other.free(object)), denied);
    assert!(mine.read(object, 0, 3 << 20).unwrap() == vec![1; 3 << 20]);
    mine.free(object).unwrap();
}

#[test]
fn objects_of_an_earlier_life_are_lost() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("boot").display().to_string();
    let options = ["--open", "--capacity", "64M", "--state", &state];
    let mut serving = start(&options);
    let address = serving.url().to_owned();
    let mut lives = Vec::new();
    for signal in [Signal::SIGTERM, Signal::SIGKILL, Signal::SIGKILL] {
        let client = connect(&serving);
        lives.push(client.alloc_and_write(vec![1; 100]).unwrap());
        serving.signal(signal);
        let (status, _) = serving.end();
        assert_eq!(status.code() == Some(0), signal == Signal::SIGTERM);
        serving = start_at(&[&address], &options);
    }
    let client = connect(&serving);
    let fresh = client.alloc_and_write(vec![1; 100]).unwrap();
    for old in &lives {
        assert!(old.object_id().boot < fresh.object_id().boot);
        assert_eq!(refused(client.read(*old, 0, 1)), (MemoryStatus::ObjectLost, 0));
        assert_eq!(refused(client.write(*old, 0, vec![2; 100])), (MemoryStatus::ObjectLost, 0));
        assert_eq!(refused(client.write(*old, 0, vec![2; 1 << 20])), (MemoryStatus::ObjectLost, 0));
        assert_eq!(refused(client.free(*old)), (MemoryStatus::ObjectLost, 0));
    }
    assert_eq!(client.read(fresh, 0, 100).unwrap(), [1; 100]);
}

#[test]
fn a_client_outlives_its_server() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("boot").display().to_string();
    let options = ["--open", "--state", &state];
    let serving = start(&options);
    let (address, client) = (serving.url().to_owned(), connect(&serving));
    let object = client.alloc(100).unwrap();
    serving.signal(Signal::SIGTERM);
    serving.end();
    let _again = start_at(&[&address], &options);
    let mut last = None;
    // What was sent to the old life may be reported as of unknown outcome first.
    wait_until("the new life answers", || {
        last = Some(client.write(object, 0, vec![1; 100]));
        matches!(last, Some(Err(MemoryError::Refused { .. })))
    });
    assert_eq!(refused(last.unwrap()), (MemoryStatus::ObjectLost, 0));
}

#[test]
fn a_state_file_of_something_else_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("boot");
    std::fs::write(&state, "something else").unwrap();
    let outcome = crate::common::bifrost(&["mem", "udp://[::1]:0", "--state", &state.display().to_string()]);
    assert_eq!(outcome.code, 1, "{outcome:?}");
    assert!(outcome.err.contains("holds no boot number"), "{outcome:?}");
    let outcome = crate::common::bifrost(&["mem", "tcp://[::1]:0"]);
    assert!(outcome.code == 2 && outcome.err.contains("UDP only"), "{outcome:?}");
}
