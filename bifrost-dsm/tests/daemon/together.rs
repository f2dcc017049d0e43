//! Operations that go together: batches of several objects, frees that are put off, reads that are begun at once.

use crate::support::{bytes, open, refused, serve, wait_until};
use bifrost_dsm::Config;
use bifrost_dsm::daemon::Daemon;
use bifrost_rpc::memory::{GlobalMemory, MemoryStatus, Pointer};
use bifrost_rpc::reference::{Leased, Ref};

fn objects(daemon: &Daemon) -> u64 {
    daemon.memory().metrics().objects
}

fn packets(daemon: &Daemon) -> u64 {
    daemon.server().stats().packets_in
}

#[test]
fn a_batch_names_several_objects_where_nobody_is_protected() {
    let (daemon, client) = serve(open());
    let make = |seed| client.alloc_and_write(bytes(seed, 100)).unwrap();
    let (one, two, three) = (make(1), make(2), make(3));
    let batch = client.batch(one).read(0, 100).on(two).read(50, 50).on(three).free().on(one).free();
    let results: Vec<_> = batch.run().unwrap().into_iter().map(Result::unwrap).collect();
    assert_eq!(results[0], bytes(1, 100));
    assert_eq!(results[1], bytes(2, 100)[50..]);
    assert_eq!(objects(&daemon), 1);
    assert!(client.read(two, 0, 1).is_ok());

    let mut other = two.to_bytes();
    other[5] ^= 1;
    let other = Pointer::from_bytes(other);
    assert!(client.batch(two).on(other).free().run().is_err(), "an object of another server");
    assert_eq!(objects(&daemon), 1);
}

#[test]
fn a_batch_of_several_objects_is_refused_where_nodes_are_protected() {
    let (daemon, client) = serve(Config { boot: 7, ..Config::default() });
    let (one, two) = (client.alloc(8).unwrap(), client.alloc(8).unwrap());
    assert_eq!(refused(client.batch(one).free().on(two).free().run()).0, MemoryStatus::SeveralObjects);
    client.free_later(two);
    let freed = client.batch(one).read(0, 8).free().run().unwrap();
    assert!(freed.len() == 2 && freed.iter().all(Result::is_ok), "nothing is put into such a batch: {freed:?}");
    wait_until("both are freed", || objects(&daemon) == 0);
}

#[test]
fn what_is_freed_later_goes_with_the_next_operation() {
    let (daemon, client) = serve(open());
    let keep = client.alloc_and_write(vec![1; 10]).unwrap();
    let spent: Vec<_> = (0..3).map(|_| client.alloc(10).unwrap()).collect();
    let before = packets(&daemon);
    spent.iter().for_each(|object| client.free_later(*object));
    let results = client.batch(keep).read(0, 10).free().run().unwrap();
    assert_eq!(results.len(), 2, "what went along is not shown");
    assert_eq!((&results[0].as_ref().unwrap()[..], objects(&daemon)), (&[1; 10][..], 0));
    assert_eq!(packets(&daemon) - before, 1, "one packet did it all");
}

#[test]
fn what_is_freed_later_is_freed_though_nothing_else_is_sent() {
    let (daemon, client) = serve(open());
    let object = client.alloc(10).unwrap();
    client.free_later(object);
    wait_until("it is freed", || objects(&daemon) == 0);
    let many: Vec<_> = (0..100).map(|_| client.alloc(10).unwrap()).collect();
    many.iter().for_each(|object| client.free_later(*object));
    drop(client);
    wait_until("all are freed, though the client is gone", || objects(&daemon) == 0);
}

#[test]
fn a_batch_that_fails_leaves_what_went_along_to_be_freed() {
    let (daemon, client) = serve(open());
    let (short, spent) = (client.alloc(10).unwrap(), client.alloc(10).unwrap());
    client.free_later(spent);
    let results = client.batch(short).read(0, 11).free().run().unwrap();
    assert_eq!(refused(results[0].clone()).0, MemoryStatus::OutOfRange);
    assert_eq!(refused(results[1].clone()).0, MemoryStatus::NotDone);
    wait_until("the other is freed", || objects(&daemon) == 1);
    assert_eq!(client.read(short, 0, 10).unwrap(), [0; 10]);
}

