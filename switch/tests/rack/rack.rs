//! The switch, its entries, and the nodes' links.

use crate::gatekeeper::Gatekeeper;
use crate::service::METHODS;
use bifrost_rpc::memory::Pointer;
use bifrost_rpc::wire::frame::Mac;
use bifrost_rpc::wire::{MethodField, service_address};
use bifrost_rpc::{Key, Link};
use bifrost_switch::bmv2::{self, Bmv2};
use bifrost_switch::daemon::{DataPlane, LocalPort, PortKind, Switch, TunnelPort};
use bifrost_switch::engine::{Engine, EntryAction, MatchParam};
use bifrost_switch::runtime::SwitchControl;
use bifrost_switch::{PROGRAM, SharedEngine};
use std::collections::BTreeSet;
use std::net::{Ipv6Addr, SocketAddr};
use std::sync::Arc;

pub(crate) const PREFIX: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xb1f0, 0, 1, 0, 0, 0, 0);
pub(crate) const SWITCH_MAC: Mac = [2, 0xb1, 0xf0, 0, 0, 1];
const CONTROL_PLANE: u32 = 510;

/// A place in the rack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Node {
    Client = 1,
    First = 2,
    Second = 3,
    Memory = 4,
    /// Machines of ordinary traffic.
    Host = 5,
    OtherHost = 6,
}

impl Node {
    pub(crate) const ALL: [Self; 6] =
        [Self::Client, Self::First, Self::Second, Self::Memory, Self::Host, Self::OtherHost];

    pub(crate) fn mac(self) -> Mac {
        [2, 0, 0, 0, 0, self as u8]
    }

    pub(crate) fn address(self) -> Ipv6Addr {
        match self {
            Self::Memory => root().address(),
            node => Ipv6Addr::from_bits(PREFIX.to_bits() | node as u128),
        }
    }

    /// The instance of the service that it serves.
    pub(crate) fn instance(self) -> u32 {
        0x50 + self as u32
    }

    fn port(self) -> [u8; 2] {
        [0, self as u8]
    }

    fn is_host(self) -> bool {
        matches!(self, Self::Host | Self::OtherHost)
    }
}

/// The memory server's own pointer.
pub(crate) fn root() -> Pointer {
    Pointer::new(0xfd, 1, 0)
}

/// How nodes are attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Cable,
    Tunnel,
}

/// What frames go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Through {
    Engine,
    Bmv2,
}

impl Through {
    /// The engine, and BMv2 if there is one.
    pub(crate) fn each() -> impl Iterator<Item = Self> {
        let has_bmv2 = bmv2::find().is_some();
        if !has_bmv2 {
            println!("SKIPPED: the same through BMv2, as there is no simple_switch in PATH");
        }
        [Self::Engine].into_iter().chain(has_bmv2.then_some(Self::Bmv2))
    }

    fn plane(self) -> DataPlane {
        match self {
            Self::Engine => SharedEngine::new(Engine::load(PROGRAM, 1).unwrap()).into(),
            Self::Bmv2 => Bmv2::start(&bmv2::Settings::new(PROGRAM)).unwrap().into(),
        }
    }
}

pub(crate) struct Rack {
    pub(crate) switch: Switch,
    pub(crate) control: Arc<dyn SwitchControl>,
    pub(crate) gatekeeper: Gatekeeper,
    by: By,
    key: Key,
}

impl Rack {
    pub(crate) fn start(through: Through, by: By) -> Self {
        let key = Key::from_bytes([7; 32]);
        let mut builder = Switch::builder(through.plane()).port(CONTROL_PLANE, PortKind::Local);
        if by == By::Tunnel {
            builder = builder.tunnels("[::1]:0".parse().unwrap(), Some(key.clone()));
        }
        for node in Node::ALL {
            let tunnel = PortKind::Tunnel(TunnelPort {
                node: format!("{node:?}"),
                mac: node.mac(),
                address: Some(node.address()),
                switch_mac: SWITCH_MAC,
                key: None,
            });
            let is_local = by == By::Cable || node.is_host();
            builder = builder.port(node as u32, if is_local { PortKind::Local } else { tunnel });
        }
        let switch = builder.start().unwrap();
        let control = switch.control(PROGRAM);
        install(&*control);
        let gatekeeper = Gatekeeper::start(switch.local(CONTROL_PLANE).unwrap());
        Self { switch, control, gatekeeper, by, key }
    }

