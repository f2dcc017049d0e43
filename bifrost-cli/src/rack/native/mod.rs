//! A rack in network namespaces: each machine has one of its own, with the kernel's IPv6 stack, and a veth into the switch's.

mod machine;
mod namespaces;
mod tools;

use super::description::Description;
use anyhow::{Context, Result};
use bifrost_switch::netns;
use machine::Machine;
use namespaces::Namespaces;

/// The namespace that has the switch's ends of all veths. No machine has such a name.
const SWITCH: &str = "+switch";

/// The namespaces of a rack. Dropping it removes them.
#[derive(Debug)]
pub(super) struct Native {
    machines: Vec<Machine>,
    namespaces: Namespaces,
}

impl Native {
    /// Makes them, after having removed those of racks whose process is gone.
    pub(super) fn make(description: &Description) -> Result<Self> {
        let machines = machine::of(description)?;
        tools::check()?;
        namespaces::remove_stale()?;
        let mut native = Self { machines, namespaces: Namespaces::new()? };
        native.connect().context("cannot make the rack's network namespaces")?;
        Ok(native)
    }

    fn connect(&mut self) -> Result<()> {
        let switch = self.namespaces.add(SWITCH)?;
        for machine in &self.machines {
            let namespace = self.namespaces.add(&machine.name)?;
            tools::ip(&switch, &machine.cable(&namespace))?;
            tools::ip(&namespace, &machine.device())?;
            tools::offload_nothing(&namespace, machine::DEVICE)?;
            tools::ip(&namespace, &machine.routes())?;
        }
        Ok(())
    }

    /// Says which namespace is whose.
    pub(super) fn announce(&self) {
        for machine in &self.machines {
            eprintln!("namespace {}: {} at {}", self.namespaces.name(&machine.name), machine.name, machine.address());
        }
    }

    /// What a switch is told of its ports.
    pub(super) fn ports(&self) -> Vec<String> {
        let switch = self.namespaces.name(SWITCH);
        let port = |machine: &Machine| ["--port".to_owned(), format!("{0}=dev:{switch}/port{0}", machine.port)];
        self.machines.iter().flat_map(port).collect()
    }

    /// The URL of a machine's link, without parameters of its own; empty for a name that no machine has.
    pub(super) fn link(&self, name: &str) -> String {
        self.machines.iter().find(|machine| machine.name == name).map(Machine::link).unwrap_or_default()
    }

    /// What starts a machine's process in its namespace, or the switch's, so that it ends with this one.
    pub(super) fn launcher(&self, name: Option<&str>) -> Vec<String> {
        let namespace = name.map(|name| self.namespaces.name(name));
        tools::launcher(namespace.as_deref())
    }

    /// Takes this thread, and what it makes from now on, to a machine.
    pub(super) fn enter(&self, name: &str) -> Result<()> {
        let namespace = self.namespaces.name(name);
        netns::enter(&namespace).with_context(|| format!("network namespace {namespace}"))
    }
}
