//! What is refused for its length, its place, or for lack of something.

use super::*;

#[test]
fn ranges_that_the_object_does_not_have_are_refused() {
    let mut rig = Rig::plain();
    let pointer = rig.alloc(A, b"abcd");
    for (offset, len) in [(4, 1), (0, 5), (u64::MAX, 1), (1, u64::MAX), (u64::MAX, u64::MAX)] {
        assert_eq!(rig.read(A, pointer, offset, len), Err(Refusal::PastEnd { len: 4 }), "{offset}, {len}");
    }
    assert_eq!(rig.read(A, pointer, 0, 0), Err(Refusal::ZeroLength));
    assert_eq!(rig.write(A, pointer, 0, b""), Err(Refusal::ZeroLength));
    assert_eq!(rig.step(A, nowhere(), Action::Alloc { len: 0 }), Err(Refusal::ZeroLength));
    assert_eq!(rig.step(A, nowhere(), Action::AllocWrite { len: 0, data: Vec::new() }), Err(Refusal::ZeroLength));
}

#[test]
fn a_range_that_is_no_multiple_of_its_unit_is_misaligned() {
    let mut rig = Rig::plain();
    let pointer = rig.alloc(A, &[0; 16]);
    let mut read = |unit_log2, offset, len| {
        let id = rig.next();
        let work = Work::One(Step { unit_log2, ..step(pointer, Action::Read { offset, len }) });
        match rig.submit(A, id, work) {
            Submitted::Done(outcome) => outcome.map(|_| ()),
            Submitted::Waiting => panic!("a read waits"),
        }
    };
    assert_eq!(read(3, 8, 8), Ok(()));
    assert_eq!(read(3, 4, 8), Err(Refusal::Misaligned { unit: 8 }));
    assert_eq!(read(2, 4, 6), Err(Refusal::Misaligned { unit: 4 }));
    assert_eq!(read(255, 0, 16), Err(Refusal::Misaligned { unit: 4096 }), "a forged unit is cut");
}

#[test]
fn pointers_of_other_servers_and_earlier_boots_are_refused() {
    let mut rig = Rig::new(Config { boot: 5, ..Config::default() });
    let pointer = rig.alloc(A, b"abcd");
    let other = Pointer::new(pointer.prefix(), 2, pointer.object());
    assert_eq!(rig.read(A, other, 0, 1), Err(Refusal::WrongServer));
    assert_eq!(rig.read(A, Pointer::new(1, 1, pointer.object()), 0, 1), Err(Refusal::WrongServer));
    let at = |boot, counter| pointer.with_object(ObjectId { boot, counter });
    assert_eq!(rig.read(A, at(4, 1), 0, 1), Err(Refusal::ObjectLost));
    assert_eq!(rig.read(A, at(6, 1), 0, 1), Err(Refusal::NoSuchObject));
    assert_eq!(rig.read(A, at(5, 2), 0, 1), Err(Refusal::NoSuchObject));
}

#[test]
fn objects_stay_under_a_further_boot_number() {
    let mut rig = Rig::new(Config { boot: 5, ..Config::default() });
    let old = rig.alloc(A, b"old");
    rig.memory.made = u32::MAX;
    assert_eq!(rig.step(A, nowhere(), Action::Alloc { len: 1 }), Err(Refusal::IdsExhausted));
    assert_eq!(rig.memory.ids_left(), 0);
    rig.memory.continue_under(5);
    assert_eq!(rig.memory.ids_left(), 0);
    rig.memory.continue_under(9);
    let new = rig.alloc(A, b"new");
    assert_eq!(new.object_id(), ObjectId { boot: 9, counter: 1 });
    assert_eq!(rig.read(A, old, 0, 3).unwrap(), b"old");
}

#[test]
fn out_of_memory_is_refused_and_nothing_leaks() {
    let mut rig = Rig::new(Config { capacity_bytes: 64 * KIB, ..Config::default() });
    let free = 64 * KIB - rig.baseline;
    let refused = rig.step(A, nowhere(), Action::Alloc { len: 64 * KIB });
    assert_eq!(refused, Err(Refusal::OutOfMemory { free: free - OBJECT_BYTES }));
    assert_eq!(
        rig.step(A, nowhere(), Action::AllocWrite { len: 70_000, data: vec![0; 70_000] }),
        Err(Refusal::OutOfMemory { free })
    );
    let pointer = rig.alloc(A, &[0; 40_000]);
    assert!(matches!(rig.write(A, pointer, 0, &[1; 40_000]), Err(Refusal::OutOfMemory { .. })));
    assert!(matches!(rig.memory.stage(client(A), announce(99, pointer, 40_000)), Staged::Done(Err(_))));
    rig.memory.acknowledge(client(A), 100, &[]);
    rig.id = 100;
    rig.free(A, pointer).unwrap();
    assert_eq!(rig.used(), 0);
}

