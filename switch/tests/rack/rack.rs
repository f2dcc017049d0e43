//! The switch, its entries, and the nodes' links.

use crate::gatekeeper::Gatekeeper;
use crate::service::METHODS;
use crate::setup::{Group, Setup, exact, lpm};
use bifrost_rpc::memory::Pointer;
use bifrost_rpc::wire::frame::Mac;
use bifrost_rpc::wire::{MethodField, service_address};
use bifrost_rpc::{Key, Link};
use bifrost_switch::daemon::{LocalPort, PortKind, Switch, TunnelPort};
use bifrost_switch::engine::Engine;
use bifrost_switch::{PROGRAM, SharedEngine};
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

pub(crate) struct Rack {
    pub(crate) switch: Switch,
    pub(crate) gatekeeper: Gatekeeper,
    by: By,
    key: Key,
}

impl Rack {
    pub(crate) fn start(by: By) -> Self {
        let mut engine = Engine::load(PROGRAM, 1).unwrap();
        entries().install(&mut engine);
        let key = Key::from_bytes([7; 32]);
        let mut builder = Switch::builder(SharedEngine::new(engine)).port(CONTROL_PLANE, PortKind::Local);
        if by == By::Tunnel {
            builder = builder.tunnels("[::1]:0".parse().unwrap(), Some(key.clone()));
        }
        for node in Node::ALL {
            let tunnel = PortKind::Tunnel(TunnelPort {
                node: format!("{node:?}"),
                mac: node.mac(),
                address: Some(node.address()),
                switch_mac: SWITCH_MAC,
            });
            let is_local = by == By::Cable || node.is_host();
            builder = builder.port(node as u32, if is_local { PortKind::Local } else { tunnel });
        }
        let switch = builder.start().unwrap();
        let gatekeeper = Gatekeeper::start(switch.local(CONTROL_PLANE).unwrap());
        Self { switch, gatekeeper, by, key }
    }

    pub(crate) fn local(&self, node: Node) -> Arc<LocalPort> {
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
    pub(crate) fn verdicts(&self, verdict: usize) -> u64 {
        self.switch.engine().with(|engine| engine.counter("verdicts", verdict).unwrap().packets)
    }
}

/// What the rule compiler would make of the rack's description.
fn entries() -> Setup {
    let mut setup = Setup::default();
    let service = service_address(PREFIX, crate::service::NAME);
    let admit = |setup: &mut Setup, node: Node, address: Ipv6Addr, bits| {
        setup.add(
            "port_security",
            &[exact(&node.port()), exact(&node.mac()), lpm(&address.octets(), bits)],
            "admit",
            &[],
        );
    };
    for node in [Node::Client, Node::First, Node::Second] {
        admit(&mut setup, node, node.address(), 128);
        setup.add("node", &[exact(&node.address().octets())], "deliver", &[&node.port(), &node.mac()]);
    }
    for (node, share) in [(Node::First, 0u16), (Node::Second, 0x8000)] {
        let (port, mac) = (node.port(), node.mac());
        let place: [&[u8]; 2] = [&port, &mac];
        admit(&mut setup, node, service, 128);
        setup.add("rpc_place", &[exact(&[0, 7]), lpm(&share.to_be_bytes(), 1)], "deliver", &place);
        setup.add("rpc_instance", &[exact(&node.instance().to_be_bytes())], "deliver", &place);
    }
    setup.add("node", &[exact(&service.octets())], "deliver", &[&Node::First.port(), &Node::First.mac()]);
    for method in METHODS {
        let field = MethodField::new(method.service, method.name);
        setup.add("rpc_service", &[exact(&[field.name_len()]), exact(field.bytes())], "serve", &[&[0, 7], &[0]]);
    }
    admit(&mut setup, Node::Memory, root().address(), 48);
    setup.add("memory_server", &[exact(&[1])], "deliver", &[&Node::Memory.port(), &Node::Memory.mac()]);
    setup.add("l2", &[exact(&Node::OtherHost.mac())], "forward", &[&Node::OtherHost.port()]);
    setup.groups.push(Group { group: 1, rid: 0, ports: (1..=6).collect() });
    setup.mirrors.push((1, CONTROL_PLANE));
    setup
}
