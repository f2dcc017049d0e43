//! A switch as a rack description says.

use crate::{key, rules};
use anyhow::{Context, Result};
use bifrost_switch::daemon::{PortKind, rack_ports};
use bifrost_switch::rules::rack::Rack;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// What is used of a rack.
#[derive(Debug, Default)]
pub(crate) struct Described {
    /// By number.
    pub(crate) ports: BTreeMap<u32, PortKind>,
    /// Where tunnels are listened for.
    pub(crate) tunnels: Option<SocketAddr>,
    /// Commands that fill the tables.
    pub(crate) entries: String,
}

/// Reads a rack description, and what the manifests of its services ask of the tables.
pub(crate) fn read(path: &Path, manifests: &[PathBuf], program: Option<&Path>) -> Result<Described> {
    // All that is wrong with the files is said here.
    let entries = rules::compile(path, manifests, program)?;
    Ok(Described { entries: bifrost_switch::rules::cli(&entries), ..machines(path)? })
}

/// Reads a rack description for what is at the ports; the tables begin empty.
pub(crate) fn machines(path: &Path) -> Result<Described> {
    let rack = Rack::parse(&rules::source(path)?).map_err(|fault| anyhow::anyhow!("{fault}"))?;
    let beside = |name: &Path| path.parent().unwrap_or(Path::new("")).join(name);
    let ports = rack_ports(&rack, |name| key::read(&beside(name))).with_context(|| path.display().to_string())?;
    let tunnels = rack.fabric.tunnel.as_ref().map(|address| *address.get_ref());
    Ok(Described { ports, tunnels, entries: String::new() })
}