    pub(crate) fn local(&self, node: Node) -> LocalPort {
        self.switch.local(node as u32).unwrap()
    }

    pub(crate) fn tunnels(&self) -> SocketAddr {
        self.switch.tunnel_address().unwrap()
    }

    /// A node's link.
    pub(crate) fn link(&self, node: Node) -> Link {
        match self.by {
            By::Cable => Link::builder().address(node.address()).mac(node.mac()).in_process(self.local(node)).unwrap(),
            By::Tunnel => self.tunnel(node, self.tunnels()),
        }
    }

    /// A node's link by a tunnel whose other end is said to be there.
    pub(crate) fn tunnel(&self, node: Node, switch: SocketAddr) -> Link {
        Link::builder().key(self.key.clone()).tunnel(&format!("tunnel://{switch}?node={node:?}")).unwrap()
    }

    /// Packets that ended so, as `docs/switch.md` numbers it.
    pub(crate) fn verdicts(&self, verdict: u32) -> u64 {
        self.control.counter("verdicts", verdict).unwrap().packets
    }
}

/// Entries as the rule compiler makes them of a rack's description, and those of the instances, which a control plane adds.
fn install(control: &dyn SwitchControl) {
    let service = service_address(PREFIX, crate::service::NAME);
    for node in [Node::Client, Node::First, Node::Second] {
        admit(control, node, node.address(), 128);
        deliver(control, "node", &[exact(&node.address().octets())], node);
    }
    for (node, share) in [(Node::First, 0u16), (Node::Second, 0x8000)] {
        admit(control, node, service, 128);
        deliver(control, "rpc_place", &[exact(&[0, 7]), lpm(&share.to_be_bytes(), 1)], node);
        deliver(control, "rpc_instance", &[exact(&node.instance().to_be_bytes())], node);
    }
    deliver(control, "node", &[exact(&service.octets())], Node::First);
    for method in METHODS {
        let field = MethodField::new(method.service, method.name);
        add(control, "rpc_service", &[exact(&[field.name_len()]), exact(field.bytes())], "serve", &[&[0, 7], &[0]]);
    }
    admit(control, Node::Memory, root().address(), 48);
    deliver(control, "memory_server", &[exact(&[1])], Node::Memory);
    add(control, "l2", &[exact(&Node::OtherHost.mac())], "forward", &[&Node::OtherHost.port()]);
    control.create_group(1).unwrap();
    let ports = control.create_node(0, &(1..=6).collect::<BTreeSet<_>>()).unwrap();
    control.associate(1, ports).unwrap();
}

fn add(control: &dyn SwitchControl, table: &str, key: &[MatchParam], action: &str, data: &[&[u8]]) {
    let data = data.iter().map(|value| value.to_vec()).collect();
    control.add(table, key, 0, &EntryAction::Action { name: action.to_owned(), data }).unwrap();
}

fn admit(control: &dyn SwitchControl, node: Node, address: Ipv6Addr, bits: u32) {
    let key = [exact(&node.port()), exact(&node.mac()), lpm(&address.octets(), bits)];
    add(control, "port_security", &key, "admit", &[]);
}

fn deliver(control: &dyn SwitchControl, table: &str, key: &[MatchParam], node: Node) {
    add(control, table, key, "deliver", &[&node.port(), &node.mac()]);
}

pub(crate) fn exact(value: &[u8]) -> MatchParam {
    MatchParam::Exact(value.to_vec())
}

fn lpm(value: &[u8], bits: u32) -> MatchParam {
    MatchParam::Lpm(value.to_vec(), bits)
}
