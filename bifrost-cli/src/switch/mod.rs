//! `bifrost switch`: the embedded software switch, or BMv2's behind the same ports.

pub(crate) mod files;
mod gatekeeper;
mod port;
mod rack;
mod stats;
mod trace;

use crate::fault::{FAILED, OK, usage};
use crate::gatekeeper::{At, ControlPlane, Options};
use crate::{announce, key, stop, units};
use anyhow::{Context, Result};
use bifrost_rpc::Address;
use bifrost_switch::daemon::{DataPlane, PortKind, Switch};
use bifrost_switch::engine::Event;
use bifrost_switch::runtime::{DEFAULT_URL, Notifier, NotifierError, Runtime, RuntimeError, RuntimeServer, Settings};
use clap::Subcommand;
use port::PortArg;
use rack::Described;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  bifrost switch --port 1=tunnel --port 2=tunnel --key-file rack.key
      Run the rack's program with two ports that nodes attach to over UDP; prints `listening on udp://[::1]:7410` and
      `runtime on tcp://127.0.0.1:9090…`, where a control plane or simple_switch_CLI fills the tables.

  bifrost switch --rack rack.toml --manifest rules/manifest.json --port 510=tunnel
      Run the switch of a rack, with its ports and entries, and the control plane on a tunnel.

  bifrost switch --entries rack.txt --port 1=tunnel:n1 --port 2=tunnel:n2 --port 510=tunnel --runtime none
      Begin with entries, as simple_switch_CLI takes them; nodes may ask for their ports by name.

  bifrost switch --program l2.json --port 1=dev:veth1 --port 2=dev:veth2
      Run another program on network devices, as root.

  bifrost switch --rack rack.toml --manifest rules/manifest.json --port 510=tunnel --bmv2
      The same rack, on the simple_switch in PATH in place of the embedded switch.

  bifrost switch --rack rack.toml --gatekeeper --state /var/lib/bifrost
      A rack's switch and its control plane; `bifrost rack status` shows how it stands.

  bifrost switch --rack rack.toml --control /run/bifrost
      The same with the control plane in a process of its own, which may end and come back: `bifrost gatekeeper`.

  bifrost switch --port 1=tunnel --port 2=tunnel --pcap captured --stats 1s
      Capture what passes each port, and print each second what it was.

  bifrost switch trace --entries rack.txt --port 1 --pcap captured/port-1-in.pcap
      Show the way of captured frames through parser, tables and actions.";

/// Where nodes attach unless somebody says otherwise.
const LISTEN: &str = "udp://[::1]:7410";
/// Time for operations of control planes to finish when told to stop.
const DRAIN: Duration = Duration::from_secs(1);
/// How often it is looked what else there is to tell.
const LOOK: Duration = Duration::from_millis(100);

/// Run a switch: a P4 program, compiled for BMv2, on ports that are tunnels or network devices
///
/// Each address is printed on a line of standard output once it is listened on. Ctrl-C or SIGTERM stops: frames under way leave,
/// captures are written.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    other: Option<Other>,

    /// The program in BMv2's JSON format, as p4c writes it [default: the rack's, which is built in]
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,

    /// Send frames through BMv2's simple_switch, which is started with the program and the entries, in place of the embedded switch: the
    /// one at PATH, or else in the search path
    #[arg(
        long,
        value_name = "PATH",
        num_args = 0..=1,
        conflicts_with_all = ["runtime", "runtime_open", "notifications", "trace"]
    )]
    bmv2: Option<Option<PathBuf>>,

    /// The rack's description: ports, nodes and their keys, and what the tables begin with (docs/rules.md)
    #[arg(long, value_name = "FILE")]
    rack: Option<PathBuf>,

    /// Manifest of the rack's services, as `bifrost gen --emit manifest` writes it. May be given several times
    #[arg(long, value_name = "FILE", requires = "rack")]
    manifest: Vec<PathBuf>,

    /// Commands to begin with, as simple_switch_CLI takes them: table_add, mc_node_create, mirroring_add and others; after the rack's
    #[arg(long, value_name = "FILE")]
    entries: Option<PathBuf>,

    /// A port, 0 to 510: N=tunnel, N=tunnel:NODE, N=dev:DEVICE (as root; NAMESPACE/DEVICE in another network namespace), or N=unix:PATH
    /// for another program of this user. Counts before what the rack says of the port. May be given several times
    #[arg(long, value_name = "N=KIND")]
    port: Vec<PortArg>,

    /// Where nodes attach to tunnel ports [default: as the rack says, else `udp://[::1]:7410`]
    #[arg(long, value_name = "URL")]
    listen: Option<String>,

    /// Let only nodes attach that know the key in this file, 64 hexadecimal digits; without it only programs of this machine can
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,

    /// Longest payload of an Ethernet frame in a tunnel: the outer MTU less 70, or more where outer packets may be fragmented
    #[arg(long, value_name = "BYTES", default_value_t = 9000, value_parser = clap::value_parser!(u16).range(1280..=65_000))]
    mtu: u16,

    /// Forget a node on a tunnel that is not heard for so long
    #[arg(long, value_name = "TIME", default_value = "6s", value_parser = units::duration)]
    lease: Duration,

    /// Where BMv2's runtime API is served, tcp://HOST:PORT?transport=buffered or unix:///PATH?transport=buffered, or `none`. Whoever
    /// reaches it controls the switch
    #[arg(long, value_name = "URL", default_value = DEFAULT_URL)]
    runtime: String,

    /// Let other machines reach the runtime API, which has no authentication
    #[arg(long)]
    runtime_open: bool,

    /// Publish digests to subscribers there, as simple_switch does: ipc:///PATH
    #[arg(long, value_name = "URL")]
    notifications: Option<String>,

    /// Capture what passes each port: DIR/port-N-in.pcap and DIR/port-N-out.pcap, which are replaced
    #[arg(long, value_name = "DIR")]
    pcap: Option<PathBuf>,

    /// Longest that all captures together may become
    #[arg(long, value_name = "SIZE", default_value = "1G", value_parser = units::long_size, requires = "pcap")]
    pcap_size: u64,

    /// Run Gatekeeper, the rack's control plane, in this process, at port 510. With --key-file that is the rack's key, too
    #[arg(long, requires = "rack", conflicts_with_all = ["entries", "program"])]
    gatekeeper: bool,

    /// Let `bifrost gatekeeper` attach as the control plane: sockets in this directory, which is made for this user alone
    #[arg(long, value_name = "DIR", requires = "rack", conflicts_with_all = ["entries", "program", "gatekeeper"])]
    control: Option<PathBuf>,

    #[command(flatten)]
    at: At,

    #[command(flatten)]
    gatekeeper_options: Options,

    /// Print what passed each port, on standard error: so often, and at the end
    #[arg(long, value_name = "TIME", value_parser = units::duration)]
    stats: Option<Duration>,

    /// Print the way of each frame through the program, on standard output; of frames that come too fast, some are left out
    #[arg(long)]
    trace: bool,
}

