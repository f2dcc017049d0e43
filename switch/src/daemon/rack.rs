//! The ports of a rack, from its description.

use super::builder::{PortKind, TunnelPort};
use crate::rules::rack::{Attach, Mac, Rack};
use bifrost_rpc::Key;
use bifrost_rpc::wire::Pointer;
use std::collections::BTreeMap;
use std::net::Ipv6Addr;
use std::path::Path;

/// The ports that a rack description attaches, by number. `read` gets the key in a file that it names.
///
/// A tunnel's node is told its name, addresses and the switch's: a compute node has the name in the description, the memory server
/// of number 1 is `m1`, and its address the pointer to none of its objects. Of several machines at a port the first counts.
///
/// # Errors
///
/// Those of `read`.
pub fn rack_ports<E>(rack: &Rack, mut read: impl FnMut(&Path) -> Result<Key, E>) -> Result<BTreeMap<u32, PortKind>, E> {
    let mut ports = BTreeMap::new();
    for port in &rack.ports {
        let number = *port.number.get_ref();
        let kind = match port.attach.get_ref() {
            Attach::InProcess => PortKind::Local,
            Attach::Device(name) => PortKind::Device(name.clone()),
            Attach::Tunnel(tunnel) => {
                let key = tunnel.key.as_deref().map(&mut read).transpose()?;
                PortKind::Tunnel(TunnelPort { key, ..machine_at(rack, number) })
            }
        };
        ports.insert(number.into(), kind);
    }
    Ok(ports)
}

/// What the machine at a port is told.
fn machine_at(rack: &Rack, port: u16) -> TunnelPort {
    let Mac(switch_mac) = rack.fabric.mac();
    let told = |node: String, mac: Mac, address: Option<Ipv6Addr>| TunnelPort {
        node,
        mac: mac.0,
        address,
        switch_mac,
        key: None,
    };
    let node = rack.nodes.iter().find(|node| *node.port.get_ref() == port).map(|node| {
        let address = node.addresses.first().map(|address| *address.get_ref());
        told(node.name.get_ref().clone(), *node.mac.get_ref(), address)
    });
    let memory = || {
        rack.memory.iter().find(|memory| *memory.port.get_ref() == port).map(|memory| {
            let id = *memory.id.get_ref();
            let address = Pointer::new(rack.fabric.memory_prefix, id, 0).address();
            told(format!("m{id}"), *memory.mac.get_ref(), Some(address))
        })
    };
    node.or_else(memory).unwrap_or_else(|| TunnelPort { switch_mac, ..TunnelPort::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Source;
    use std::convert::Infallible;

    #[test]
    fn the_example_has_ports_of_every_kind() {
        let text = include_str!("../../racks/example.toml");
        let rack = Rack::parse(&Source::new("example.toml", text)).unwrap();
        let mut asked = Vec::new();
        let ports = rack_ports(&rack, |path| {
            asked.push(path.display().to_string());
            Ok::<_, Infallible>(Key::from_bytes([7; 32]))
        });
        let ports = ports.unwrap();
        assert_eq!(asked, ["keys/c1.key", "keys/s1.key", "keys/s2.key"]);
        let names: Vec<_> = ports.iter().map(|(number, kind)| (*number, kind.to_string())).collect();
        let expected = [
            (1, "tunnel c1"),
            (2, "tunnel s1"),
            (3, "tunnel s2"),
            (4, "in process"),
            (5, "in process"),
            (6, "veth-uplink"),
        ];
        assert_eq!(names, expected.map(|(number, name)| (number, name.to_owned())));
        let PortKind::Tunnel(first) = &ports[&1] else { panic!() };
        assert_eq!((first.mac, first.address), ([2, 0, 0, 0, 1, 1], Some("fd00:b1f0:0:1::c1".parse().unwrap())));
        assert_eq!(first.switch_mac, [2, 0xb1, 0xf0, 0, 0, 1]);
        assert_eq!(machine_at(&rack, 4).node, "m1");
    }
}
