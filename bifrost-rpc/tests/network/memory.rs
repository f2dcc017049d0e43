//! Memory operations over real sockets.

use crate::support::probe::pause;
use crate::support::store::Store;
use crate::support::{Client, Faults, Probe, Proxy, Random, Watchdog};
use bifrost_rpc::endpoint::Usage;
use bifrost_rpc::memory::{MemoryClient, MemoryError, MemoryStatus, Pointer};
use bifrost_rpc::{Channel, Key, Server};
use bytes::Bytes;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Set in the environment of a client process: the server's URL and the object to write.
const VARIABLE: &str = "BIFROST_TEST_MEMORY_CLIENT";
const OBJECT_BYTES: usize = 2 << 20;

fn serve(store: &Arc<Store>) -> Server {
    serve_with_lease(store, Duration::from_secs(30))
}

/// A short lease ends the session of whoever is kept waiting by the machine for so long.
fn serve_with_lease(store: &Arc<Store>, lease: Duration) -> Server {
    let handler: Arc<Store> = Arc::clone(store);
    Server::builder().listen("udp://[::1]:0").memory(handler).lease(lease).start().unwrap()
}

fn set_up() -> (Arc<Store>, Server, MemoryClient) {
    let store = Arc::new(Store::default());
    let server = serve(&store);
    let client = MemoryClient::connect(&server.url()).unwrap();
    (store, server, client)
}

/// Waits until something holds, for a minute at most.
fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < until, "{what} does not come true");
        pause(Duration::from_millis(5));
    }
}

fn refused<T: std::fmt::Debug>(result: Result<T, MemoryError>) -> (MemoryStatus, u64) {
    match result {
        Err(MemoryError::Refused { status, detail }) => (status, detail),
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn objects_are_made_written_read_and_ended() {
    let _watchdog = Watchdog::of("objects", 100);
    let (_store, _server, client) = set_up();
    for len in [1, 64, 5000, 300_000, OBJECT_BYTES] {
        let data = Random::new(len as u64).bytes(len);
        let object = client.alloc(len as u64).unwrap();
        assert_eq!(client.read(object, 0, len as u64).unwrap(), vec![0; len]);
        client.write(object, 0, data.clone()).unwrap();
        let mut place = Vec::with_capacity(len);
        let lent = place.as_ptr();
        client.read_into(object, 0, len as u64, &mut place).unwrap();
        assert!(place == data && place.as_ptr() == lent, "read into the memory lent");
        client.write_slice(object, len as u64 / 2, &[9]).unwrap();
        assert_eq!(client.read(object, len as u64 / 2, 1).unwrap(), [9]);
        let other = client.alloc_and_write(data.clone()).unwrap();
        assert_ne!(object, other);
        assert!(client.read(other, 0, len as u64).unwrap() == data);
        assert_eq!(refused(client.read(other, 1, len as u64)), (MemoryStatus::OutOfRange, len as u64));
        client.free(object).unwrap();
        assert_eq!(refused(client.free(object)), (MemoryStatus::NoObject, 0));
        assert_eq!(refused(client.write(object, 0, data)), (MemoryStatus::NoObject, 0));
    }
}

#[test]
fn a_batch_is_done_in_order_and_stops_at_a_failure() {
    let _watchdog = Watchdog::of("batch", 100);
    let (store, _server, client) = set_up();
    let object = client.alloc_and_write(vec![1; 100_000]).unwrap();
    let results = client
        .batch(object)
        .read(0, 3)
        .write(0, &b"abc"[..])
        .write(50_000, vec![2; 50_000])
        .read(0, 100_000)
        .run()
        .unwrap();
    let results: Vec<Bytes> = results.into_iter().map(Result::unwrap).collect();
    assert_eq!((&results[0][..], results[1].len()), (&[1; 3][..], 0));
    assert_eq!((&results[3][..4], results[3][99_999]), (&b"abc\x01"[..], 2));
    let results = client.batch(object).write(0, &b"x"[..]).read(100_000, 1).write(0, &b"y"[..]).free().run().unwrap();
    assert!(results[0].is_ok());
    assert_eq!(refused(results[1].clone()), (MemoryStatus::OutOfRange, 100_000));
    assert_eq!(refused(results[3].clone()), (MemoryStatus::NotDone, 0));
    assert_eq!(store.content(object)[0], b'x');
    assert!(matches!(client.batch(object).run(), Err(MemoryError::BadBatch(_))));
    assert!(matches!(client.batch(object).free().read(0, 1).run(), Err(MemoryError::BadBatch(_))));
}

#[test]
fn a_range_longer_than_one_operation_is_read_and_written_in_steps() {
    let _watchdog = Watchdog::of("long range", 200);
    let (store, _server, client) = set_up();
    let len = (64 << 20) + 100;
    let data = Bytes::from(Random::new(3).bytes(len));
    let object = client.alloc(len as u64 + 1).unwrap();
    client.write(object, 1, data.clone()).unwrap();
    assert_eq!(store.writes(), 2);
    assert!(client.read(object, 1, len as u64).unwrap() == data, "another content");
}

#[test]
fn a_write_beyond_the_capacity_is_refused_before_it_is_sent() {
    let _watchdog = Watchdog::of("capacity", 100);
    let store = Arc::new(Store::limited(1 << 20));
    let server = serve(&store);
    let client = MemoryClient::connect(&server.url()).unwrap();
    for len in [1 << 21, 32 << 20] {
        let before = server.stats().packets_in;
        assert_eq!(refused(client.alloc_and_write(vec![0; len])), (MemoryStatus::OutOfMemory, 1 << 20));
        let packets = server.stats().packets_in - before;
        // Datagrams of the loopback device have 64 KiB.
        assert!(packets < 200, "{packets} packets of {len} bytes arrived");
    }
    assert_eq!(client.alloc_and_write(vec![1; 1 << 20]).map(|object| object.prefix()), Ok(0xFD));
}

#[test]
fn nobody_sees_half_of_a_write() {
    let _watchdog = Watchdog::of("half writes", 100);
    let (_store, server, client) = set_up();
    let url = server.url();
    let object = client.alloc_and_write(vec![0; 300_000]).unwrap();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for value in 1..=2u8 {
            let (url, is_over) = (&url, &is_over);
            scope.spawn(move || {
                let writer = MemoryClient::connect(url).unwrap();
                while !is_over.load(Ordering::Relaxed) {
                    writer.write(object, 0, vec![value; 300_000]).unwrap();
                }
            });
        }
        let mut place = Vec::new();
        for _ in 0..200 {
            client.read_into(object, 0, 300_000, &mut place).unwrap();
            assert!(place.iter().all(|byte| *byte == place[0]), "half of a write");
        }
        is_over.store(true, Ordering::Relaxed);
    });
}

