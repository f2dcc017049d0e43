//! `bifrost gatekeeper`: the control plane in a process of its own.

use super::{At, ControlDirectory, ControlPlane, Options};
use crate::fault::{FAILED, OK, usage};
use crate::rack::description::Description;
use crate::{announce, clock, key, stop};
use anyhow::{Context, Result};
use bifrost_switch::daemon::SocketCable;
use bifrost_switch::runtime::Client;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  bifrost gatekeeper --rack rack.toml --control /run/bifrost --state /var/lib/bifrost
      The control plane of the switch that `bifrost switch --rack rack.toml --control /run/bifrost` runs; `bifrost rack status`
      shows how the rack stands.

  bifrost gatekeeper --rack rack.toml --control /run/bifrost --state /var/lib/bifrost --runtime tcp://127.0.0.1:9090
      The same, where packets go through BMv2 (`bifrost switch --bmv2 …`).";

/// What is said when somebody wants the rack to end.
pub(crate) const ASKED: &str = "asked to end the rack";
/// A switch that is not there yet is waited for so long.
const SWITCH_WAIT: Duration = Duration::from_secs(10);
/// How often it is looked.
const LOOK: Duration = Duration::from_millis(50);

/// Run Gatekeeper, the control plane of a rack, beside its switch
///
/// It may end, and be killed, at any time: the rack goes on forwarding, and it goes on where it was when it is started again with the same state.
/// Where it is managed is printed on a line of standard output.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The rack's description (docs/rules.md), the one that the switch has
    #[arg(long, value_name = "FILE")]
    rack: PathBuf,

    /// Manifest of the rack's services, as `bifrost gen --emit manifest` writes it. May be given several times [default: the built-in
    /// services]
    #[arg(long, value_name = "FILE")]
    manifest: Vec<PathBuf>,

    /// The directory that the switch was given by --control. A control plane that is attached to the switch is replaced
    #[arg(long, value_name = "DIR")]
    control: PathBuf,

    /// Where the switch's tables are changed, tcp://HOST:PORT or unix:///PATH [default: in the directory of --control]
    #[arg(long, value_name = "URL")]
    runtime: Option<String>,

    /// The rack's key, 64 hexadecimal digits in this file: what Gatekeeper says and hears is sealed
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,

    #[command(flatten)]
    at: At,

    #[command(flatten)]
    options: Options,

    /// Where somebody wants the rack to end, tell so on standard output, and leave it to whoever started this
    #[arg(long, hide = true)]
    supervised: bool,
}

/// Runs the command; returns the exit status.
pub(crate) fn run(args: &Args) -> Result<u8> {
    if !args.options.has_state() {
        return Err(usage(
            "give --state DIR: without it nothing would be known of the rack when Gatekeeper comes back",
        ));
    }
    let stop = stop::Stop::saying("stopping; the rack goes on forwarding (once more stops at once)")?;
    let Some(control) = start(args, &stop)? else { return Ok(OK) };
    announce::addresses("managed on", control.urls())?;
    announce::addresses("metrics on", control.metrics_url())?;
    watch(args, &control, &stop)?;
    if control.has_ended() {
        eprintln!("stopped; the switch has ended, or another control plane has taken over");
        return Ok(FAILED);
    }
    control.shutdown();
    eprintln!("stopped; the rack goes on forwarding");
    Ok(OK)
}

/// `None`: it was told to stop before there was a switch.
fn start(args: &Args, stop: &stop::Stop) -> Result<Option<ControlPlane>> {
    let description = Description::read(Some(&args.rack), &args.manifest)?;
    let key = args.key_file.as_deref().map(key::read).transpose()?;
    let directory = ControlDirectory::at(&args.control);
    let url = args.runtime.clone().unwrap_or_else(|| directory.runtime());
    let switch = Client::connect(&url).map_err(|error| usage(format!("--runtime {url}: {error}")))?;
    // Before the port is taken over from whoever has it: that may be another with this log.
    let log = args.options.log()?;
    let Some(port) = attach(args, &directory, stop)? else { return Ok(None) };
    let manage = args.at.listen()?;
    let control =
        ControlPlane::start(log, Arc::new(port), Arc::new(switch), description.rules, key, &manage, &args.options);
    control.map(Some)
}

/// Attaches to the switch, which is waited for.
fn attach(args: &Args, directory: &ControlDirectory, stop: &stop::Stop) -> Result<Option<SocketCable>> {
    let path = directory.packets();
    let until = clock::now() + if args.supervised { Duration::ZERO } else { SWITCH_WAIT };
    loop {
        match SocketCable::connect(&path) {
            Ok(cable) => return Ok(Some(cable)),
            Err(error) if clock::now() >= until => {
                return Err(error).with_context(|| format!("no switch is at {}", path.display()));
            }
            Err(_) if stop.wait_for(LOOK) => return Ok(None),
            Err(_) => {}
        }
    }
}

/// Waits until it is to end, or has.
fn watch(args: &Args, control: &ControlPlane, stop: &stop::Stop) -> Result<()> {
    let mut was_asked = false;
    while !stop.wait_for(LOOK) && !control.has_ended() {
        if !control.is_told_to_stop() || was_asked {
            continue;
        }
        if !args.supervised {
            break;
        }
        was_asked = true;
        announce::line(ASKED)?;
    }
    Ok(())
}
