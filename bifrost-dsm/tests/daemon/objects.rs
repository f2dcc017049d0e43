//! What clients do to objects.

use crate::support::{bytes, open, refused, serve, wait_until};
use bifrost_dsm::{Config, READ_TO_END_BYTES_MAX};
use bifrost_rpc::Channel;
use bifrost_rpc::memory::{GlobalMemory, MemoryClient, MemoryStatus, Pointer};
use bifrost_rpc::reference::{Leased, Owned, ReferenceError};
use std::time::Duration;

#[test]
fn objects_are_made_written_read_and_freed() {
    let (daemon, client) = serve(open());
    for len in [1, 64, 5000, 300_000, 2 << 20, 9 << 20] {
        let data = bytes(len as u64, len);
        let object = client.alloc(len as u64).unwrap();
        assert_eq!((object.prefix(), object.server(), object.object() >> 32), (0xfd, 1, 7));
        assert!(client.read(object, 0, len as u64).unwrap() == vec![0; len]);
        client.write(object, 0, data.clone()).unwrap();
        client.write(object, 0, data.clone()).unwrap();
        let middle = len as u64 / 2;
        client.write_slice(object, middle, &[9]).unwrap();
        let mut expected = data.clone();
        expected[len / 2] = 9;
        assert!(client.read(object, 0, len as u64).unwrap() == expected);
        let other = client.alloc_and_write(data.clone()).unwrap();
        assert_ne!(object, other);
        assert!(client.read(other, 0, len as u64).unwrap() == data);
        client.free(object).unwrap();
        client.free(other).unwrap();
        assert_eq!(refused(client.read(object, 0, 1)), (MemoryStatus::NoObject, 0));
    }
    assert_eq!(daemon.memory().metrics().objects, 0);
    assert_eq!(daemon.shutdown(Duration::from_secs(5)), 0);
}

#[test]
fn a_batch_is_done_in_order_and_stops_at_a_failure() {
    let (_daemon, client) = serve(open());
    let object = client.alloc_and_write(vec![1; 100_000]).unwrap();
    let batch = client.batch(object).read(0, 3).write(0, &b"abc"[..]).write(50_000, vec![2; 50_000]).read(0, 100_000);
    let results: Vec<_> = batch.run().unwrap().into_iter().map(Result::unwrap).collect();
    assert_eq!((&results[0][..], results[1].len()), (&[1; 3][..], 0));
    assert_eq!((&results[3][..4], results[3][99_999]), (&b"abc\x01"[..], 2));
    let results = client.batch(object).write(0, &b"x"[..]).read(100_000, 1).write(0, &b"y"[..]).free().run().unwrap();
    assert!(results[0].is_ok());
    assert_eq!(refused(results[1].clone()), (MemoryStatus::OutOfRange, 100_000));
    assert_eq!(refused(results[3].clone()), (MemoryStatus::NotDone, 0));
    assert_eq!(client.read(object, 0, 2).unwrap(), b"x\x62");
}

#[test]
fn what_does_not_fit_is_refused_before_it_is_sent_and_all_is_given_back() {
    let (daemon, client) = serve(Config { capacity_bytes: 8 << 20, ..open() });
    let object = client.alloc_and_write(vec![1; 3 << 20]).unwrap();
    let used = daemon.memory().metrics().used_bytes;
    for len in [6 << 20, 60 << 20] {
        let before = daemon.server().stats().packets_in;
        let (status, free) = refused(client.alloc_and_write(vec![0; len]));
        assert_eq!((status, free), (MemoryStatus::OutOfMemory, (8 << 20) - used));
        let packets = daemon.server().stats().packets_in - before;
        assert!(packets < 200, "{packets} packets of {len} bytes arrived");
    }
    assert_eq!(refused(client.alloc(6 << 20)).0, MemoryStatus::OutOfMemory);
    assert_eq!(daemon.memory().metrics().used_bytes, used);
    client.write(object, 0, vec![2; 3 << 20]).unwrap();
    assert_eq!(refused(client.write(object, 1, vec![0; 3 << 20])), (MemoryStatus::OutOfRange, 3 << 20));
    assert_eq!(client.read(object, (3 << 20) - 1, 1).unwrap(), [2]);
    client.free(object).unwrap();
    drop(client);
    wait_until("all is given back", || daemon.memory().metrics().used_bytes == 0);
    assert_eq!(daemon.memory().metrics().clients, 0);
}