fn through_a_bad_network(key: Option<Key>, seed: u64) {
    const CLIENTS: u64 = 3;
    const ROUNDS: u64 = 60;
    let store = Arc::new(Store::default());
    let handler: Arc<Store> = Arc::clone(&store);
    let mut builder = Server::builder().listen("udp://[::1]:0").memory(handler);
    if let Some(key) = key.clone() {
        builder = builder.key(key);
    }
    let server = builder.start().unwrap();
    let faults = Faults { loss: 50, duplication: 100, reordering: 100, ..Faults::default() };
    let proxy = Proxy::start(server.addresses()[0], seed, faults).unwrap();
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (url, key) = (proxy.url(), key.clone());
            scope.spawn(move || {
                let mut builder = Channel::builder();
                if let Some(key) = key {
                    builder = builder.key(key);
                }
                let memory = MemoryClient::over(builder.connect(&url).unwrap(), Pointer::default());
                let mut random = Random::new(seed * 100 + client);
                let object = memory.alloc(200_000).unwrap();
                for round in 0..ROUNDS {
                    // Two writes and a read under way at once: they are done in this order.
                    let first = random.bytes(200_000);
                    let second = random.bytes(1 + random.clone().below(5000));
                    let mut expected = first.clone();
                    expected[7..7 + second.len()].copy_from_slice(&second);
                    let writes =
                        [memory.start_write(object, 0, first).unwrap(), memory.start_write(object, 7, second).unwrap()];
                    let read = memory.start_read(object, 0, 200_000, Vec::new()).unwrap();
                    assert!(read.wait().unwrap() == expected, "client {client}, round {round}");
                    writes.into_iter().for_each(|write| write.wait().unwrap());
                }
                memory.free(object).unwrap();
            });
        }
    });
    assert_eq!(store.writes(), 2 * CLIENTS * ROUNDS, "each write is done once");
    assert!(proxy.counts().lost.load(Ordering::SeqCst) > 100, "little was lost");
}

#[test]
fn writes_are_done_once_and_in_order_through_a_bad_network() {
    let _watchdog = Watchdog::of("bad network", 200);
    through_a_bad_network(None, 1);
}

#[test]
fn sealed_writes_are_done_once_and_in_order_through_a_bad_network() {
    let _watchdog = Watchdog::of("bad network, sealed", 200);
    through_a_bad_network(Some(Key::from_bytes(crate::support::KEY)), 2);
}

