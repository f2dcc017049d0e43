//! A rack that runs: switch, Gatekeeper and memory server, and two nodes on UDP tunnels.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use bifrost_dsm::Config;
use bifrost_dsm::daemon::Daemon;
use bifrost_dsm::front::ControlFront;
use bifrost_rpc::node::Node;
use bifrost_rpc::wire::Pointer;
use bifrost_rpc::{Channel, Link, Service};
use bifrost_switch::daemon::{PortKind, Switch, TunnelPort};
use bifrost_switch::engine::Engine;
use bifrost_switch::gatekeeper::{self, Gatekeeper};
use bifrost_switch::gatekeeper_driver::{Driver, Log, Parts, Place};
use bifrost_switch::rules::{Sizes, Source, compile, render};
use bifrost_switch::{PROGRAM, SharedEngine};

use crate::clock;

const CONTROL_PLANE: u32 = 510;
const PREFIX: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xb1f0, 0, 1, 0, 0, 0, 0);
const MEMORY_PREFIX: u8 = 0xfd;
const SWITCH_MAC: [u8; 6] = [2, 0xb1, 0xf0, 0, 0, 1];
/// Ports of client, server and memory server.
const CLIENT: u8 = 1;
const SERVER: u8 = 2;
const MEMORY: u8 = 4;
/// The memory server's life; nothing outlives this process.
const BOOT: u32 = 1;
const MEMORY_BYTES: u64 = 64 << 20;
/// Time to begin, and to join.
const WAIT: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(5);
const DEADLINE: Duration = Duration::from_secs(10);

const DESCRIPTION: &str = r#"
[rack]
prefix = "fd00:b1f0:0:1::/64"

[[node]]
name = "c1"
port = 1
mac = "02:00:00:00:00:01"
addresses = ["fd00:b1f0:0:1::1"]

[[node]]
name = "s1"
port = 2
mac = "02:00:00:00:00:02"
addresses = ["fd00:b1f0:0:1::2"]

[[memory]]
id = 1
port = 4
mac = "02:00:00:00:00:04"
"#;

/// A rack. What needs the others is dropped before them.
pub(super) struct Rack {
    _served: bifrost_rpc::Server,
    client: Node,
    server: Node,
    _memory: Memory,
    _control: Driver<Gatekeeper>,
    _switch: Switch,
}

/// A memory server, and the node that it is.
struct Memory {
    _node: Node,
    _front: ControlFront,
    _daemon: Daemon,
}

impl Rack {
    /// Starts all; `serve` says what the second node serves.
    pub(super) fn start<S: Service>(address: IpAddr, serve: impl FnOnce(&Node) -> Result<S>) -> Result<Self> {
        let switch = switch(address)?;
        let at = switch.tunnel_address().context("a switch without tunnels")?;
        let control = control(&switch)?;
        let memory = memory(at)?;
        let (client, server) = (join(at, "c1")?, join(at, "s1")?);
        let service = serve(&server)?;
        let served = server.server().global_memory(server.memory()).service(service).start()?;
        Ok(Self { _served: served, client, server, _memory: memory, _control: control, _switch: switch })
    }

    /// The node that calls.
    pub(super) fn client(&self) -> &Node {
        &self.client
    }

    /// The node that serves.
    pub(super) fn server(&self) -> &Node {
        &self.server
    }

    /// The client's way to a service.
    pub(super) fn channel(&self, service: &str) -> Result<Channel> {
        let channel = self.client.channel().global_memory(self.client.memory()).deadline(DEADLINE);
        Ok(channel.connect(&format!("rack://{service}"))?)
    }
}

fn mac(port: u8) -> [u8; 6] {
    [2, 0, 0, 0, 0, port]
}

fn tunnel(node: &str, port: u8, address: Ipv6Addr) -> PortKind {
    let node = node.to_owned();
    let address = Some(address);
    PortKind::Tunnel(TunnelPort { node, mac: mac(port), address, switch_mac: SWITCH_MAC, key: None })
}

fn switch(address: IpAddr) -> Result<Switch> {
    let engine = SharedEngine::new(Engine::load(PROGRAM, 1)?);
    let node = |n: u8| Ipv6Addr::from_bits(PREFIX.to_bits() | u128::from(n));
    let builder = Switch::builder(engine).tunnels(SocketAddr::new(address, 0), None);
    let builder = builder.port(CONTROL_PLANE, PortKind::Local);
    let builder = builder.port(CLIENT.into(), tunnel("c1", CLIENT, node(CLIENT)));
    let builder = builder.port(SERVER.into(), tunnel("s1", SERVER, node(SERVER)));
    let memory = Pointer::new(MEMORY_PREFIX, 1, 0).address();
    Ok(builder.port(MEMORY.into(), tunnel("m1", MEMORY, memory)).start()?)
}

fn control(switch: &Switch) -> Result<Driver<Gatekeeper>> {
    let rules = compile(&Source::new("the benchmark's rack", DESCRIPTION), &[], &Sizes::default());
    let rules = rules.map_err(|faults| anyhow!("there are no rules: {}", render(&faults)))?;
    let port = Arc::new(switch.local(CONTROL_PLANE).context("no port for the control plane")?);
    let place = Place { prefix: PREFIX, memory_prefix: MEMORY_PREFIX, mac: SWITCH_MAC, key: None };
    let parts = Parts { port, switch: switch.control(PROGRAM), log: Log::in_memory(), place };
    let driver = Driver::gatekeeper(parts, gatekeeper::Config::new(rules))?;
    let until = clock::now() + WAIT;
    while !driver.asker().ask(|gatekeeper, _, _| gatekeeper.is_ready()).unwrap_or(false) {
        ensure!(driver.is_running() && clock::now() < until, "Gatekeeper has not begun");
        std::thread::park_timeout(LOOK);
    }
    Ok(driver)
}

fn memory(at: SocketAddr) -> Result<Memory> {
    let link = Link::builder().tunnel(&format!("tunnel://{at}?node=m1&prefix={PREFIX}"))?;
    let config = Config { server: 1, boot: BOOT, capacity_bytes: MEMORY_BYTES, ..Config::default() };
    let daemon = Daemon::builder(config).transport(|server| server.link(&link)).listen("udp://[::]:7400").start()?;
    let front = ControlFront::on_link(daemon.memory(), &link, None)?;
    let node = Node::builder().name("m1").within(WAIT).memory_server(1, BOOT, MEMORY_BYTES).over(&link)?;
    Ok(Memory { _node: node, _front: front, _daemon: daemon })
}

fn join(at: SocketAddr, name: &str) -> Result<Node> {
    let node = Node::builder().within(WAIT).join(&format!("tunnel://{at}?node={name}"));
    node.with_context(|| format!("{name} is not taken in"))
}