#[test]
fn several_writes_under_way_are_done_in_order() {
    let (_daemon, client) = serve(open());
    let object = client.alloc(200_000).unwrap();
    for (round, len) in (0..50).zip((1..).step_by(97)) {
        let (first, second) = (bytes(round, 200_000), bytes(round + 1000, len));
        let mut expected = first.clone();
        expected[7..7 + second.len()].copy_from_slice(&second);
        let writes = [client.start_write(object, 0, first).unwrap(), client.start_write(object, 7, second).unwrap()];
        let read = client.start_read(object, 0, 200_000, Vec::new()).unwrap();
        assert!(read.wait().unwrap() == expected, "round {round}");
        writes.into_iter().for_each(|write| write.wait().unwrap());
    }
}

#[test]
fn an_operation_given_up_leaves_nothing() {
    let (daemon, client) = serve(open());
    let object = client.alloc(1 << 20).unwrap();
    let used = daemon.memory().metrics().used_bytes;
    for _ in 0..50 {
        drop(client.start_write(object, 0, vec![1; 1 << 20]).unwrap());
    }
    client.write(object, 0, vec![2; 1 << 20]).unwrap();
    assert!(client.read(object, 0, 1 << 20).unwrap() == vec![2; 1 << 20]);
    wait_until("reservations are given back", || {
        let metrics = daemon.memory().metrics();
        (metrics.staged, metrics.used_bytes) == (0, used)
    });
}

#[test]
fn sealed_memory_is_for_those_who_have_the_key() {
    let key = || bifrost_rpc::Key::from_bytes([5; 32]);
    let daemon = bifrost_dsm::daemon::Daemon::builder(open()).listen("udp://[::1]:0").key(key()).start().unwrap();
    let connect = |builder: bifrost_rpc::ChannelBuilder| {
        MemoryClient::over(builder.connect(&daemon.server().url()).unwrap(), Pointer::default())
    };
    let client = connect(Channel::builder().key(key()));
    let object = client.alloc_and_write(bytes(1, 100_000)).unwrap();
    assert!(client.read(object, 0, 100_000).unwrap() == bytes(1, 100_000));
    assert!(connect(Channel::builder()).read(object, 0, 1).is_err());
}

#[test]
fn an_object_is_read_whose_length_nobody_knows() {
    let (_daemon, client) = serve(open());
    for len in [1, 5000, 9 << 20] {
        let data = bytes(len, usize::try_from(len).unwrap());
        let object = client.alloc_and_write(data.clone()).unwrap();
        assert!(client.read_all(object, len).unwrap() == data);
        assert_eq!(refused(client.read_all(object, len - 1)), (MemoryStatus::OutOfRange, len));
    }
    let len = READ_TO_END_BYTES_MAX + 1;
    let object = client.alloc(len).unwrap();
    assert_eq!(client.read_all(object, len).unwrap().len() as u64, len);
    assert_eq!(refused(client.read_all(object, len - 1)), (MemoryStatus::OutOfRange, len));
}

#[test]
fn references_end_with_their_objects_and_objects_with_them() {
    let (daemon, _client) = serve(open());
    let memory = GlobalMemory::connect(&daemon.server().url()).unwrap();
    let gone = || wait_until("nothing is left", || daemon.memory().metrics().objects == 0);

    let numbers: Vec<i32> = (0..50_000).collect();
    let mut owned = memory.store(numbers.clone()).unwrap();
    let lent = owned.lend();
    assert_eq!((owned.len().unwrap(), lent.read_range(7..9).unwrap()), (50_000, vec![7, 8]));
    owned.write_range(8, vec![-1]).unwrap();
    assert_eq!(lent.read_range(7..10).unwrap(), [7, -1, 9]);
    owned.free().unwrap();
    assert_eq!(daemon.memory().metrics().objects, 1, "it is still lent");
    drop(lent);
    gone();

    let pointer = memory.store("déjà vu".to_owned()).unwrap().release();
    let seen = Leased::<String>::new(pointer, &memory);
    assert_eq!((seen.read().unwrap(), seen.read_range(0..3).unwrap()), ("déjà vu".to_owned(), "dé".to_owned()));
    assert!(matches!(seen.read_range(0..2), Err(ReferenceError::Malformed(_))), "half a character");
    assert_eq!(daemon.memory().metrics().objects, 1, "it was released");
    drop(Owned::<String>::adopt(pointer, &memory));
    gone();
    assert!(matches!(seen.read_range(0..1), Err(ReferenceError::Memory(_))), "it was freed");
}
