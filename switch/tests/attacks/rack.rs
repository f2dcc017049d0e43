//! The rack that is attacked: the compiled program on the embedded switch, Gatekeeper, a memory server, honest nodes.

use crate::WAIT;
use crate::frames::{PREFIX, ROOT, SWITCH_MAC, address, mac};
use crate::raw::Raw;
use crate::seal::Secret;
use bifrost_dsm::Config as Memory;
use bifrost_dsm::daemon::Daemon;
use bifrost_dsm::front::ControlFront;
use bifrost_rpc::memory::Pointer;
use bifrost_rpc::node::Node;
use bifrost_rpc::wire::control::gatekeeper_address;
use bifrost_rpc::{Channel, FramePort, Key, Link};
use bifrost_switch::daemon::{LocalPort, PortKind, Switch};
use bifrost_switch::engine::{Engine, EntryAction, MatchParam};
use bifrost_switch::gatekeeper::{Config, Gatekeeper};
use bifrost_switch::gatekeeper_driver::manage::ManageServer;
use bifrost_switch::gatekeeper_driver::manage::idl::gatekeeper::{
    GatekeeperClient, Status, TGatekeeperSyncClient as _,
};
use bifrost_switch::gatekeeper_driver::{Driver, Log, Parts, Place};
use bifrost_switch::rules::{Sizes, Source, compile};
use bifrost_switch::runtime::{SwitchControl, Update};
use bifrost_switch::{PROGRAM, SharedEngine};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const CONTROL_PLANE: u32 = 510;
/// The memory server's port.
const MEMORY: u32 = 7;
const PORTS: u32 = 7;
/// Long enough that nobody is taken for dead who does not say so.
const HEARTBEAT: Duration = Duration::from_secs(20);

/// A machine's cable, into which frames can be put that have not passed the switch.
#[derive(Debug, Clone)]
pub(crate) struct Cable(Arc<CableState>);

#[derive(Debug)]
struct CableState {
    port: LocalPort,
    put: Mutex<VecDeque<Vec<u8>>>,
    /// What the machine has sent.
    heard: Mutex<VecDeque<Vec<u8>>>,
}

impl Cable {
    fn new(port: LocalPort) -> Self {
        Self(Arc::new(CableState { port, put: Mutex::default(), heard: Mutex::default() }))
    }

    /// Puts a frame in behind the switch.
    pub(crate) fn put(&self, frame: &[u8]) {
        let mut frame = frame.to_vec();
        frame[..6].copy_from_slice(&mac(self.0.port.number()));
        self.0.put.lock().unwrap().push_back(frame);
    }

    /// The next frame that the machine has sent.
    pub(crate) fn heard(&self) -> Option<Vec<u8>> {
        self.0.heard.lock().unwrap().pop_front()
    }
}

impl FramePort for Cable {
    fn send(&self, frames: &mut dyn Iterator<Item = &[u8]>) {
        for frame in frames {
            self.0.heard.lock().unwrap().push_back(frame.to_vec());
            self.0.port.send(frame);
        }
    }

    fn receive(&self, wait: Duration, take: &mut dyn FnMut(&[u8])) -> bool {
        let put = std::mem::take(&mut *self.0.put.lock().unwrap());
        put.iter().for_each(|frame| take(frame));
        let wait = if put.is_empty() { wait } else { Duration::ZERO };
        FramePort::receive(&self.0.port, wait, take)
    }
}

/// A memory server in the rack. It leaves first.
pub(crate) struct Server {
    _node: Node,
    pub(crate) front: ControlFront,
    pub(crate) daemon: Daemon,
    pub(crate) link: Link,
    pub(crate) cable: Cable,
}

pub(crate) struct Rack {
    pub(crate) memory: Server,
    status: GatekeeperClient,
    _manage: ManageServer,
    _driver: Driver<Gatekeeper>,
    pub(crate) tables: Arc<dyn SwitchControl>,
    switch: Switch,
    key: Option<Secret>,
}

impl Rack {
    pub(crate) fn start() -> Self {
        Self::with_key(None)
    }

    pub(crate) fn with_key(secret: Option<Secret>) -> Self {
        let key = secret.map(Key::from_bytes);
        let engine = SharedEngine::new(Engine::load(PROGRAM, 1).unwrap());
        let ports = (1..=PORTS).chain([CONTROL_PLANE]);
        let builder = ports.fold(Switch::builder(engine), |builder, port| builder.port(port, PortKind::Local));
        let switch = builder.start().unwrap();
        let tables = switch.control(PROGRAM);
        let driver = control_plane(&switch, &tables, key.as_ref());
        let manage = ManageServer::start(&driver.asker(), tables.clone(), "udp://[::1]:0", || {}).unwrap();
        let channel = Channel::builder().deadline(WAIT).connect(&manage.urls()[0]).unwrap();
        let memory = memory_server(&switch, key.as_ref());
        let status = GatekeeperClient::new(channel);
        Self { memory, status, _manage: manage, _driver: driver, tables, switch, key: secret }
    }

    /// How the rack stands, as it is told to people.
    pub(crate) fn status(&self) -> Status {
        self.status.clone().status().unwrap()
    }

    /// An honest node.
    pub(crate) fn node(&self, port: u32) -> Node {
        self.node_on(port, self.port(port))
    }

