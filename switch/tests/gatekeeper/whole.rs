//! Gatekeeper with nodes and memory servers that join it.

use crate::rack::{Memory, PREFIX, control_port, memory, place, rules, switch, tables};
use crate::{SHORT, WAIT};
use bifrost_rpc::memory::{GlobalMemory, MemoryError};
use bifrost_rpc::node::{JoinError, Node, NodeState};
use bifrost_rpc::{CallError, Key, Link};
use bifrost_switch::daemon::Switch;
use bifrost_switch::gatekeeper::{Config, Gatekeeper, Status};
use bifrost_switch::gatekeeper_driver::manage::idl::gatekeeper::{GatekeeperClient, NoSuchNode, TGatekeeperSyncClient};
use bifrost_switch::gatekeeper_driver::manage::{ManageServer, MetricsServer};
use bifrost_switch::gatekeeper_driver::{Driver, Log, Parts};
use std::io::{Read, Write};
use std::net::{Ipv6Addr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

/// Heartbeats so fast that a death is noticed soon, and so slow that a busy machine is not taken for dead.
const HEARTBEAT: Duration = Duration::from_millis(400);

struct Rack {
    memory: Vec<(Memory, Node)>,
    driver: Option<Driver<Gatekeeper>>,
    switch: Switch,
    key: Option<Key>,
}

impl Rack {
    fn start(key: Option<Key>, log: Log) -> Self {
        let switch = switch();
        let mut rack = Self { memory: Vec::new(), driver: None, switch, key };
        rack.start_gatekeeper(log);
        for server in [1, 2] {
            let memory = memory(&rack.switch, server, 3, rack.key.as_ref());
            let node =
                rack.settings(&format!("m{server}")).memory_server(server, 3, 1 << 30).over(&memory.link).unwrap();
            rack.memory.push((memory, node));
        }
        rack
    }

    fn start_gatekeeper(&mut self, log: Log) {
        let (port, switch, place) = (control_port(&self.switch), tables(&self.switch), place(self.key.as_ref()));
        let config = Config { key: self.key.clone(), heartbeat: HEARTBEAT, ..Config::new(rules()) };
        self.driver = Some(Driver::gatekeeper(Parts { port, switch, log, place }, config).unwrap());
        self.wait_until("ready", |status| status.is_ready);
    }

    fn settings(&self, name: &str) -> bifrost_rpc::node::NodeBuilder {
        let builder = Node::builder().name(name).within(WAIT);
        self.key.iter().fold(builder, |builder, key| builder.key(key.clone()))
    }

    /// The node of this number, at its port.
    fn join(&self, number: u16) -> Result<Node, JoinError> {
        let address = Ipv6Addr::from_bits(PREFIX.to_bits() | u128::from(number));
        let link = Link::builder().address(address).mac([2, 0, 0, 0, 0, number.to_be_bytes()[1]]);
        let port = self.switch.local(number.into()).unwrap();
        self.settings(&format!("c{number}")).link(link).in_process(port)
    }

    fn driver(&self) -> &Driver<Gatekeeper> {
        self.driver.as_ref().unwrap()
    }

    fn status(&self) -> Status {
        self.driver().asker().ask(|gatekeeper, now, _| gatekeeper.status(now)).unwrap()
    }

    fn objects(&self) -> usize {
        self.driver().asker().ask(|gatekeeper, _, _| gatekeeper.sizes().0).unwrap()
    }

    fn wait_until(&self, what: &str, is_so: impl Fn(&Status) -> bool) {
        let since = Instant::now();
        while !is_so(&self.status()) {
            assert!(since.elapsed() < WAIT, "not {what}: {:#?}", self.status());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn in_memory(&self) -> u64 {
        self.memory.iter().map(|(memory, _)| memory.daemon.memory().metrics().objects).sum()
    }
}

fn memory_of(node: &Node) -> GlobalMemory {
    node.memory()
}

/// What the switch drops is not answered.
fn is_lost<T>(result: Result<T, MemoryError>) -> bool {
    matches!(result, Err(MemoryError::Call(CallError::Deadline { .. })))
}

fn an_object_is_its_makers_alone(key: Option<Key>) {
    let rack = Rack::start(key, Log::in_memory());
    let (one, other) = (rack.join(1).unwrap(), rack.join(2).unwrap());
    let object = memory_of(&one).alloc_and_write(vec![7; 5000]).unwrap();
    assert_eq!(memory_of(&one).read(object, 0, 5000).unwrap(), vec![7; 5000]);
    memory_of(&one).write(object, 4999, vec![8]).unwrap();
    assert_eq!(memory_of(&one).read(object, 4998, 2).unwrap(), [7, 8]);
    assert_eq!((rack.objects(), rack.in_memory()), (1, 1));
    let root = format!("udp://[{}]:7400", object.root());
    let life = |key: &Key| key.of_memory().of_life(other.link().address().into(), other.incarnation());
    let hasty = rack.key.iter().fold(other.channel(), |channel, key| channel.key(life(key)));
    let hasty = hasty.deadline(SHORT).connect(&root).unwrap();
    let hasty = bifrost_rpc::memory::MemoryClient::over(hasty, object.root());
    assert!(is_lost(hasty.read(object, 0, 1)), "another node reads");
    assert!(is_lost(hasty.write(object, 0, vec![1])), "another node writes");
    memory_of(&one).free(object).unwrap();
    assert_eq!((rack.objects(), rack.in_memory()), (0, 0));
}

#[test]
fn an_object_is_its_makers_alone_without_a_key() {
    an_object_is_its_makers_alone(None);
}

#[test]
fn an_object_is_its_makers_alone_with_a_key() {
    an_object_is_its_makers_alone(Some(Key::from_bytes([5; 32])));
}

#[test]
fn what_a_node_has_goes_with_it() {
    let rack = Rack::start(None, Log::in_memory());
    let node = rack.join(1).unwrap();
    for byte in 0..3_u8 {
        let _object = memory_of(&node).alloc_and_write(vec![byte; 100]).unwrap();
    }
    assert_eq!((rack.objects(), rack.in_memory()), (3, 3));
    assert!(node.leave(WAIT));
    assert_eq!((rack.objects(), rack.in_memory()), (0, 0));
    let again = rack.join(1).unwrap();
    assert_eq!(again.incarnation(), 2);
}

#[test]
fn a_node_that_is_evicted_is_fenced_and_may_come_back() {
    let rack = Rack::start(None, Log::in_memory());
    let node = rack.join(1).unwrap();
    let _object = memory_of(&node).alloc_and_write(vec![1; 100]).unwrap();
    let manage = ManageServer::start(&rack.driver().asker(), tables(&rack.switch), "tcp://127.0.0.1:0", || {}).unwrap();
    let mut client = GatekeeperClient::connect(&manage.urls()[0]).unwrap();
    assert_eq!(client.failure_domain("c1".to_owned()).unwrap(), ["c1"]);
    client.evict("c1".to_owned()).unwrap();
    let since = Instant::now();
    while node.state() != NodeState::Fenced {
        assert!(since.elapsed() < WAIT, "{:?}", node.state());
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!((rack.objects(), rack.in_memory()), (0, 0));
    let gone = client.evict("c1".to_owned()).unwrap_err();
    let thrift::Error::User(gone) = gone else { panic!("{gone:?}") };
    assert_eq!(gone.downcast_ref::<NoSuchNode>().unwrap().node, "c1");
    drop(node);
    assert_eq!(rack.join(1).unwrap().incarnation(), 2);
}

fn restart(rack: &mut Rack, directory: &Path) {
    rack.driver.take().unwrap().shutdown();
    rack.start_gatekeeper(Log::open(directory).unwrap());
}

#[test]
fn a_gatekeeper_that_comes_back_knows_what_was() {
    let directory = tempfile::tempdir().unwrap();
    let mut rack = Rack::start(None, Log::open(directory.path()).unwrap());
    let node = rack.join(1).unwrap();
    let object = memory_of(&node).alloc_and_write(vec![9; 100]).unwrap();
    let term = rack.status().term;
    restart(&mut rack, directory.path());
    assert!(rack.status().term > term);
    assert_eq!((rack.objects(), node.state()), (1, NodeState::Joined));
    assert_eq!(memory_of(&node).read(object, 0, 100).unwrap(), vec![9; 100]);
    let another = memory_of(&node).alloc_and_write(vec![1]).unwrap();
    memory_of(&node).free(object).unwrap();
    memory_of(&node).free(another).unwrap();
    assert_eq!((rack.objects(), rack.in_memory()), (0, 0));
    assert!(node.leave(WAIT));
    restart(&mut rack, directory.path());
    assert_eq!(rack.join(1).unwrap().incarnation(), 2);
}

#[test]
fn a_switch_that_has_lost_its_tables_is_as_before() {
    let rack = Rack::start(None, Log::in_memory());
    let node = rack.join(1).unwrap();
    let object = memory_of(&node).alloc_and_write(vec![9; 100]).unwrap();
    let tables = tables(&rack.switch);
    let count = |table: &str| bifrost_switch::runtime::SwitchControl::entry_count(tables.as_ref(), table).unwrap();
    let before = (count("port_security"), count("memory_access"));
    bifrost_switch::runtime::SwitchControl::reset(tables.as_ref()).unwrap();
    let end = Instant::now() + WAIT;
    while (count("port_security"), count("memory_access")) != before {
        assert!(Instant::now() < end, "the tables are not as before");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(memory_of(&node).read(object, 0, 100).unwrap(), vec![9; 100]);
}

#[test]
fn metrics_are_served_in_prometheus_format() {
    let rack = Rack::start(None, Log::in_memory());
    let _node = rack.join(1).unwrap();
    let metrics =
        MetricsServer::start(&rack.driver().asker(), tables(&rack.switch), "127.0.0.1:0".parse().unwrap()).unwrap();
    let get = |path: &str| {
        let mut client = TcpStream::connect(metrics.address()).unwrap();
        write!(client, "GET {path} HTTP/1.1\r\nHost: rack\r\n\r\n").unwrap();
        let mut text = String::new();
        client.read_to_string(&mut text).unwrap();
        text
    };
    let text = get("/metrics");
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    for line in ["bifrost_gatekeeper_ready 1", "bifrost_gatekeeper_nodes_joined_total 3", "verdict=\"control\""] {
        assert!(text.contains(line), "no {line} in {text}");
    }
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(&format!("Content-Length: {}", body.len())));
    for line in body.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(name.starts_with("bifrost_gatekeeper_") && value.parse::<u64>().is_ok(), "{line}");
    }
    assert!(get("/").starts_with("HTTP/1.1 404"));
}
