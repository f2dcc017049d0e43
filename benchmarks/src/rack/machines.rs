//! The switch with Gatekeeper, the memory server, and how nodes join them: over tunnels or within a process.

use std::fmt::Write;
use std::net::{Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use bifrost_dsm::Config;
use bifrost_dsm::daemon::Daemon;
use bifrost_dsm::front::ControlFront;
use bifrost_rpc::Link;
use bifrost_rpc::node::Node;
use bifrost_rpc::wire::Pointer;
use bifrost_switch::daemon::{PortKind, Switch, SwitchBuilder, TunnelPort};
use bifrost_switch::engine::Engine;
use bifrost_switch::gatekeeper::{self, Gatekeeper};
use bifrost_switch::gatekeeper_driver::{Driver, Log, Parts, Place};
use bifrost_switch::rules::{Intent, Sizes, Source, compile, render};
use bifrost_switch::{PROGRAM, SharedEngine};

use crate::{child, clock};

/// Nodes that call, and nodes that serve.
pub(super) const CLIENTS: [&str; 4] = ["c1", "c2", "c3", "c4"];
pub(super) const SERVERS: [&str; 2] = ["s1", "s2"];
/// How often nodes send heartbeats: Gatekeeper's default. After two without any a node is suspected.
pub(super) const HEARTBEAT: Duration = Duration::from_millis(500);
/// The time after which a silent node is suspected.
pub(super) const SUSPICION: Duration = Duration::from_millis(1_000);
const _: () = assert!(SUSPICION.as_millis() == 2 * HEARTBEAT.as_millis(), "docs/gatekeeper.md: after 2 intervals");

const CONTROL_PLANE: u32 = 510;
const PREFIX: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xb1f0, 0, 1, 0, 0, 0, 0);
const MEMORY_PREFIX: u8 = 0xfd;
const SWITCH_MAC: [u8; 6] = [2, 0xb1, 0xf0, 0, 0, 1];
/// The memory server's port; nodes have those from 1 on.
const MEMORY: u8 = 9;
/// The memory server's life: nothing outlives a run.
const BOOT: u32 = 1;
const MEMORY_BYTES: u64 = 64 << 20;
/// Time to begin, and to join.
const WAIT: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(5);

fn mac(port: u8) -> [u8; 6] {
    [2, 0, 0, 0, 0, port]
}

/// Every node's name, port and address.
fn nodes() -> impl Iterator<Item = (&'static str, u8, Ipv6Addr)> {
    let names = CLIENTS.into_iter().chain(SERVERS);
    names.zip(1..).map(|(name, port)| (name, port, Ipv6Addr::from_bits(PREFIX.to_bits() | u128::from(port))))
}

/// The rack's description, and the rules that follow from it.
fn rules() -> Result<Intent> {
    let mut text = format!("[rack]\nprefix = \"{PREFIX}/64\"\n");
    for (name, port, address) in nodes() {
        let mac = format!("02:00:00:00:00:{port:02x}");
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "\n[[node]]\nname = \"{name}\"\nport = {port}\nmac = \"{mac}\"\naddresses = [\"{address}\"]\n"
        );
    }
    let _ = write!(text, "\n[[memory]]\nid = 1\nport = {MEMORY}\nmac = \"02:00:00:00:00:{MEMORY:02x}\"\n");
    let rules = compile(&Source::new("the benchmark's rack", &text), &[], &Sizes::default());
    rules.map_err(|faults| anyhow!("there are no rules: {}", render(&faults)))
}

/// Is the switch, with Gatekeeper in its process, for ever.
pub(super) fn switch(at: SocketAddr) -> Result<()> {
    let mut builder = Switch::builder(SharedEngine::new(Engine::load(PROGRAM, 1)?)).tunnels(at, None);
    for (name, port, address) in ports() {
        builder = builder.port(port.into(), tunnel(name, port, address));
    }
    let (switch, _control) = start(builder)?;
    child::announce(switch.tunnel_address().context("a switch without tunnels")?.port())?;
    loop {
        std::thread::park();
    }
}

/// A switch whose ports are in this process, and its Gatekeeper.
pub(super) fn local_switch() -> Result<(Switch, Driver<Gatekeeper>)> {
    let builder = Switch::builder(SharedEngine::new(Engine::load(PROGRAM, 1)?));
    start(ports().fold(builder, |builder, (_, port, _)| builder.port(port.into(), PortKind::Local)))
}

