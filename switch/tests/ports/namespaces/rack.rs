//! A rack whose nodes have the kernel's IPv6 stack: clients, servers and a memory server of `bifrost-rpc` on its sockets, pointers
//! as destination addresses. On the embedded switch with packet sockets, and on `simple_switch` where there is one.

use super::namespace::{Namespace, missing};
use super::raw::RawSocket;
use crate::WAIT;
use bifrost_codegen::{Options, Outputs, compile_as};
use bifrost_dsm::Config;
use bifrost_dsm::daemon::Daemon;
use bifrost_rpc::memory::{MemoryClient, MemoryError, Pointer};
use bifrost_rpc::wire::{Flags, Header, MemoryFields, MemoryOp, MemoryStatus, PacketType, RACK_PORT, service_address};
use bifrost_rpc::{CallError, Channel, Server};
use bifrost_switch::bmv2::{self, Bmv2, Packets};
use bifrost_switch::daemon::{LocalPort, PortKind, Switch};
use bifrost_switch::engine::{Engine, EntryAction, MatchParam};
use bifrost_switch::rules::{Entries, Live, Scope, Sizes, Source, compile, render};
use bifrost_switch::runtime::idl::bmv2_standard::{StandardClient, TStandardSyncClient};
use bifrost_switch::runtime::{self, Client, Runtime, Settings, services};
use bifrost_switch::{PROGRAM, SharedEngine};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::net::{Ipv6Addr, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

const PREFIX: &str = "fd00:b1f0:0:1::";
/// Long enough for what does not happen.
const SHORT: Duration = Duration::from_millis(500);
const CONTROL_PLANE: u32 = 510;
/// Bytes of a packet-in's header, and of a packet-out's.
const HEADER_BYTES: usize = 8;
const ALLOC: u8 = 7;
const FREE: u8 = 8;

/// A client, a server of the runtime API (any service would do), and a memory server.
const RACK: &str = r#"
[rack]
prefix = "fd00:b1f0:0:1::/64"
[[node]]
name = "client"
port = 1
mac = "02:00:00:00:00:01"
addresses = ["fd00:b1f0:0:1::1"]
[[node]]
name = "server"
port = 2
mac = "02:00:00:00:00:02"
addresses = ["fd00:b1f0:0:1::2"]
serves = ["standard"]
[[memory]]
id = 1
port = 3
mac = "02:00:00:00:00:03"
"#;

fn entries() -> Entries {
    let path = PathBuf::from("bmv2_standard.thrift");
    let idl = include_str!("../../../../idl/bmv2_standard.thrift");
    let files = BTreeMap::from([(path.clone(), idl.to_owned())]);
    let outputs = Outputs { rust: false, manifest: true };
    let compiled = compile_as(&files, &[path], &[], &Options::default(), outputs).unwrap();
    let manifest = Source::new("manifest.json", compiled.modules[Path::new("manifest.json")].as_str());
    let rules = compile(&Source::new("rack.toml", RACK), &[manifest], &Sizes::default());
    rules.unwrap_or_else(|faults| panic!("{}", render(&faults))).entries()
}

fn root() -> Pointer {
    Pointer::new(0xfd, 1, 0)
}

/// The machines, each with its kernel.
struct Machines {
    switch: Namespace,
    nodes: [Namespace; 3],
}

impl Machines {
    fn new() -> Self {
        let machines = Self { switch: Namespace::new(), nodes: std::array::from_fn(|_| Namespace::new()) };
        for (number, node) in (1..).zip(&machines.nodes) {
            let port = format!("port{number}");
            machines.switch.ip(&format!("link add {port} mtu 9000 type veth peer name node netns {}", node.id()));
            machines.switch.ip(&format!("link set {port} up"));
            node.ip(&format!("link set node address 02:00:00:00:00:0{number} mtu 9000 up"));
            node.run("ethtool", "-K node tx off rx off tso off gso off gro off");
            // The switch's own MAC address is the way to everything.
            node.ip("-6 neigh add fe80::b1 lladdr 02:b1:f0:00:00:01 dev node nud permanent");
            node.ip("-6 route add default via fe80::b1 dev node");
        }
        let [client, server, memory] = &machines.nodes;
        client.ip(&format!("addr add {PREFIX}1/128 dev node nodad"));
        server.ip(&format!("addr add {PREFIX}2/128 dev node nodad"));
        server.ip(&format!("addr add {}/128 dev lo nodad", service()));
        memory.ip(&format!("-6 route add local {}/48 dev lo", root().address()));
        machines
    }
}

fn service() -> Ipv6Addr {
    service_address(PREFIX.parse().unwrap(), "standard")
}

/// How the control plane has its port.
trait ControlPort: Send + Debug {
    fn receive(&mut self, wait: Duration) -> Option<Vec<u8>>;
    fn send(&mut self, frame: &[u8]);
}

impl ControlPort for LocalPort {
    fn receive(&mut self, wait: Duration) -> Option<Vec<u8>> {
        LocalPort::receive(self, wait)
    }

    fn send(&mut self, frame: &[u8]) {
        LocalPort::send(self, frame);
    }
}

impl ControlPort for RawSocket {
    fn receive(&mut self, wait: Duration) -> Option<Vec<u8>> {
        RawSocket::receive(self, wait)
    }

    fn send(&mut self, frame: &[u8]) {
        RawSocket::send(self, frame);
    }
}

/// What stands in for the control plane: it lets objects be made and freed.
struct Gatekeeper {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Gatekeeper {
    fn start(mut port: impl ControlPort + 'static) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let thread = std::thread::spawn(move || {
            while !over.load(Ordering::Acquire) {
                let Some(packet_in) = port.receive(Duration::from_millis(20)) else { continue };
                let Some((header, frame)) = packet_in.split_at_checked(HEADER_BYTES) else { continue };
                if matches!(header[0], ALLOC | FREE) {
                    // Mode 0: the tables choose where it goes.
                    port.send(&[&[0; HEADER_BYTES][..], frame].concat());
                }
            }
        });
        Self { is_over, thread: Some(thread) }
    }
}