/// What a client process runs; nothing in an ordinary run of the tests.
#[test]
fn memory_client_process() {
    let Ok(text) = std::env::var(VARIABLE) else { return };
    let (url, object) = text.split_once(' ').unwrap();
    let object = Pointer::new(0xFD, 1, object.parse().unwrap());
    let client = MemoryClient::connect(url).unwrap();
    for value in (1..=200u8).cycle() {
        // If the machine keeps it waiting for longer than the lease, the outcome is unknown.
        let _ = client.write(object, 0, vec![value; OBJECT_BYTES]);
    }
}

/// A process that writes; killed when dropped.
struct Writer(Child);

impl Writer {
    fn start(url: &str, object: Pointer) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "memory::memory_client_process", "--nocapture", "--test-threads=1"])
            .env(VARIABLE, format!("{url} {}", object.object()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_client_killed_in_the_middle_of_a_write_leaves_nothing() {
    let _watchdog = Watchdog::of("killed client", 500);
    let store = Arc::new(Store::default());
    let server = serve_with_lease(&store, Duration::from_secs(1));
    let client = MemoryClient::connect(&server.url()).unwrap();
    let object = client.alloc_and_write(vec![0; OBJECT_BYTES]).unwrap();
    drop(client);
    wait_until("the first client is forgotten", || server.usage() == Usage::default());
    // Small datagrams and loss, so that a write takes its time.
    let faults = Faults { loss: 20, datagram_bytes_max: 1300, ..Faults::default() };
    let proxy = Proxy::start(server.addresses()[0], 1, faults).unwrap();
    for _ in 0..3 {
        let before = store.writes();
        let writer = Writer::start(&proxy.url(), object);
        wait_until("a write", || store.writes() > before);
        wait_until("the middle of a write", || server.usage().bytes >= OBJECT_BYTES && store.announced() > 0);
        drop(writer);
        wait_until("all is given back", || server.usage() == Usage::default() && store.announced() == 0);
        let content = store.content(object);
        assert!(content.iter().all(|byte| *byte == content[0]) && content.len() == OBJECT_BYTES, "half of a write");
    }
    let client = MemoryClient::connect(&server.url()).unwrap();
    assert_eq!(client.read(object, 0, 1).unwrap().len(), 1, "it serves on");
}

#[test]
fn memory_and_a_service_share_a_server_and_a_channel() {
    let _watchdog = Watchdog::of("both", 100);
    let store: Arc<Store> = Arc::new(Store::default());
    let server = Server::builder().listen("udp://[::1]:0").service(Probe::default()).memory(store).start().unwrap();
    let channel = Channel::connect(&server.url()).unwrap();
    let (calls, memory) = (Client(channel.clone()), MemoryClient::over(channel, Pointer::default()));
    let object = memory.alloc_and_write(vec![7; 100_000]).unwrap();
    let read = memory.start_read(object, 0, 100_000, Vec::new()).unwrap();
    assert_eq!(calls.echo(vec![1; 100_000]).unwrap(), vec![1; 100_000]);
    assert_eq!(read.wait().unwrap(), vec![7; 100_000]);
}

#[test]
fn answers_may_come_later_and_from_another_thread() {
    let _watchdog = Watchdog::of("later", 100);
    let store = Arc::new(Store::slow());
    let server = serve(&store);
    let client = MemoryClient::connect(&server.url()).unwrap();
    let object = client.alloc(8).unwrap();
    let writes: Vec<_> = (0..4u8).map(|i| client.start_write(object, 0, vec![i; 8]).unwrap()).collect();
    let read = client.start_read(object, 0, 8, Vec::new()).unwrap();
    for done in 1..=4 {
        wait_until("the next write", || store.writes() == done);
        assert_eq!(store.writes(), done, "one at a time: each follows the one before it");
        assert_eq!(store.answer(), 1);
    }
    writes.into_iter().for_each(|write| write.wait().unwrap());
    assert_eq!(read.wait().unwrap(), [3; 8]);
    // One that is never answered is no obstacle to shutting down.
    let _left = client.start_write(object, 0, vec![9; 8]).unwrap();
    wait_until("the last write", || store.writes() == 5);
    assert_eq!(server.shutdown(Duration::from_millis(50)), 1);
}

#[test]
fn a_server_without_memory_says_so() {
    let _watchdog = Watchdog::of("no memory", 100);
    let server = Server::builder().listen("udp://[::1]:0").service(Probe::default()).start().unwrap();
    let client = MemoryClient::connect(&server.url()).unwrap();
    assert!(matches!(client.alloc(1), Err(MemoryError::Call(error)) if !error.may_have_run()));
}