#[test]
fn two_references_are_read_at_once() {
    let (daemon, client) = serve(open());
    drop(client);
    let memory = GlobalMemory::connect(&daemon.server().url()).unwrap();
    let store = |seed, len| memory.store(bytes(seed, len)).unwrap();
    for (a, b) in [(1000, 1000), (10, 3 << 20), (2 << 20, 1)] {
        let (one, two) = (store(1, a).give(), store(2, b).give());
        let read = one.into_value_with(two).unwrap();
        assert!(read == (bytes(1, a), bytes(2, b)));
    }
    wait_until("what was read is freed", || objects(&daemon) == 0);
    let (one, two) = (store(1, 10), Ref::from(vec![5_u8]));
    assert_eq!(two.into_value_with(one.give()).unwrap(), (vec![5], bytes(1, 10)));
    let gone = store(3, 10);
    memory.free(gone.pointer()).unwrap();
    let here = store(4, 10);
    assert!(gone.lend().into_value_with(here.lend()).is_err());
    assert!(here.lend().into_value_with(gone.lend()).is_err());
    assert_eq!(here.read().unwrap(), bytes(4, 10));
}

#[test]
fn short_references_are_read_by_one_message_and_long_ones_each_by_its_own() {
    let (daemon, client) = serve(open());
    drop(client);
    let memory = GlobalMemory::connect(&daemon.server().url()).unwrap();
    // The lengths are not known to who reads.
    let read = |a, b| {
        let (one, two) = (memory.store(bytes(1, a)).unwrap(), memory.store(bytes(2, b)).unwrap());
        let [first, second] = [one.pointer(), two.pointer()].map(|pointer| Ref::from(Leased::new(pointer, &memory)));
        let before = packets(&daemon);
        assert!(first.into_value_with(second).unwrap() == (bytes(1, a), bytes(2, b)));
        let asked = packets(&daemon) - before;
        one.free().unwrap();
        two.free().unwrap();
        asked
    };
    assert_eq!([read(100, 100), read(1, 32 << 10)], [1, 1]);
    assert_eq!(read(100, 40 << 10), 3, "one was too long, which was not known");
    assert_eq!([read(100, 40 << 10), read(10, 10)], [2, 2], "as those before are those after");
    assert_eq!([read(10, 10), read(10, 10)], [1, 1]);
    wait_until("all is freed", || objects(&daemon) == 0);
}

#[test]
fn a_read_follows_a_write_though_it_could_go_with_another() {
    let (daemon, client) = serve(open());
    drop(client);
    let memory = GlobalMemory::connect(&daemon.server().url()).unwrap();
    let (one, two) = (memory.store(bytes(1, 100)).unwrap(), memory.store(bytes(2, 100)).unwrap());
    for round in 0..100 {
        let write = memory.start_write(two.pointer(), 0, bytes(round, 100)).unwrap();
        assert!(one.lend().into_value_with(two.lend()).unwrap() == (bytes(1, 100), bytes(round, 100)));
        write.wait().unwrap();
    }
    drop((one, two));
    wait_until("all is freed", || objects(&daemon) == 0);
}

#[test]
fn operations_begun_together_are_done_by_many_threads_too() {
    let (daemon, _client) = serve(open());
    let memory = GlobalMemory::connect(&daemon.server().url()).unwrap();
    let work = |seed: u64| {
        for round in 0..200 {
            let len = 1 + usize::try_from(seed).unwrap() * 700;
            let (one, two) = (bytes(seed + round, len), bytes(seed + round + 1, len));
            let (a, b) = (memory.store(one.clone()).unwrap(), memory.store(two.clone()).unwrap());
            assert!(a.give().into_value_with(b.give()).unwrap() == (one, two));
        }
    };
    std::thread::scope(|scope| (0..4).for_each(|seed| _ = scope.spawn(move || work(seed))));
    wait_until("all is freed", || objects(&daemon) == 0);
}