/// Every machine's name, port and address.
fn ports() -> impl Iterator<Item = (&'static str, u8, Ipv6Addr)> {
    nodes().chain([("m1", MEMORY, Pointer::new(MEMORY_PREFIX, 1, 0).address())])
}

fn start(builder: SwitchBuilder) -> Result<(Switch, Driver<Gatekeeper>)> {
    let switch = builder.port(CONTROL_PLANE, PortKind::Local).start()?;
    let control = control(&switch)?;
    Ok((switch, control))
}

fn tunnel(node: &str, port: u8, address: Ipv6Addr) -> PortKind {
    let (node, address) = (node.to_owned(), Some(address));
    PortKind::Tunnel(TunnelPort { node, mac: mac(port), address, switch_mac: SWITCH_MAC, key: None })
}

/// Gatekeeper, as the switch's command starts it without options.
fn control(switch: &Switch) -> Result<Driver<Gatekeeper>> {
    let port = Arc::new(switch.local(CONTROL_PLANE).context("no port for the control plane")?);
    let place = Place { prefix: PREFIX, memory_prefix: MEMORY_PREFIX, mac: SWITCH_MAC, key: None };
    let parts = Parts { port, switch: switch.control(PROGRAM), log: Log::in_memory(), place };
    let config = gatekeeper::Config { heartbeat: HEARTBEAT, ..gatekeeper::Config::new(rules()?) };
    let driver = Driver::gatekeeper(parts, config)?;
    let until = clock::now() + WAIT;
    while !driver.asker().ask(|gatekeeper, _, _| gatekeeper.is_ready()).unwrap_or(false) {
        ensure!(driver.is_running() && clock::now() < until, "Gatekeeper has not begun");
        clock::pause(LOOK);
    }
    Ok(driver)
}

/// Is the memory server, for ever.
pub(super) fn memory(tunnel: SocketAddr) -> Result<()> {
    let link = Link::builder().tunnel(&format!("tunnel://{tunnel}?node=m1&prefix={PREFIX}"))?;
    let _memory = MemoryMachine::start(&link)?;
    child::announce(0)?;
    loop {
        std::thread::park();
    }
}

/// A memory server.
pub(super) struct MemoryMachine {
    _node: Node,
    _front: ControlFront,
    _daemon: Daemon,
}

impl MemoryMachine {
    fn start(link: &Link) -> Result<Self> {
        let config = Config { server: 1, boot: BOOT, capacity_bytes: MEMORY_BYTES, ..Config::default() };
        let daemon = Daemon::builder(config).transport(|server| server.link(link)).listen("udp://[::]:7400").start()?;
        let front = ControlFront::on_link(daemon.memory(), link, None)?;
        let node = Node::builder().name("m1").within(WAIT).memory_server(1, BOOT, MEMORY_BYTES).over(link)?;
        Ok(Self { _node: node, _front: front, _daemon: daemon })
    }

    /// At a switch of this process.
    pub(super) fn at(switch: &Switch) -> Result<Self> {
        Self::start(&local_link(switch, "m1")?)
    }
}

fn local_link(switch: &Switch, name: &str) -> Result<Link> {
    let (_, port, address) = ports().find(|(found, ..)| *found == name).context("an unknown machine")?;
    let local = switch.local(port.into()).context("a port that is not in this process")?;
    let link = Link::builder().address(address).mac(mac(port)).switch_mac(SWITCH_MAC).prefix(PREFIX);
    Ok(link.in_process(local)?)
}

/// Joins the rack at a switch of this process.
pub(super) fn join_at(switch: &Switch, name: &str) -> Result<Node> {
    let node = Node::builder().name(name).within(WAIT).over(&local_link(switch, name)?);
    node.with_context(|| format!("{name} is not taken in"))
}

/// Joins the rack as the node of this name.
pub(super) fn join(tunnel: SocketAddr, name: &str) -> Result<Node> {
    let node = Node::builder().within(WAIT).join(&format!("tunnel://{tunnel}?node={name}"));
    node.with_context(|| format!("{name} is not taken in"))
}
