//! Nodes of a rack, with a control plane that stands in for Gatekeeper.

use super::gatekeeper::{Gatekeeper, Running};
use super::hub::{Hub, PREFIX, Switch, address, mac};
use crate::support::probe::Probe;
use crate::support::store::Store;
use crate::support::{Client, Watchdog};
use bifrost_rpc::buffer::MessageBuffer;
use bifrost_rpc::memory::Pointer;
use bifrost_rpc::node::{JoinError, Node, NodeState};
use bifrost_rpc::service::{Answer, CallContext};
use bifrost_rpc::wire::control::{ControlRefusal, MemoryServer, NodeKind, ReportKind, ServeState};
use bifrost_rpc::{CallError, Dispatch, Key, Link, Method, ServeError, Server, Service, thrift};
use std::net::Ipv6Addr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(60);

fn key() -> Key {
    Key::from_bytes([5; 32])
}

fn node(hub: &Hub, number: u16, key: Option<&Key>) -> Result<Node, JoinError> {
    let builder = key.iter().fold(Node::builder(), |builder, key| builder.key((*key).clone()));
    let link = Link::builder().address(address(number)).mac(mac(number));
    let builder = builder.link(link).name(&format!("n{number}")).within(Duration::from_secs(20));
    builder.in_process(hub.port(number))
}

/// Two nodes, the first of which serves [`Probe`].
fn rack(key: Option<&Key>) -> (Hub, Running, [Node; 2]) {
    let hub = Hub::default();
    let gatekeeper = Gatekeeper::on(&hub, key.cloned());
    let nodes = [1, 2].map(|number| node(&hub, number, key).unwrap());
    (hub, gatekeeper, nodes)
}

fn client(node: &Node) -> Client {
    Client(node.channel().deadline(LONG).connect("rack://Probe").unwrap())
}

fn until(mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < LONG, "it does not come true");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_node_joins_serves_is_called_by_name_and_leaves() {
    let _watchdog = Watchdog::of("nodes", 100);
    for key in [None, Some(key())] {
        let (_hub, gatekeeper, [server, caller]) = rack(key.as_ref());
        let known = gatekeeper.known(address(1));
        let announce = known.announce.unwrap();
        assert_eq!((announce.name.as_str(), announce.kind), ("n1", NodeKind::Compute));
        assert_eq!((announce.addresses, server.incarnation()), (vec![address(1)], known.incarnation));
        let running = server.server().service(Probe::default()).start().unwrap();
        let serves = gatekeeper.known(address(1)).serves;
        assert_eq!((serves[0].service.as_str(), serves[0].state), ("Probe", ServeState::Open), "started, so confirmed");
        assert!(serves[0].instance != 0 && !serves[0].methods.is_empty());
        let client = client(&caller);
        assert_eq!((client.add(1).unwrap(), client.add(1).unwrap()), (1, 2));
        assert_eq!(running.shutdown(Duration::from_secs(5)), 0);
        until(|| gatekeeper.known(address(1)).serves.len() == 3);
        let states: Vec<_> = gatekeeper.known(address(1)).serves.iter().map(|serve| serve.state).collect();
        assert_eq!(states, [ServeState::Open, ServeState::Draining, ServeState::Ended]);
        assert!(gatekeeper.known(address(1)).is_here);
        drop(server);
        assert!(!gatekeeper.known(address(1)).is_here, "dropped, so left");
        assert!(caller.leave(LONG));
        assert_eq!(caller.state(), NodeState::Left);
        let told = client.add(1).unwrap_err();
        assert!(CallError::of(&told).unwrap().to_string().contains("has left the rack"), "{told}");
    }
}

#[test]
fn a_node_joins_through_a_tunnel() {
    let _watchdog = Watchdog::of("node through a tunnel", 100);
    for key in [None, Some(key())] {
        let gatekeeper = Gatekeeper::new(key.clone());
        let switch = Switch::with_gatekeeper(key.clone(), gatekeeper.clone());
        let builder = key.iter().fold(Node::builder(), |builder, key| builder.key(key.clone()));
        let url = format!("{}?node=n1", switch.url());
        let node = if key.is_some() { builder.join(&url) } else { Node::join(&url) }.unwrap();
        assert_eq!((node.name(), node.link().address(), node.incarnation()), ("n1", address(1), 1));
        until(|| gatekeeper.known(address(1)).heartbeats > 3);
        assert!(node.leave(LONG));
        assert!(!gatekeeper.known(address(1)).is_here);
        let builder = || key.iter().fold(Node::builder(), |builder, key| builder.key(key.clone()));
        let first = builder().join(&url).unwrap();
        let second = builder().join(&url).unwrap();
        assert_eq!(second.incarnation(), 3);
        until(|| first.state() != NodeState::Joined);
        let NodeState::Lost(why) = first.state() else { panic!("{:?}", first.state()) };
        assert!(why.contains("taken over"), "{why}");
        assert_eq!(second.state(), NodeState::Joined);
    }
}