impl Drop for Gatekeeper {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Release);
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(std::thread::panicking() || ended.is_some_and(|ended| ended.is_ok()));
    }
}

/// Fills the tables of a switch.
fn install(switch: &dyn runtime::SwitchControl) {
    let mut live = Live::read(switch, Scope::Described).unwrap();
    let batch = live.changes(&entries(), Scope::Described);
    let done = live.apply(switch, &batch);
    assert!(done.refused.is_empty() && done.left.is_empty(), "{done:?}");
}

fn is_lost<T: Debug>(result: &Result<T, MemoryError>) -> bool {
    matches!(result, Err(MemoryError::Call(CallError::Deadline { .. })))
}

/// Calls at the service's address, by a client that knows no other.
fn calls_are_routed(machines: &Machines) {
    let [client, server, _] = &machines.nodes;
    let engine = SharedEngine::new(Engine::load(PROGRAM, 1).unwrap());
    let served = server.within(move || {
        let runtime = Runtime::new(engine, PROGRAM, Settings::default());
        let [standard, ..] = services(&runtime);
        Server::builder().listen(&format!("udp://[{}]:7400", service())).shared_service(standard).start().unwrap()
    });
    let (length, json) = client.within(|| {
        let local: Ipv6Addr = format!("{PREFIX}1").parse().unwrap();
        let builder = Channel::builder().local(local.into()).deadline(WAIT);
        let channel = builder.connect(&format!("udp://[{}]:7400", service())).unwrap();
        let mut client = StandardClient::new(channel);
        (client.bm_mt_get_num_entries(0, "l2".to_owned()).unwrap(), client.bm_get_config().unwrap())
    });
    assert_eq!(length, 0);
    assert!(json == PROGRAM.as_bytes(), "a long answer");
    drop(served);
}

/// Operations at the addresses that their pointers are: dropped, let through by an entry, dropped again.
fn entries_decide(machines: &Machines, switch: &Arc<dyn runtime::SwitchControl>) {
    let [client, _, memory] = &machines.nodes;
    let served = memory.within(|| {
        let builder = Daemon::builder(Config { boot: 1, ..Config::default() });
        builder.transport(|server| server.native(true)).listen("udp://[::]:7400").start().unwrap()
    });
    let connect = |deadline: Duration| {
        client.within(move || {
            let local: Ipv6Addr = format!("{PREFIX}1").parse().unwrap();
            let builder = Channel::builder().native(true).local(local.into()).deadline(deadline);
            let channel = builder.connect(&format!("udp://[{}]:7400", root().address())).unwrap();
            Arc::new(MemoryClient::over(channel, root()))
        })
    };
    let (patient, hasty) = (connect(WAIT), connect(SHORT));
    let data: Vec<u8> = (0..200_000u32).map(|at| u8::try_from(at % 251).unwrap()).collect();
    let (own, written) = (Arc::clone(&patient), data.clone());
    let object = client.within(move || own.alloc_and_write(written).unwrap());
    let (own, asked) = (Arc::clone(&hasty), object);
    let lost = client.within(move || own.read(asked, 0, 100));
    assert!(is_lost(&lost), "{lost:?}");

    let id = object.to_bytes();
    let source: Ipv6Addr = format!("{PREFIX}1").parse().unwrap();
    let exact = |bytes: &[u8]| MatchParam::Exact(bytes.to_vec());
    let key = [exact(&[1]), exact(&id[8..]), exact(&[2]), exact(&source.octets())];
    let allow = EntryAction::Action { name: "allow".to_owned(), data: Vec::new() };
    let to = Arc::clone(switch);
    let handle = machines.switch.within(move || to.add("memory_access", &key, 0, &allow).unwrap());
    let (own, asked) = (Arc::clone(&patient), object);
    assert!(client.within(move || own.read(asked, 0, 200_000)).unwrap() == data);
    nothing_comes_behind_a_packet(client, object, &served);
    let own = Arc::clone(&hasty);
    assert!(is_lost(&client.within(move || own.write(object, 0, vec![1]))), "an entry for reads lets a write pass");

    let (to, table) = (Arc::clone(switch), "memory_access".to_owned());
    machines.switch.within(move || to.apply_one(runtime::Update::Delete { table, handle }).unwrap());
    let own = Arc::clone(&hasty);
    let lost = client.within(move || own.read(object, 0, 100));
    assert!(is_lost(&lost), "{lost:?}");
    client.within(move || patient.free(object).unwrap());
    drop(served);
}

