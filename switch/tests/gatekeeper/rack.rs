//! The switch and what is attached to it.

use bifrost_dsm::Config;
use bifrost_dsm::daemon::Daemon;
use bifrost_dsm::front::ControlFront;
use bifrost_rpc::wire::frame::{FrameAddresses, Mac, Sum};
use bifrost_rpc::wire::{Pointer, control::gatekeeper_address};
use bifrost_rpc::{Key, Link};
use bifrost_switch::daemon::{PortKind, Switch};
use bifrost_switch::engine::Engine;
use bifrost_switch::gatekeeper_driver::Place;
use bifrost_switch::rules::{Intent, Sizes, Source, compile};
use bifrost_switch::runtime::{Runtime, Settings};
use bifrost_switch::{PROGRAM, SharedEngine};
use std::net::Ipv6Addr;
use std::sync::Arc;

pub(crate) const PREFIX: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xb1f0, 0, 1, 0, 0, 0, 0);
pub(crate) const SWITCH_MAC: Mac = [2, 0xb1, 0xf0, 0, 0, 1];
const CONTROL_PLANE: u32 = 510;
/// The ports that there are.
const PORTS: u32 = 8;

/// A rack with two nodes, and two memory servers, at ports 4 and 5.
const DESCRIPTION: &str = r#"
[rack]
prefix = "fd00:b1f0:0:1::/64"

[[node]]
name = "c1"
port = 1
mac = "02:00:00:00:00:01"
addresses = ["fd00:b1f0:0:1::1"]

[[node]]
name = "c2"
port = 2
mac = "02:00:00:00:00:02"
addresses = ["fd00:b1f0:0:1::2"]

[[memory]]
id = 1
port = 4
mac = "02:00:00:00:00:04"

[[memory]]
id = 2
port = 5
mac = "02:00:00:00:00:05"
"#;

pub(crate) fn rules() -> Intent {
    let source = Source::new("rack.toml", DESCRIPTION);
    compile(&source, &[], &Sizes::default()).unwrap()
}

/// The embedded switch with ports of this process.
pub(crate) fn switch() -> Switch {
    let engine = SharedEngine::new(Engine::load(PROGRAM, 1).unwrap());
    let ports = (1..=PORTS).chain([CONTROL_PLANE]);
    ports.fold(Switch::builder(engine), |builder, port| builder.port(port, PortKind::Local)).start().unwrap()
}

pub(crate) fn tables(switch: &Switch) -> Arc<Runtime> {
    Arc::new(Runtime::new(switch.engine().unwrap().clone(), PROGRAM, Settings::default()))
}

pub(crate) fn control_port(switch: &Switch) -> Arc<bifrost_switch::daemon::LocalPort> {
    Arc::new(switch.local(CONTROL_PLANE).unwrap())
}

pub(crate) fn place(key: Option<&Key>) -> Place {
    Place { prefix: PREFIX, memory_prefix: 0xfd, mac: SWITCH_MAC, key: key.cloned() }
}

/// A memory server, at the port 3 plus its number.
pub(crate) struct Memory {
    pub(crate) daemon: Daemon,
    pub(crate) link: Link,
    _front: ControlFront,
}

pub(crate) fn memory_mac(server: u8) -> Mac {
    [2, 0, 0, 0, 0, 3 + server]
}

pub(crate) fn memory(switch: &Switch, server: u8, boot: u32, key: Option<&Key>) -> Memory {
    let port = switch.local(3 + u32::from(server)).unwrap();
    let link = Link::builder()
        .address(Pointer::new(0xfd, server, 0).address())
        .mac(memory_mac(server))
        .prefix(PREFIX)
        .in_process(port)
        .unwrap();
    let config = Config { server, boot, ..Config::default() };
    let daemon = Daemon::builder(config).transport(|transport| transport.link(&link)).listen("udp://[::]:7400");
    let daemon = key.iter().fold(daemon, |daemon, key| daemon.rack_key(key)).start().unwrap();
    let front = ControlFront::on_link(daemon.memory(), &link, key).unwrap();
    Memory { daemon, link, _front: front }
}

/// A datagram for the control plane from a machine that is no memory server.
pub(crate) fn frame_to_control_plane() -> Vec<u8> {
    let addresses = FrameAddresses {
        source_mac: [2, 0, 0, 0, 0, 8],
        destination_mac: SWITCH_MAC,
        source: Ipv6Addr::from_bits(PREFIX.to_bits() | 8),
        destination: gatekeeper_address(PREFIX),
        source_port: 9,
        destination_port: 9,
    };
    [&addresses.headers(4, Sum::default()).unwrap()[..], &[0; 4]].concat()
}
