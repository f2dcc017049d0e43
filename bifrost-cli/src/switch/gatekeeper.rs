//! Gatekeeper in the process of its switch.

use super::Args;
use super::rack::Described;
use crate::gatekeeper::ControlPlane;
use crate::key;
use crate::rack::description::Description;
use anyhow::{Context, Result};
use bifrost_switch::daemon::{PortKind, Switch};
use bifrost_switch::runtime;
use std::sync::Arc;

/// The control plane's port.
const PORT: u32 = 510;

/// The control plane has its port in this process.
pub(super) fn prepare(rack: &mut Described) {
    rack.ports.insert(PORT, PortKind::Local);
}

/// Starts it, if that is asked for.
pub(super) fn start(args: &Args, switch: &Switch, tables: Arc<dyn runtime::Switch>) -> Result<Option<ControlPlane>> {
    if !args.gatekeeper {
        return Ok(None);
    }
    let description = Description::read(args.rack.as_deref(), &args.manifest)?;
    let port = Arc::new(switch.local(PORT).context("the switch has no port for the control plane")?);
    let key = args.key_file.as_deref().map(key::read).transpose()?;
    let manage = args.at.listen()?;
    ControlPlane::start(port, tables, description.rules, key, &manage, &args.gatekeeper_options).map(Some)
}
