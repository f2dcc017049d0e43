//! What a machine of the rack needs of its namespace, as lines for `ip -6 -batch`.

use super::super::description::Description;
use crate::fault::usage;
use anyhow::Result;
use bifrost_rpc::wire::{Pointer, service_address};
use bifrost_switch::rules::rack::{MemorySection, NodeSection};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::Ipv6Addr;

/// A machine's network device.
pub(super) const DEVICE: &str = "rack";
/// Bytes of an IPv6 packet: jumbo frames, as within a process.
const MTU: u16 = 9000;
/// The switch, as a router: at its own Ethernet address, which each machine knows.
const ROUTER: &str = "fe80::b1";
/// Bits of a pointer's address that say which memory server it is.
const SERVER_BITS: u8 = 48;

/// A machine, and what reaches it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Machine {
    pub(super) name: String,
    pub(super) port: u16,
    mac: String,
    switch_mac: String,
    /// Its own addresses, at least one.
    addresses: Vec<Ipv6Addr>,
    /// What else is brought to it.
    local: Vec<String>,
}

/// The machines of a rack.
pub(super) fn of(description: &Description) -> Result<Vec<Machine>> {
    let rack = &description.rack;
    let nodes = rack.nodes.iter().map(|node| compute(description, node));
    let machines: Vec<Machine> = nodes.chain(rack.memory.iter().map(|server| memory(description, server))).collect();
    let mut by_port = BTreeMap::new();
    for machine in &machines {
        if let Some(other) = by_port.insert(machine.port, &machine.name) {
            let (port, name) = (machine.port, &machine.name);
            return Err(usage(format!(
                "{other} and {name} share port {port}: with --native each needs one of its own"
            )));
        }
    }
    Ok(machines)
}

fn compute(description: &Description, section: &NodeSection) -> Machine {
    let prefix = description.rules.topology().fabric().prefix;
    let services = section.serves.iter().map(|serves| service_address(prefix, serves.get_ref().service()));
    Machine {
        name: section.name.get_ref().clone(),
        port: *section.port.get_ref(),
        mac: section.mac.get_ref().to_string(),
        switch_mac: description.rack.fabric.mac().to_string(),
        addresses: section.addresses.iter().map(|address| *address.get_ref()).collect(),
        local: services.map(|service| format!("{service}/128")).collect(),
    }
}

fn memory(description: &Description, section: &MemorySection) -> Machine {
    let fabric = &description.rack.fabric;
    let root = Pointer::new(fabric.memory_prefix, *section.id.get_ref(), 0).address();
    Machine {
        name: format!("m{}", section.id.get_ref()),
        port: *section.port.get_ref(),
        mac: section.mac.get_ref().to_string(),
        switch_mac: fabric.mac().to_string(),
        addresses: vec![root],
        local: vec![format!("{root}/{SERVER_BITS}")],
    }
}

impl Machine {
    /// The one by which it is known.
    pub(super) fn address(&self) -> Ipv6Addr {
        self.addresses.first().copied().unwrap_or(Ipv6Addr::UNSPECIFIED)
    }

    /// Its link's URL.
    pub(super) fn link(&self) -> String {
        format!("native://[{}]:7400?node={}", self.address(), self.name)
    }

    /// In the switch's namespace: the veth. Its ends get no addresses of their own, by which the kernel would answer.
    pub(super) fn cable(&self, namespace: &str) -> String {
        let end = format!("port{}", self.port);
        format!(
            "link add {end} mtu {MTU} type veth peer name {DEVICE} netns {namespace}\n\
             link set {end} addrgenmode none\n\
             link set {end} up\n"
        )
    }

    /// In its own: the device.
    pub(super) fn device(&self) -> String {
        let mac = &self.mac;
        format!(
            "link set lo up\n\
             link set {DEVICE} addrgenmode none\n\
             link set {DEVICE} address {mac} mtu {MTU} up\n"
        )
    }

    /// In its own: addresses, and the way to everything. What it sends to itself crosses the switch, too, as only what comes from there
    /// is looked up among its own addresses.
    pub(super) fn routes(&self) -> String {
        let mut text = String::new();
        for address in &self.addresses {
            // Writing to a string does not fail.
            let _ = writeln!(text, "addr add {address}/128 dev {DEVICE} nodad noprefixroute");
        }
        for local in &self.local {
            let _ = writeln!(text, "route add local {local} dev lo");
        }
        let mac = &self.switch_mac;
        text + &format!(
            "neigh add {ROUTER} lladdr {mac} dev {DEVICE} nud permanent\n\
             route add default via {ROUTER} dev {DEVICE}\n\
             rule add pref 1 iif {DEVICE} lookup local\n\
             rule add pref 2 to ::1 lookup local\n\
             rule del pref 0\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_rack_has_six_machines_with_what_they_serve() {
        let machines = of(&Description::read(None, &[]).unwrap()).unwrap();
        let names: Vec<_> = machines.iter().map(|machine| (machine.name.as_str(), machine.port)).collect();
        assert_eq!(names, [("c1", 1), ("s1", 2), ("s2", 3), ("m1", 4), ("m2", 5), ("m3", 6)]);
        assert_eq!(machines[0].local, Vec::<String>::new());
        assert_eq!(machines[1].local.len(), 5);
        assert_eq!(machines[3].local, ["0:0:fd01::/48"]);
        assert_eq!(machines[0].link(), "native://[fd00:b1f0:0:1::c1]:7400?node=c1");
        let routes = machines[1].routes();
        assert!(routes.contains("addr add fd00:b1f0:0:1::51/128 dev rack"), "{routes}");
        assert!(routes.contains("lladdr 02:b1:f0:00:00:01 dev rack"), "{routes}");
    }
}