#[test]
fn a_fenced_node_says_so_and_comes_back_with_another_number() {
    let _watchdog = Watchdog::of("fenced node", 100);
    let hub = Hub::default();
    let gatekeeper = Gatekeeper::on(&hub, Some(key()));
    let server = node(&hub, 1, Some(&key())).unwrap();
    let _running = server.server().service(Probe::default()).start().unwrap();
    let (tell, told) = channel();
    let link = Link::builder().address(address(2)).mac(mac(2)).in_process(hub.port(2)).unwrap();
    let join = || {
        Node::builder().key(key()).name("n2").on_end({
            let tell = tell.clone();
            move |how| tell.send(how.clone()).unwrap()
        })
    };
    let caller = join().over(&link).unwrap();
    let before = client(&caller);
    assert_eq!(before.add(1).unwrap(), 1);
    gatekeeper.fence(address(2));
    assert_eq!(told.recv_timeout(LONG).unwrap(), NodeState::Fenced);
    assert!(caller.is_fenced());
    let failure = before.add(1).unwrap_err();
    assert!(CallError::of(&failure).unwrap().to_string().contains("fenced"), "{failure}");
    let refused = caller.server().service(Probe::default()).start();
    assert!(matches!(refused, Err(ServeError::Unregistered { .. })), "{refused:?}");
    let again = join().over(&link).unwrap();
    assert_eq!(again.incarnation(), caller.incarnation() + 1);
    drop(caller);
    assert_eq!(again.state(), NodeState::Joined, "the end of an earlier life is not that of a later one");
    assert_eq!(client(&again).add(1).unwrap(), 2);
}

#[test]
fn who_is_not_taken_in_is_told_why() {
    let _watchdog = Watchdog::of("refused nodes", 100);
    let hub = Hub::default();
    let gatekeeper = Gatekeeper::on(&hub, Some(key()));
    let says = |error: JoinError, text: &str| assert!(error.to_string().contains(text), "{error}");
    let short = || {
        let link = Link::builder().address(address(1)).mac(mac(1));
        Node::builder().link(link).name("n1").within(Duration::from_millis(200))
    };
    says(
        short().in_process(hub.port(1)).unwrap_err(),
        "no control plane has answered, or one under another key, or the port is not this machine's",
    );
    let other = short().key(Key::from_bytes([6; 32]));
    says(
        other.in_process(hub.port(1)).unwrap_err(),
        "no control plane has answered, or one under another key, or the port is not this machine's",
    );
    gatekeeper.refuse(Some(ControlRefusal::Differs));
    says(short().key(key()).in_process(hub.port(1)).unwrap_err(), "description says otherwise");
    gatekeeper.refuse(Some(ControlRefusal::NotReady));
    says(short().key(key()).in_process(hub.port(1)).unwrap_err(), "is not ready");
    says(short().name("").in_process(hub.port(1)).unwrap_err(), "name of 1 to 63 bytes");
    gatekeeper.refuse(None);
    let node = short().key(key()).within(LONG).in_process(hub.port(1)).unwrap();
    let second = Node::builder().key(key()).name("n1").over(node.link()).unwrap_err();
    assert!(matches!(second, JoinError::System(_)), "{second}");
    gatekeeper.refuse(Some(ControlRefusal::Collision));
    let refused = node.server().service(Probe::default()).start().unwrap_err();
    assert!(refused.to_string().contains("cannot be told apart"), "{refused}");
}

#[test]
fn heartbeats_and_questions_are_answered_whoever_receives() {
    let _watchdog = Watchdog::of("questions", 100);
    let (_hub, gatekeeper, [server, idle]) = rack(None);
    let _running = server.server().service(Probe::default()).start().unwrap();
    for node in [&server, &idle] {
        let at = node.link().address();
        let before = gatekeeper.known(at).heartbeats;
        gatekeeper.query(at);
        until(|| gatekeeper.known(at).outstanding == Some(Vec::new()) && gatekeeper.known(at).heartbeats > before + 2);
        assert_eq!(node.state(), NodeState::Joined);
    }
}

/// A service whose handler waits until it is let go.
struct Waits {
    called: Sender<()>,
    go: Mutex<Receiver<()>>,
}