#[test]
fn objects_their_sizes_and_quotas_are_bounded() {
    let config = Config { objects_max: 2, object_bytes_max: 100, holder_bytes_max: 150, ..Config::default() };
    let mut rig = Rig::new(config);
    let mut alloc = |node, len| rig.step(node, nowhere(), Action::Alloc { len }).map(|_| ());
    assert_eq!(alloc(A, 101), Err(Refusal::TooLarge { limit: 100 }));
    assert_eq!(alloc(A, u64::MAX), Err(Refusal::TooLarge { limit: 100 }));
    assert_eq!(alloc(A, 100), Ok(()));
    assert_eq!(alloc(A, 51), Err(Refusal::Quota { limit: 150 }));
    assert_eq!(alloc(B, 51), Ok(()));
    assert_eq!(alloc(B, 1), Err(Refusal::TooManyObjects { limit: 2 }));
}

#[test]
fn a_writer_is_refused_while_readers_pin_too_much() {
    let mut rig = Rig::new(Config { pinned_bytes_max: 6000, ..Config::default() });
    let pointer = rig.alloc(A, &[1; 5000]);
    let read = rig.step(A, pointer, Action::Read { offset: 0, len: 5000 }).unwrap();
    rig.write(A, pointer, 0, &[2; 5000]).unwrap();
    assert_eq!(rig.memory.metrics().pinned_bytes, 5000);
    let second = rig.step(A, pointer, Action::Read { offset: 0, len: 5000 }).unwrap();
    assert_eq!(rig.write(A, pointer, 0, &[3; 5000]), Err(Refusal::TooManyPinned { limit: 6000 }));
    assert!(matches!(&read, Answer::Data(data) if data.to_vec() == [1; 5000]));
    drop(read);
    rig.write(A, pointer, 0, &[3; 5000]).unwrap();
    assert!(matches!(&second, Answer::Data(data) if data.to_vec() == [2; 5000]));
    drop(second);
    rig.free(A, pointer).unwrap();
    assert_eq!((rig.used(), rig.memory.metrics().pinned_bytes), (0, 0));
}

#[test]
fn clients_and_what_is_kept_of_them_are_bounded() {
    let config = Config { clients_max: 2, records_max: 3, waiting_max: 1, staged_max: 1, ..Config::default() };
    let mut rig = Rig::new(config);
    assert_eq!(rig.memory.open(client(3)), Err(Refusal::TooManyClients { limit: 2 }));
    assert_eq!(rig.memory.open(client(A)), Ok(()), "a known one stays");
    let pointer = rig.alloc(A, b"....");
    let full = |limit| Submitted::Done(Err(Refusal::TooManyOutstanding { limit }));
    assert_eq!(rig.submit(A, 11, write_after(pointer, 10, b"wait")), Submitted::Waiting);
    assert_eq!(rig.submit(A, 12, write_after(pointer, 10, b"wait")), full(1));
    assert_eq!(rig.memory.stage(client(A), announce(13, pointer, 4)), Staged::Ready);
    let refused = rig.memory.stage(client(A), announce(14, pointer, 4));
    assert_eq!(refused, Staged::Done(Err(Refusal::TooManyOutstanding { limit: 1 })));
    assert_eq!(rig.submit(A, 15, write_after(pointer, 0, b"done")), Submitted::Done(Ok(Answer::Written)));
    assert_eq!(rig.submit(A, 16, write_after(pointer, 0, b"full")), full(3));
    let ended = 15..16;
    rig.memory.acknowledge(client(A), 1, std::slice::from_ref(&ended));
    assert_eq!(rig.submit(A, 16, write_after(pointer, 0, b"room")), Submitted::Done(Ok(Answer::Written)));
    assert_eq!(rig.submit(A, 15, write_after(pointer, 0, b"done")), Submitted::Done(Err(Refusal::Ended)));
}

#[test]
fn a_batch_has_as_many_steps_as_it_may() {
    let mut rig = Rig::plain();
    let pointer = rig.alloc(A, b"....");
    let refused = Submitted::Done(Err(Refusal::BatchLength { limit: BATCH_STEPS_MAX as u64 }));
    for len in [0, BATCH_STEPS_MAX + 1] {
        let id = rig.next();
        let steps = vec![step(pointer, Action::Read { offset: 0, len: 1 }); len];
        assert_eq!(rig.submit(A, id, Work::Batch(steps)), refused);
    }
}
