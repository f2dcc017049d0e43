//! Several memory servers behind one handle, over real sockets.

use crate::support::store::Store;
use crate::support::{Probe, Random, Watchdog};
use bifrost_rpc::memory::{
    GlobalMemory, Later, MemoryError, MemoryHandler, MemoryOperation, MemoryReply, MemoryStatus, Pointer,
};
use bifrost_rpc::{CallError, Channel, Key, Server};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn serve(store: &Arc<Store>) -> Server {
    let handler: Arc<Store> = Arc::clone(store);
    Server::builder().listen("udp://[::1]:0").memory(handler).start().unwrap()
}

struct Rack {
    stores: Vec<Arc<Store>>,
    servers: Vec<Server>,
}

impl Rack {
    /// Servers m1, m2, … of these capacities.
    fn start(capacities: &[u64]) -> Self {
        let stores: Vec<_> = (1..).zip(capacities).map(|(id, bytes)| Arc::new(Store::of(id, *bytes))).collect();
        let servers = stores.iter().map(serve).collect();
        Self { stores, servers }
    }

    fn list(&self) -> String {
        self.servers.iter().map(Server::url).collect::<Vec<_>>().join(",")
    }

    fn connect(&self) -> GlobalMemory {
        GlobalMemory::connect(&self.list()).unwrap()
    }

    fn objects(&self) -> Vec<usize> {
        self.stores.iter().map(|store| store.objects()).collect()
    }
}

fn quick() -> bifrost_rpc::ChannelBuilder {
    Channel::builder().peer_timeout(Duration::from_millis(200))
}

/// The URL of a server that is gone.
fn nobody() -> String {
    let server = serve(&Arc::new(Store::default()));
    server.url()
}

#[test]
fn operations_go_to_the_server_of_their_pointer() {
    let _watchdog = Watchdog::of("routing", 100);
    let rack = Rack::start(&[1 << 30, 1 << 30, 1 << 30]);
    let memory = rack.connect();
    let mut objects = BTreeMap::new();
    for i in 0..9 {
        let content = Random::new(i).bytes(5000);
        objects.insert(memory.alloc_and_write(content.clone()).unwrap(), content);
    }
    assert_eq!(rack.objects(), [3, 3, 3]);
    for (object, content) in &objects {
        assert!(memory.read(*object, 0, 5000).unwrap() == *content);
        memory.write_slice(*object, 0, b"abc").unwrap();
        memory.start_write(*object, 3, &b"def"[..]).unwrap().wait().unwrap();
        let read = memory.batch(*object).write(6, &b"ghi"[..]).read(0, 10).run().unwrap().remove(1).unwrap();
        assert_eq!((&read[..9], read[9]), (&b"abcdefghi"[..], content[9]));
        assert_eq!(memory.start_read(*object, 1, 2, Vec::new()).unwrap().wait().unwrap(), b"bc");
    }
    objects.keys().for_each(|object| memory.free(*object).unwrap());
    assert_eq!(rack.objects(), [0, 0, 0]);
}

#[test]
fn many_threads_share_a_handle() {
    let _watchdog = Watchdog::of("threads", 100);
    let rack = Rack::start(&[1 << 30, 1 << 30]);
    let memory = rack.connect();
    std::thread::scope(|scope| {
        for value in 0..8u8 {
            let memory = memory.clone();
            scope.spawn(move || {
                for _ in 0..50 {
                    let object = memory.alloc_and_write(vec![value; 300]).unwrap();
                    assert_eq!(memory.read(object, 0, 300).unwrap(), vec![value; 300]);
                    memory.start_free(object).unwrap().wait().unwrap();
                }
            });
        }
    });
    assert_eq!(rack.objects(), [0, 0]);
}