#[derive(Debug, Subcommand)]
enum Other {
    #[command(after_help = trace::EXAMPLES)]
    Trace(trace::Args),
}

/// Runs the command; returns the exit status.
pub(crate) fn run(args: &Args) -> Result<u8> {
    if let Some(Other::Trace(args)) = &args.other {
        return trace::run(args);
    }
    let mut rack = match &args.rack {
        Some(path) if args.gatekeeper || args.control.is_some() => rack::machines(path)?,
        Some(path) => rack::read(path, &args.manifest, args.program.as_deref())?,
        None => Described::default(),
    };
    rack.ports.extend(port::by_number(&args.port)?);
    check_ports(&rack)?;
    gatekeeper::prepare(args, &mut rack)?;
    let json = files::program(args.program.as_deref())?;
    let stop = stop::Stop::saying("stopping; frames under way leave (once more stops at once)")?;
    match &args.bmv2 {
        Some(path) => run_bmv2(args, &rack, &json, path.as_deref(), &stop),
        None => run_engine(args, &rack, &json, &stop),
    }
}

fn run_engine(args: &Args, rack: &Described, json: &str, stop: &stop::Stop) -> Result<u8> {
    let engine = files::engine(json, &rack.entries, args.entries.as_deref())?;
    let switch = start(args, rack, engine.clone().into())?;
    let settings = Settings { ports: switch.ports(), ..Settings::default() };
    let control = Runtime::new(engine, json, settings);
    let mut runtime: Vec<RuntimeServer> = start_runtime(args, &control)?.into_iter().collect();
    runtime.extend(gatekeeper::serve_tables(args, &control)?);
    let notifier = args.notifications.as_deref().map(|url| notify(&control, url)).transpose()?;
    let gatekeeper = gatekeeper::start(args, &switch, Arc::new(control))?;
    announce(&switch, runtime.iter().map(RuntimeServer::url), gatekeeper.as_ref())?;
    watch(args, &switch, gatekeeper.as_ref(), stop)?;
    drop(notifier);
    gatekeeper.into_iter().for_each(ControlPlane::shutdown);
    runtime.into_iter().for_each(|runtime| runtime.shutdown(DRAIN));
    Ok(finish(args, switch))
}

fn run_bmv2(args: &Args, rack: &Described, json: &str, path: Option<&Path>, stop: &stop::Stop) -> Result<u8> {
    let outside = files::bmv2(path, json, &rack.entries, args.entries.as_deref())?;
    let url = outside.url().to_owned();
    if outside.is_exposed() {
        eprintln!(
            "warning: whoever reaches this machine controls simple_switch, at {url}; as root it is started where nobody does"
        );
    }
    let switch = start(args, rack, outside.into())?;
    let gatekeeper = gatekeeper::start(args, &switch, switch.control(json))?;
    announce(&switch, [url], gatekeeper.as_ref())?;
    watch(args, &switch, gatekeeper.as_ref(), stop)?;
    gatekeeper.into_iter().for_each(ControlPlane::shutdown);
    Ok(finish(args, switch))
}

