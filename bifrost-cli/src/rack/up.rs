//! `bifrost rack up`: switch, control plane, memory servers and services.

use super::check;
use super::description::Description;
use super::machines::{ComputeMachine, MemoryMachine, Settings, Site};
use super::processes::Processes;
use crate::fault::{FAILED, OK, usage};
use crate::gatekeeper::{At, ControlPlane, Options};
use crate::switch::files;
use crate::{announce, key, stop, units};
use anyhow::{Context, Result, ensure};
use bifrost_rpc::node::Node;
use bifrost_switch::PROGRAM;
use bifrost_switch::daemon::{DataPlane, PortKind, Switch};
use bifrost_switch::rules::rack;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub(super) const EXAMPLES: &str = "\
Examples:
  bifrost rack up
      c1, s1, s2, m1 to m3 and a switch, all in this process; runs until Ctrl-C or `bifrost rack down`.

  bifrost rack up --check
      Ping, echo, counting, and arrays by reference through the switch, with results checked and a table of latencies; then
      down.

  bifrost rack up --for 10s
      The same checks again and again for 10 seconds; then down.

  bifrost rack up --processes
      Each part as a process of its own; prints their ids, so that any can be killed.

  bifrost rack up --native --check
      As root: the same, with each machine in a network namespace of its own, on the kernel's IPv6 stack, and veths to the switch.

  bifrost rack up rack.toml --state /var/lib/bifrost --metrics 127.0.0.1:9400
      A rack of your own (docs/rules.md); registrations outlive it; metrics for Prometheus.";

/// The control plane's port.
const CONTROL_PLANE: u32 = 510;
/// Time for Gatekeeper to begin.
const READY: Duration = Duration::from_secs(30);
/// How often it is seen whether all is well.
const LOOK: Duration = Duration::from_millis(100);

/// Run a whole rack, in this process and without root unless told otherwise
///
/// Switch, Gatekeeper, memory servers and services exchange whole Ethernet frames, through the switch alone. A rack description's
/// machines are all run here, whatever it says of how their ports are attached. Where it is managed is printed on a line of standard output
/// once it is up.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The rack's description (docs/rules.md) [default: c1, s1, s2, three memory servers]
    #[arg(value_name = "RACK.TOML")]
    rack: Option<PathBuf>,

    /// Manifest of the rack's services, as `bifrost gen --emit manifest` writes it. May be given several times [default: the built-in
    /// services]
    #[arg(long, value_name = "FILE")]
    pub(super) manifest: Vec<PathBuf>,

    /// Make calls through the switch with their results checked, print their latencies, and take the rack down
    #[arg(long)]
    check: bool,

    /// Check calls for so long, and take the rack down
    #[arg(long = "for", value_name = "TIME", value_parser = units::duration)]
    time: Option<Duration>,

    /// Calls of each kind that are measured by --check and --for
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..))]
    calls: u16,

    /// The rack's key, 64 hexadecimal digits in this file: calls, use of the memory, and what Gatekeeper says and hears are sealed
    #[arg(long, value_name = "FILE")]
    pub(super) key_file: Option<PathBuf>,

    /// Run each part as a process of its own, which may be killed: the switch, Gatekeeper, which is then started again, each memory server,
    /// each node that serves
    #[arg(long)]
    processes: bool,

    /// Run each part as a process of its own, and each machine in a network namespace of its own, with the kernel's IPv6 stack and a veth
    /// to the switch. Needs root, and the programs `ip`, `ethtool` and `setpriv`
    #[arg(long)]
    pub(super) native: bool,

    /// Packets cross BMv2 in place of the embedded switch: the simple_switch in PATH, or at this path
    #[arg(long, value_name = "PATH")]
    pub(super) bmv2: Option<Option<PathBuf>>,

    #[command(flatten)]
    at: At,

    #[command(flatten)]
    pub(super) gatekeeper: Options,

    #[command(flatten)]
    pub(super) machines: Settings,
}

impl Args {
    fn checks(&self) -> bool {
        self.check || self.time.is_some()
    }
}

/// Runs the command; returns the exit status.
pub(super) fn run(args: &Args) -> Result<u8> {
    let description = Description::read(args.rack.as_deref(), &args.manifest)?;
    if args.checks() && !check::can_be_made(&description.rack) {
        return Err(usage(
            "the checks need a node that serves nothing, and nodes that serve Ping, Echo, SharedArrays and Counter",
        ));
    }
    let stop = stop::Stop::saying("taking the rack down (once more stops at once)")?;
    let left = if args.processes || args.native {
        run_processes(args, &description, &stop)?
    } else {
        run_here(args, description, &stop)?
    };
    if left == 0 {
        eprintln!("the rack is down; every call has finished");
        return Ok(OK);
    }
    eprintln!("the rack is down; {left} not finished");
    Ok(FAILED)
}