#[test]
fn objects_are_placed_by_what_is_free_until_nothing_is() {
    let _watchdog = Watchdog::of("placement", 100);
    let rack = Rack::start(&[30 << 10, 10 << 10, 20 << 10]);
    let memory = rack.connect();
    for _ in 0..30 {
        memory.alloc(1 << 10).unwrap();
    }
    let halfway = rack.objects();
    assert!(halfway[0] > halfway[2] && halfway[2] > halfway[1] && halfway[1] < 10, "{halfway:?}");
    for _ in 0..29 {
        memory.alloc(1 << 10).unwrap();
    }
    let pending = memory.start_alloc_and_write(vec![1; 1 << 10]).unwrap();
    pending.wait().unwrap();
    assert_eq!(rack.objects(), [30, 10, 20], "one refused for memory is tried elsewhere");
    let refused = MemoryError::Refused { status: MemoryStatus::OutOfMemory, detail: 0 };
    assert_eq!(memory.alloc(1), Err(refused.clone()));
    assert_eq!(memory.start_alloc_and_write(vec![1]).unwrap().wait(), Err(refused));
}

#[test]
fn an_alloc_refused_for_memory_says_the_most_that_is_free() {
    let _watchdog = Watchdog::of("most free", 100);
    let rack = Rack::start(&[100, 300, 200]);
    let refused = MemoryError::Refused { status: MemoryStatus::OutOfMemory, detail: 300 };
    assert_eq!(rack.connect().alloc(301), Err(refused.clone()));
    assert_eq!(rack.connect().alloc_and_write(vec![0; 1 << 20]), Err(refused));
    assert_eq!(rack.connect().alloc(300).map(Pointer::server), Ok(2));
}

#[test]
fn a_long_object_whose_content_is_refused_is_given_back() {
    let _watchdog = Watchdog::of("long object", 100);
    let store = Arc::new(Store::read_only());
    let server = serve(&store);
    let memory = GlobalMemory::connect(&server.url()).unwrap();
    let refused = MemoryError::Refused { status: MemoryStatus::Denied, detail: 0 };
    assert_eq!(memory.alloc_and_write(vec![0; (64 << 20) + 1]), Err(refused.clone()));
    assert_eq!(memory.client(1).unwrap().alloc_and_write(vec![0; (64 << 20) + 1]), Err(refused));
    assert_eq!(store.objects(), 0);
}

#[test]
fn a_server_that_is_gone_does_not_stop_allocs_at_others() {
    let _watchdog = Watchdog::of("gone", 100);
    let rack = Rack::start(&[1 << 20]);
    let without = Server::builder().listen("udp://[::1]:0").service(Probe::default()).start().unwrap();
    let list = format!("2={},3={},1={}", nobody(), without.url(), rack.list());
    let memory = GlobalMemory::connect_with(&list, quick()).unwrap();
    for _ in 0..6 {
        assert_eq!(memory.alloc(10).map(Pointer::server), Ok(1));
        assert_eq!(memory.start_alloc_and_write(vec![1]).unwrap().wait().map(Pointer::server), Ok(1));
    }
    let lost = memory.read(Pointer::new(0xFD, 2, 1), 0, 1);
    assert!(matches!(lost, Err(MemoryError::Call(CallError::Unreachable { .. }))), "{lost:?}");
    let only = GlobalMemory::connect_with(&format!("2={}", nobody()), quick()).unwrap();
    assert!(matches!(only.alloc(1), Err(MemoryError::Call(CallError::Unreachable { .. }))));
}

#[test]
fn a_server_under_another_id_is_reported_and_keeps_nothing() {
    let _watchdog = Watchdog::of("other id", 100);
    let rack = Rack::start(&[1 << 20]);
    let memory = GlobalMemory::connect(&format!("7={}", rack.list())).unwrap();
    let error = memory.alloc(10).unwrap_err();
    assert_eq!(error, MemoryError::OtherServer { configured: 7, answered: 1, freed: true });
    assert!(error.to_string().contains("m7") && error.to_string().contains("m1") && !error.may_have_run());
    assert_eq!(rack.objects(), [0]);
}