impl Service for Waits {
    fn name(&self) -> &'static str {
        Probe::SERVICE
    }

    fn methods(&self) -> &[Method] {
        Probe::METHODS
    }

    fn call(&self, _: &[u8], _: &CallContext, reply: &mut MessageBuffer) -> thrift::Result<Answer> {
        self.called.send(()).unwrap();
        self.go.lock().unwrap().recv_timeout(LONG).unwrap();
        reply.put_slice(b"done");
        Ok(Answer::Reply)
    }
}

/// The control plane can ask both ends for a call that leases, and is told when its session is over.
#[test]
fn leased_calls_are_told_of() {
    let _watchdog = Watchdog::of("leases", 100);
    let (_hub, gatekeeper, [server, caller]) = rack(Some(&key()));
    let ((called, is_called), (go, waits)) = (channel(), channel());
    let service = Waits { called, go: Mutex::new(waits) };
    let running = server.server().service(service).references(true).start().unwrap();
    let instance = gatekeeper.known(address(1)).serves[0].instance;
    let calls = caller.channel().deadline(LONG).connect("rack://Probe").unwrap();
    let told = |node: u16| {
        gatekeeper.query(address(node));
        until(|| gatekeeper.known(address(node)).outstanding.is_some());
        gatekeeper.known(address(node)).outstanding.unwrap()
    };
    let (made, taken) = std::thread::scope(|scope| {
        let call = scope.spawn(|| {
            let mut message = MessageBuffer::new();
            message.put_pointer(Pointer::new(0xfd, 1, 7));
            calls.call_message(&Probe::METHODS[0], message)
        });
        is_called.recv_timeout(LONG).unwrap();
        let (made, taken) = (told(2), told(1));
        go.send(()).unwrap();
        assert_eq!(call.join().unwrap(), Ok(Some(b"done".to_vec())));
        (made[0], taken[0])
    });
    assert_eq!((made.is_callee, taken.is_callee, made.instance), (false, true, instance));
    assert_eq!((made.session, made.client, made.rpc), (taken.session, taken.client, taken.rpc));
    drop(calls);
    assert_eq!(running.shutdown(Duration::from_secs(5)), 0);
    until(|| !gatekeeper.known(address(1)).reports.is_empty());
    let line = gatekeeper.known(address(1)).reports[0];
    assert_eq!((line.kind, line.session), (ReportKind::SessionEnded, taken.session));
    assert_eq!(server.reports_lost(), 0);
}

/// Its link's address is no address of the rack's prefix, which therefore has to be told.
#[test]
fn a_memory_server_joins_at_its_own_pointer() {
    let _watchdog = Watchdog::of("memory server joins", 100);
    let hub = Hub::default();
    let gatekeeper = Gatekeeper::on(&hub, None);
    let root = Pointer::new(0xfd, 3, 0);
    let at = Ipv6Addr::from(root.to_bytes());
    hub.own_memory(1);
    let link = || Link::builder().address(at).mac(mac(1));
    let join = |link| Node::builder().link(link).name("m3").memory_server(3, 7, 1 << 20).in_process(hub.port(1));
    let unknown = join(link()).unwrap_err();
    assert!(unknown.to_string().contains("prefix"), "{unknown}");
    let node = join(link().prefix(PREFIX)).unwrap();
    let announce = gatekeeper.known(at).announce.unwrap();
    assert_eq!((announce.kind, announce.capacity, announce.addresses), (NodeKind::Memory, 1 << 20, vec![at]));
    assert_eq!(announce.memory, Some(MemoryServer { server: 3, boot: 7 }));
    let _running = node.server().memory(Arc::new(Store::default())).start().unwrap();
    until(|| gatekeeper.known(at).heartbeats > 2);
}

#[test]
fn a_node_finds_the_racks_memory() {
    let _watchdog = Watchdog::of("memory of a rack", 100);
    let (hub, gatekeeper, [server, caller]) = rack(None);
    hub.own_memory(1);
    let _running =
        Server::builder().link(server.link()).listen("udp://[::]:7400").memory(Arc::new(Store::default())).start();
    let memory = caller.memory();
    assert_eq!(memory.servers().count(), 0);
    assert!(memory.alloc(10).is_err(), "no server is there");
    gatekeeper.set_servers(&[1]);
    until(|| memory.servers().eq([1]));
    assert_eq!(caller.memory_servers(), [1]);
    let object = memory.alloc_and_write(vec![7; 5000]).unwrap();
    assert_eq!(memory.read(object, 4990, 10).unwrap(), [7; 10]);
    memory.free(object).unwrap();
    assert_eq!(Pointer::new(0xfd, 1, 0).server(), object.server());
}
