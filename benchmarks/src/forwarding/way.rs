//! Ways between two nodes.

use std::net::Ipv6Addr;

use anyhow::{Context, Result, bail};
use bifrost_switch::SharedEngine;
use bifrost_switch::bmv2::{self, Bmv2, Packets};
use bifrost_switch::daemon::{PortKind, Switch};
use bifrost_switch::engine::{Engine, EntryAction, MatchParam};
use bifrost_switch::runtime::{self, Client, Runtime};

use super::namespace::Namespace;

/// In the order in which they take turns.
pub(super) const NAMES: [&str; 4] = [DIRECT, "bridge", "embedded", "bmv2"];
pub(super) const DIRECT: &str = "direct";

/// The nodes' addresses.
pub(super) const ADDRESSES: [Ipv6Addr; 2] =
    [Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1), Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2)];

/// Two nodes, and what is between them.
#[derive(Debug)]
pub(super) struct Way {
    /// Ended before the namespaces are.
    _switch: Option<Running>,
    pub(super) nodes: [Namespace; 2],
    _middle: Namespace,
}

#[derive(Debug)]
enum Running {
    Embedded { _switch: Switch },
    Bmv2 { _switch: Bmv2 },
}

impl Way {
    /// `None` where it needs what is not there.
    pub(super) fn new(name: &str) -> Result<Option<Self>> {
        if name == "bmv2" && bmv2::find().is_none() {
            return Ok(None);
        }
        let (middle, nodes) = (Namespace::new()?, [Namespace::new()?, Namespace::new()?]);
        if name == DIRECT {
            let ids = nodes.each_ref().map(Namespace::id);
            middle.run(
                "ip",
                &format!(
                    "link add node1 mtu 9000 netns {} type veth peer name node2 mtu 9000 netns {}",
                    ids[0], ids[1]
                ),
            )?;
        }
        for (number, node) in (1..).zip(&nodes) {
            if name != DIRECT {
                let peer = format!("peer name node{number} mtu 9000 netns {}", node.id());
                middle.run("ip", &format!("link add port{number} mtu 9000 type veth {peer}"))?;
                middle.run("ip", &format!("link set port{number} up"))?;
            }
            set_up(node, number)?;
        }
        let switch = match name {
            DIRECT => None,
            "bridge" => {
                middle.run("ip", "link add bridge0 mtu 9000 type bridge")?;
                middle.run("ip", "link set port1 master bridge0")?;
                middle.run("ip", "link set port2 master bridge0")?;
                middle.run("ip", "link set bridge0 up")?;
                None
            }
            "embedded" => Some(middle.within(embedded)?),
            "bmv2" => Some(middle.within(simple_switch)?),
            other => bail!("no way `{other}`"),
        };
        Ok(Some(Self { _switch: switch, nodes, _middle: middle }))
    }
}

/// The node's device, with its neighbour known: nothing is asked for while it is measured.
fn set_up(node: &Namespace, number: u32) -> Result<()> {
    let other = 3 - number;
    node.run("ip", &format!("link set node{number} address 02:00:00:00:00:0{number} up"))?;
    node.run("ip", &format!("addr add fd00::{number}/64 dev node{number} nodad"))?;
    node.run(
        "ip",
        &format!("neigh replace fd00::{other} lladdr 02:00:00:00:00:0{other} nud permanent dev node{number}"),
    )?;
    // Else the kernel leaves checksums to a device that there is not, and makes frames that no link takes.
    node.run("ethtool", &format!("-K node{number} tx off rx off tso off gso off gro off"))
}

/// Entries by which frames go from port to port.
fn install(switch: &dyn runtime::SwitchControl) -> Result<()> {
    for number in [1u8, 2] {
        let key = [MatchParam::Exact(vec![2, 0, 0, 0, 0, number])];
        let action = EntryAction::Action { name: "forward".into(), data: vec![vec![0, number]] };
        switch.add("l2", &key, 0, &action).context("an entry of `l2`")?;
    }
    Ok(())
}

fn embedded() -> Result<Running> {
    let engine = SharedEngine::new(Engine::load(bifrost_switch::PROGRAM, 1)?);
    install(&Runtime::new(engine.clone(), bifrost_switch::PROGRAM, runtime::Settings::default()))?;
    let device = |number: u32| PortKind::Device(format!("port{number}"));
    let switch = Switch::builder(engine).port(1, device(1)).port(2, device(2)).start()?;
    Ok(Running::Embedded { _switch: switch })
}

fn simple_switch() -> Result<Running> {
    let packets = Packets::Interfaces(vec![(1, "port1".into()), (2, "port2".into())]);
    let namespace = bmv2::Namespace::Present;
    let settings = bmv2::Settings { packets, namespace, ..bmv2::Settings::new(bifrost_switch::PROGRAM) };
    let switch = Bmv2::start(&settings)?;
    install(&Client::connect(switch.url())?)?;
    Ok(Running::Bmv2 { _switch: switch })
}