#[test]
fn a_pointer_of_a_server_that_the_handle_does_not_know_is_refused_here() {
    let _watchdog = Watchdog::of("unknown server", 100);
    let rack = Rack::start(&[1 << 20]);
    let memory = rack.connect();
    let object = Pointer::new(0xFD, 9, 1);
    let unknown = MemoryError::UnknownServer(9);
    assert_eq!(memory.read(object, 0, 1), Err(unknown.clone()));
    assert_eq!(memory.write(object, 0, vec![1]), Err(unknown.clone()));
    assert_eq!(memory.free(object), Err(unknown.clone()));
    assert_eq!(memory.batch(object).read(0, 1).run(), Err(unknown.clone()));
    assert_eq!(memory.start_read(object, 0, 1, Vec::new()).map(drop), Err(unknown));
}

/// Remembers who has asked.
#[derive(Default)]
struct Witness(Mutex<Vec<(IpAddr, u32)>>);

impl MemoryHandler for Witness {
    fn run(&self, operation: &MemoryOperation, _body: Vec<u8>, _later: &Later<'_>) -> Option<MemoryReply> {
        self.0.lock().unwrap().push((operation.peer.ip(), operation.incarnation));
        Some(MemoryReply::allocated(Pointer::new(0xFD, 1, 1)))
    }
}

#[test]
fn a_node_is_known_by_its_address_and_incarnation() {
    let _watchdog = Watchdog::of("nodes", 100);
    let witness = Arc::new(Witness::default());
    let handler: Arc<Witness> = Arc::clone(&witness);
    let server = Server::builder().listen("udp://127.0.0.1:0").memory(handler).start().unwrap();
    let nodes: [(IpAddr, u32); 3] =
        [([127, 0, 0, 1].into(), 1), ([127, 0, 0, 2].into(), 1), ([127, 0, 0, 2].into(), 7)];
    for (address, incarnation) in nodes {
        let channels = Channel::builder().local(address).incarnation(incarnation);
        GlobalMemory::connect_with(&server.url(), channels).unwrap().alloc(1).unwrap();
    }
    assert_eq!(*witness.0.lock().unwrap(), nodes);
    let other_family = Channel::builder().local("::1".parse().unwrap());
    assert!(other_family.connect(&server.url()).is_err());
}

#[test]
fn channels_have_the_settings_given() {
    let _watchdog = Watchdog::of("settings", 100);
    let key = || Key::from_bytes(crate::support::KEY);
    let store = Arc::new(Store::of(1, 1 << 20));
    let handler: Arc<Store> = Arc::clone(&store);
    let server = Server::builder().listen("udp://[::1]:0").memory(handler).key(key()).start().unwrap();
    let sealed = GlobalMemory::connect_with(&server.url(), Channel::builder().key(key())).unwrap();
    assert!(sealed.alloc(10).is_ok());
    let clear = GlobalMemory::connect_with(&server.url(), quick()).unwrap();
    assert!(matches!(clear.alloc(10), Err(MemoryError::Call(error)) if !error.may_have_run()));
}

#[test]
fn a_batch_names_several_objects_of_a_server_that_takes_it() {
    let _watchdog = Watchdog::of("several", 100);
    let store = Arc::new(Store::of(1, 1 << 20).open());
    let handler: Arc<Store> = Arc::clone(&store);
    let server = Server::builder().listen("udp://[::1]:0").memory(handler).start().unwrap();
    let memory = GlobalMemory::connect_with(&server.url(), quick()).unwrap();
    let (one, two) = (memory.alloc_and_write(vec![1; 10]).unwrap(), memory.alloc_and_write(vec![2; 10]).unwrap());
    let results = memory.batch(one).read(0, 10).on(two).read(5, 5).free().on(one).free().run().unwrap();
    let results: Vec<_> = results.into_iter().map(Result::unwrap).collect();
    assert_eq!(results[..2], [vec![1; 10], vec![2; 5]]);
    assert_eq!(store.objects(), 0);
}