/// All at once: who has read the first line can use the others' addresses, too.
fn announce(
    switch: &Switch,
    runtime: impl IntoIterator<Item = String>,
    gatekeeper: Option<&ControlPlane>,
) -> Result<()> {
    announce::addresses("listening on", switch.tunnel_address().map(|address| format!("udp://{address}")))?;
    announce::addresses("runtime on", runtime)?;
    announce::addresses("managed on", gatekeeper.iter().flat_map(|gatekeeper| gatekeeper.urls()))?;
    announce::addresses("metrics on", gatekeeper.and_then(ControlPlane::metrics_url))
}

fn check_ports(rack: &Described) -> Result<()> {
    if rack.ports.is_empty() {
        return Err(usage("a switch needs ports: give --rack, or --port 1=tunnel or --port 1=dev:DEVICE for each"));
    }
    match rack.ports.iter().find(|(_, kind)| **kind == PortKind::Local) {
        Some((port, _)) => Err(usage(format!(
            "the rack has something in this process at port {port}, where nothing is: give --port {port}=tunnel or {port}=dev:DEVICE"
        ))),
        None => Ok(()),
    }
}

fn start(args: &Args, rack: &Described, plane: DataPlane) -> Result<Switch> {
    let mut builder = Switch::builder(plane).mtu(args.mtu).lease(args.lease).capture_bytes(args.pcap_size);
    let tunnels = rack.ports.values().filter_map(|kind| match kind {
        PortKind::Tunnel(to) => Some(to),
        _ => None,
    });
    if tunnels.clone().count() > 0 {
        let key = args.key_file.as_deref().map(key::read).transpose()?;
        if key.is_none() && tunnels.clone().any(|to| to.key.is_none()) {
            eprintln!("warning: without --key-file every program on this machine may attach to a tunnel port");
        }
        builder = builder.tunnels(listen_address(args.listen.as_deref(), rack)?, key);
    }
    for (number, kind) in &rack.ports {
        builder = builder.port(*number, kind.clone());
    }
    if let Some(directory) = &args.pcap {
        builder = builder.capture(directory);
    }
    Ok(builder.start()?)
}

/// As the command line says, else the rack, else on this machine.
fn listen_address(url: Option<&str>, rack: &Described) -> Result<SocketAddr> {
    if let (None, Some(address)) = (url, rack.tunnels) {
        return Ok(address);
    }
    let url = url.unwrap_or(LISTEN);
    match Address::parse(url).with_context(|| url.to_owned())? {
        Address::Udp(address) => Ok(address),
        _ => Err(usage(format!("{url}: tunnels are UDP: write udp://HOST:PORT"))),
    }
}

fn start_runtime(args: &Args, runtime: &Runtime) -> Result<Option<RuntimeServer>> {
    if args.runtime == "none" {
        return Ok(None);
    }
    let served = RuntimeServer::start(runtime, &args.runtime, args.runtime_open).map_err(|error| match error {
        RuntimeError::Open(_) => usage(format!("{error}: give --runtime-open")),
        RuntimeError::Transport(_) | RuntimeError::Url(_) => usage(error.to_string()),
        other => anyhow::Error::new(other).context(format!("cannot serve the runtime API at {}", args.runtime)),
    })?;
    Ok(Some(served))
}

fn notify(runtime: &Runtime, url: &str) -> Result<Notifier> {
    Notifier::start(runtime, url).map_err(|error| match error {
        NotifierError::Address(_) => usage(error.to_string()),
        other => anyhow::Error::new(other).context(format!("cannot publish digests at {url}")),
    })
}

/// Waits to be told to end, or for the end of what frames go through; tells what is to be told until then.
fn watch(args: &Args, switch: &Switch, gatekeeper: Option<&ControlPlane>, stop: &stop::Stop) -> Result<()> {
    let ways: Option<Receiver<Vec<Event>>> = args.trace.then(|| switch.watch()).flatten();
    let mut faults = stats::Faults::default();
    let mut since = Duration::ZERO;
    while !stop.wait_for(LOOK) {
        since += LOOK;
        for events in ways.iter().flat_map(Receiver::try_iter) {
            trace::print(&events)?;
        }
        let report = switch.report();
        faults.tell(&report);
        if report.ended.is_some() || gatekeeper.is_some_and(|gatekeeper| !gatekeeper.is_running()) {
            break;
        }
        if args.stats.is_some_and(|period| since >= period) {
            since = Duration::ZERO;
            stats::print(&report);
        }
    }
    Ok(())
}

fn finish(args: &Args, switch: Switch) -> u8 {
    let report = switch.shutdown();
    if args.stats.is_some() {
        stats::print(&report);
    }
    let captured = report.capture.unwrap_or_default();
    if captured.missed > 0 {
        eprintln!("warning: {} frames are not in the captures", captured.missed);
    }
    if let Some(error) = captured.error {
        eprintln!("stopped; the captures could not be written: {error}");
        return FAILED;
    }
    if let Some(reason) = report.ended {
        eprintln!("stopped; {reason}");
        return FAILED;
    }
    let frames: u64 = report.ports.values().map(|port| port.counts.received.frames).sum();
    eprintln!("stopped; {frames} frames have been through the switch");
    OK
}