    /// The same, with the cable that it is on.
    pub(crate) fn node_on_cable(&self, port: u32) -> (Node, Cable) {
        let cable = Cable::new(self.port(port));
        (self.node_on(port, cable.clone()), cable)
    }

    fn node_on(&self, port: u32, attached: impl FramePort + 'static) -> Node {
        let link = Link::builder().address(address(port)).mac(mac(port));
        let builder = Node::builder().name(&format!("n{port}")).link(link).within(WAIT);
        let builder = self.key.iter().fold(builder, |builder, key| builder.key(Key::from_bytes(*key)));
        builder.in_process(attached).unwrap()
    }

    /// A machine whose every frame is made by hand, and which has joined the rack.
    pub(crate) fn raw(&self, port: u32) -> Raw {
        let mut raw = Raw::new(self.port(port), self.key);
        raw.join();
        raw
    }

    pub(crate) fn port(&self, port: u32) -> LocalPort {
        self.switch.local(port).unwrap()
    }

    /// Declares a node dead.
    pub(crate) fn declare_dead(&self, port: u32) {
        self.status.clone().evict(format!("n{port}")).unwrap();
        crate::until("blocked", || {
            let status = self.status();
            let node = status.nodes.iter().find(|node| node.name == format!("n{port}"));
            let is_blocked = self.tables.entry_count("blocked_source").unwrap() > 0;
            node.is_some_and(|node| node.state == "failed") && is_blocked
        });
    }

    /// Lets an operation pass that Gatekeeper does not: the first line is down. Returns the entry's handle.
    pub(crate) fn let_pass(&self, source: std::net::Ipv6Addr, asked: &crate::frames::Ask<'_>) -> u32 {
        let pointer = asked.pointer();
        let exact = |bytes: &[u8]| MatchParam::Exact(bytes.to_vec());
        let key = [
            exact(&[pointer.server()]),
            exact(&pointer.object().to_be_bytes()),
            exact(&[pointer.operation()]),
            exact(&source.octets()),
        ];
        let action = EntryAction::Action { name: "allow".to_owned(), data: Vec::new() };
        self.tables.add("memory_access", &key, 0, &action).unwrap()
    }

    /// Takes such an entry away.
    pub(crate) fn stop(&self, handle: u32) {
        self.tables.apply_one(Update::Delete { table: "memory_access".to_owned(), handle }).unwrap();
    }

    /// Admits an address at a port, for as long as the control plane does not look.
    pub(crate) fn admit(&self, port: u32, source: std::net::Ipv6Addr) {
        let port_bytes = u16::try_from(port).unwrap().to_be_bytes().to_vec();
        let source = MatchParam::Lpm(source.octets().to_vec(), 128);
        let key = [MatchParam::Exact(port_bytes), MatchParam::Exact(mac(port).to_vec()), source];
        let action = EntryAction::Action { name: "admit".to_owned(), data: Vec::new() };
        // It may be there still.
        let _ = self.tables.add("port_security", &key, 0, &action);
    }

    /// Blocks nobody.
    pub(crate) fn unblock(&self) {
        ["blocked_source", "blocked_destination"].into_iter().for_each(|table| self.tables.clear(table).unwrap());
    }

    /// What an object holds, as the node that controls it reads it through the switch.
    pub(crate) fn assert_unchanged(&self, owner: &Node, object: Pointer, bytes: &[u8]) {
        assert_eq!(owner.memory().read(object, 0, bytes.len() as u64).unwrap(), bytes, "memory was changed");
    }
}

fn control_plane(switch: &Switch, tables: &Arc<dyn SwitchControl>, key: Option<&Key>) -> Driver<Gatekeeper> {
    let source = Source::new("rack.toml", format!("[rack]\nprefix = \"{PREFIX}/64\"\n"));
    let rules = compile(&source, &[], &Sizes::default()).unwrap();
    let config = Config { key: key.cloned(), is_open_to_all: true, heartbeat: HEARTBEAT, ..Config::new(rules) };
    let place = Place { prefix: PREFIX, memory_prefix: 0xfd, mac: SWITCH_MAC, key: key.cloned() };
    let port = Arc::new(switch.local(CONTROL_PLANE).unwrap());
    let parts = Parts { port, switch: tables.clone(), log: Log::in_memory(), place };
    Driver::start(parts, |now| Gatekeeper::new(config, [], now, &[7; 48])).unwrap()
}

fn memory_server(switch: &Switch, key: Option<&Key>) -> Server {
    let cable = Cable::new(switch.local(MEMORY).unwrap());
    let link = Link::builder().address(ROOT.address()).mac(mac(MEMORY)).prefix(PREFIX);
    let link = link.in_process(cable.clone()).unwrap();
    let config = Memory { server: 1, boot: 3, ..Memory::default() };
    let builder = Daemon::builder(config).transport(|transport| transport.link(&link)).listen("udp://[::]:7400");
    let builder = key.iter().fold(builder, |builder, key| builder.rack_key(key));
    let daemon = builder.start().unwrap();
    let front = ControlFront::on_link(daemon.memory(), &link, key).unwrap();
    let node = Node::builder().name("m1").memory_server(1, 3, 1 << 30).within(WAIT);
    let node = key.iter().fold(node, |node, key| node.key((*key).clone())).over(&link).unwrap();
    Server { _node: node, front, daemon, link, cable }
}

/// The control plane's address.
pub(crate) fn control_plane_address() -> std::net::Ipv6Addr {
    gatekeeper_address(PREFIX)
}
