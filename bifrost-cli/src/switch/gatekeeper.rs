//! The control plane's port: Gatekeeper in the process of its switch, or in another.

use super::Args;
use super::rack::Described;
use crate::gatekeeper::{ControlDirectory, ControlPlane};
use crate::key;
use crate::rack::description::Description;
use anyhow::{Context, Result};
use bifrost_switch::daemon::{PortKind, Switch};
use bifrost_switch::runtime::{Runtime, RuntimeServer, SwitchControl};
use std::sync::Arc;

/// The control plane's port.
const PORT: u32 = 510;

/// What is at the control plane's port.
pub(super) fn prepare(args: &Args, rack: &mut Described) -> Result<()> {
    if let Some(directory) = &args.control {
        let directory = ControlDirectory::make(directory)?;
        rack.ports.insert(PORT, PortKind::Socket(directory.packets()));
    } else if args.gatekeeper {
        rack.ports.insert(PORT, PortKind::Local);
    }
    Ok(())
}

/// Serves the tables to a control plane in another process, if there is to be one.
pub(super) fn serve_tables(args: &Args, control: &Runtime) -> Result<Option<RuntimeServer>> {
    let Some(directory) = &args.control else { return Ok(None) };
    let url = ControlDirectory::at(directory).runtime();
    let served = RuntimeServer::start(control, &url, false);
    served.map(Some).with_context(|| format!("cannot serve the runtime API at {url}"))
}

/// Starts it in this process, if that is asked for.
pub(super) fn start(args: &Args, switch: &Switch, tables: Arc<dyn SwitchControl>) -> Result<Option<ControlPlane>> {
    if !args.gatekeeper {
        return Ok(None);
    }
    let description = Description::read(args.rack.as_deref(), &args.manifest)?;
    let log = args.gatekeeper_options.log()?;
    let port = Arc::new(switch.local(PORT).context("the switch has no port for the control plane")?);
    let key = args.key_file.as_deref().map(key::read).transpose()?;
    let manage = args.at.listen()?;
    ControlPlane::start(log, port, tables, description.rules, key, &manage, &args.gatekeeper_options).map(Some)
}