/// A datagram that goes as a read, and has a write behind that: it passes the switch, and the memory server drops it.
fn nothing_comes_behind_a_packet(client: &Namespace, object: Pointer, served: &Daemon) {
    let operation = |op: MemoryOp| {
        let mut header = Header::new(PacketType::Memory);
        header.flags = Flags::FIRST.with(Flags::TO_CALLEE);
        let pointer = object.with_operation(op as u8, 0);
        let status = MemoryStatus::Ok;
        let fields = MemoryFields { pointer, offset: 0, len: 1, previous_write: 0, is_batch: false, status };
        fields.put(&mut header, false);
        (header.to_bytes(), pointer.address())
    };
    let ((read, to), (write, _)) = (operation(MemoryOp::Read), operation(MemoryOp::Write));
    client.within(move || {
        let socket = UdpSocket::bind(format!("[{PREFIX}1]:0")).unwrap();
        socket.send_to(&[read, write].concat(), (to, RACK_PORT)).unwrap();
    });
    let looks = std::iter::repeat_with(|| std::thread::park_timeout(Duration::from_millis(20)));
    let dropped = looks.take(1000).any(|()| served.server().stats().odd == 1);
    assert!(dropped, "{:?}", served.server().stats());
}

fn is_skipped(what: &str, reason: Option<&str>) -> bool {
    if let Some(reason) = reason {
        eprintln!("SKIPPED: {what} is not tested on veth: {reason}");
    }
    reason.is_some()
}

#[test]
fn a_rack_on_the_embedded_switch() {
    if is_skipped("a rack on the embedded switch", missing()) {
        return;
    }
    let machines = Machines::new();
    let engine = SharedEngine::new(Engine::load(PROGRAM, 1).unwrap());
    let runtime = Runtime::new(engine.clone(), PROGRAM, Settings::default());
    let control: Arc<dyn runtime::SwitchControl> = Arc::new(runtime);
    install(&*control);
    let device = |port: u32| PortKind::Device(format!("port{port}"));
    let builder = Switch::builder(engine).port(CONTROL_PLANE, PortKind::Local);
    let builder = (1..4).fold(builder, |builder, port| builder.port(port, device(port)));
    let switch = machines.switch.within(move || builder.start().unwrap());
    let gatekeeper = Gatekeeper::start(switch.local(CONTROL_PLANE).unwrap());
    calls_are_routed(&machines);
    entries_decide(&machines, &control);
    drop(gatekeeper);
    let report = switch.shutdown();
    assert!(report.ports.values().all(|port| port.fault.is_none()), "{report:?}");
}

#[test]
fn a_rack_on_bmv2() {
    let reason = missing().or_else(|| bmv2::find().is_none().then_some("no simple_switch in PATH"));
    if is_skipped("a rack on simple_switch", reason) {
        return;
    }
    let machines = Machines::new();
    machines.switch.ip("link add cpu0 mtu 9100 type veth peer name cpu1 mtu 9100");
    machines.switch.ip("link set cpu0 up");
    machines.switch.ip("link set cpu1 up");
    let ports = (1..4).map(|port| (port, format!("port{port}"))).chain([(CONTROL_PLANE, "cpu0".to_owned())]);
    let mut settings = bmv2::Settings::new(PROGRAM);
    settings.packets = Packets::Interfaces(ports.collect());
    settings.namespace = bmv2::Namespace::Present;
    let (running, control) = machines.switch.within(move || (Bmv2::start(&settings).unwrap(), RawSocket::open("cpu1")));
    let gatekeeper = Gatekeeper::start(control);
    let client: Arc<dyn runtime::SwitchControl> = Arc::new(Client::connect(running.url()).unwrap());
    let to = Arc::clone(&client);
    machines.switch.within(move || install(&*to));
    calls_are_routed(&machines);
    entries_decide(&machines, &client);
    drop((gatekeeper, running));
}