fn run_here(args: &Args, description: Description, stop: &stop::Stop) -> Result<usize> {
    let rack = Rack::start(args, description)?;
    rack.announce()?;
    let outcome = if args.checks() {
        check(args, &rack.caller()?.node, stop)
    } else {
        rack.wait(stop);
        Ok(())
    };
    let left = rack.stop();
    outcome.map(|()| left)
}

fn run_processes(args: &Args, description: &Description, stop: &stop::Stop) -> Result<usize> {
    let manage = args.at.listen()?;
    let mut rack = Processes::start(args, &manage, description)?;
    rack.announce();
    eprintln!("the rack is up");
    announce::addresses("listening on", [manage])?;
    let outcome = if args.checks() {
        check(args, &rack.join(args)?, stop)
    } else {
        rack.wait(stop);
        Ok(())
    };
    let left = rack.stop();
    outcome.map(|()| left)
}

fn check(args: &Args, client: &Node, stop: &stop::Stop) -> Result<()> {
    check::run(client, args.time.unwrap_or_default(), args.calls, || stop.wait_for(Duration::ZERO))
}

/// A rack that runs.
#[derive(Debug)]
struct Rack {
    compute: Vec<ComputeMachine>,
    memory: Vec<MemoryMachine>,
    control: ControlPlane,
    switch: Switch,
}

impl Rack {
    fn start(args: &Args, description: Description) -> Result<Self> {
        let Description { rack, rules, .. } = description;
        let key = args.key_file.as_deref().map(key::read).transpose()?;
        let log = args.gatekeeper.log()?;
        let switch = start_switch(args, &rack)?;
        let port = Arc::new(switch.local(CONTROL_PLANE).context("the switch has no port for the control plane")?);
        let prefix = rules.topology().fabric().prefix;
        let manage = args.at.listen()?;
        let control =
            ControlPlane::start(log, port, switch.control(PROGRAM), rules, key.clone(), &manage, &args.gatekeeper)?;
        ensure!(control.wait_ready(READY), "Gatekeeper has not begun within {READY:?}");
        let site = Site { switch: &switch, rack: &rack, prefix, key };
        let memory = rack.memory.iter().map(|section| MemoryMachine::start(&site, section, &args.machines));
        let memory = memory.collect::<Result<Vec<_>>>().context("a memory server does not start")?;
        let start = |section| ComputeMachine::start(&site, section);
        let compute = rack.nodes.iter().map(start).collect::<Result<Vec<_>>>().context("a node does not start")?;
        Ok(Self { compute, memory, control, switch })
    }

    fn announce(&self) -> Result<()> {
        let ports = self.switch.report().ports.len();
        eprintln!("switch: {ports} ports in this process");
        if let Some(url) = self.control.metrics_url() {
            eprintln!("metrics: {url}");
        }
        let machines = self.memory.iter().map(MemoryMachine::describe);
        machines.chain(self.compute.iter().map(ComputeMachine::describe)).for_each(|machine| eprintln!("{machine}"));
        eprintln!("the rack is up");
        // Where Gatekeeper is managed.
        announce::addresses("listening on", self.control.urls())
    }

    /// The node that makes the checked calls: the first that serves nothing.
    fn caller(&self) -> Result<&ComputeMachine> {
        self.compute.iter().find(|machine| machine.is_client()).context("no node serves nothing")
    }

    /// Until somebody wants it to end.
    fn wait(&self, stop: &stop::Stop) {
        while !stop.wait_for(LOOK) && self.control.is_running() {}
    }

    /// Takes all down in good order: nodes, then memory, then the control plane, then the switch. Returns what has not finished.
    fn stop(self) -> usize {
        let mut left = 0;
        for machine in self.compute {
            left += machine.stop();
        }
        for machine in self.memory {
            left += machine.stop();
        }
        self.control.shutdown();
        let _ = self.switch.shutdown();
        left
    }
}

/// The switch, with a port in this process for each machine and the control plane.
fn start_switch(args: &Args, rack: &rack::Rack) -> Result<Switch> {
    let plane = match &args.bmv2 {
        Some(path) => files::bmv2(path.as_deref(), PROGRAM, "", None)?.into(),
        None => DataPlane::from(files::engine(PROGRAM, "", None)?),
    };
    let nodes = rack.nodes.iter().map(|node| *node.port.get_ref());
    let ports: BTreeSet<u16> = nodes.chain(rack.memory.iter().map(|server| *server.port.get_ref())).collect();
    let mut builder = Switch::builder(plane).port(CONTROL_PLANE, PortKind::Local);
    for port in ports {
        builder = builder.port(port.into(), PortKind::Local);
    }
    Ok(builder.start()?)
}
