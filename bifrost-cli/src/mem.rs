//! `bifrost mem`: a memory server over UDP.

use crate::fault::{FAILED, OK, usage};
use crate::{announce, clock, key, link, stop, units};
use anyhow::{Context, Result, bail};
use bifrost_dsm::Config;
use bifrost_dsm::daemon::{BootError, Daemon, next_boot};
use bifrost_dsm::front::{ControlFront, FrontError};
use bifrost_rpc::node::{Node, NodeState};
use bifrost_rpc::{Address, Link, ServeError};
use std::path::{Path, PathBuf};
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  bifrost mem --open
      Keep up to 1 GiB of objects for everybody on udp://[::1]:7500; prints `listening on udp://[::1]:7500`.

  bifrost mem udp://0.0.0.0:7501 --server 2 --capacity 16G --state /var/lib/bifrost/m2.boot --open
      The second of a rack's memory servers. The file sees to it that no pointer is ever given twice.

  bifrost mem --server 1 --open --link 'tunnel://[::1]:7401?node=m1'
      In a rack: attached to its switch, reached at the addresses of its pointers.

  bifrost mem --server 1 --rack --link 'tunnel://[::1]:7401?node=m1&prefix=fd00:b1f0:0:1::'
      The same in a rack with a control plane, which takes it in and says who may do what.

  bifrost mem --control udp://10.0.0.5:7601 --control-key control.key
      Nodes are protected from each other; the control plane says who may do what.

  bifrost call udp://[::1]:7601 MemoryControl metrics
      How the server stands, where it was started with --control udp://[::1]:7601.

Without --open a node may use only what it made, or what the control plane lets it.";

/// How often it is seen to that object ids are left.
const CHECK: Duration = Duration::from_secs(1);

/// Keep objects in memory and serve them over UDP
///
/// Each address is printed on a line of standard output once it is listened on. Ctrl-C or SIGTERM stops: operations
/// under way may finish; a second one stops at once. All objects are gone then.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Addresses to listen on, udp://HOST:PORT; port 0 takes a free one [default: `udp://[::1]:7500`; with --link
    /// `udp://[::]:7400`]
    #[arg(value_name = "URL")]
    listen: Vec<String>,

    #[command(flatten)]
    link: link::Attachment,

    /// Number of this server among the memory servers of its rack; it stands in every pointer
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..))]
    server: u8,

    /// Prefix that the pointers of all memory servers of the rack share
    #[arg(long, value_name = "N", default_value = "0xfd", value_parser = units::byte)]
    prefix: u8,

    /// Memory for objects, writes on their way, and what is kept about them
    #[arg(long, value_name = "SIZE", default_value = "1G", value_parser = units::long_size)]
    capacity: u64,

    /// File that keeps the boot number, so that pointers of an earlier life are refused as lost [default: the clock]
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,

    /// Let every node read, write and free every object
    #[arg(long, conflicts_with = "rack")]
    open: bool,

    /// Longest object
    #[arg(long, value_name = "SIZE", default_value = "1G", value_parser = units::long_size)]
    max_object: u64,

    /// Most objects
    #[arg(long, value_name = "N", default_value_t = 1 << 20, value_parser = clap::value_parser!(u32).range(1..))]
    max_objects: u32,

    /// Most memory that one node may control [default: the capacity]
    #[arg(long, value_name = "SIZE", value_parser = units::long_size)]
    max_node: Option<u64>,

    /// Most memory of replaced versions that readers may hold; further writes are refused meanwhile
    #[arg(long, value_name = "SIZE", default_value = "256M", value_parser = units::long_size)]
    max_pinned: u64,

    /// Most clients
    #[arg(long, value_name = "N", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..))]
    max_clients: u32,

    /// A client silent for longer is forgotten, with what it has not finished
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = units::duration)]
    lease: Duration,

    /// Threads that receive, for each address
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    io_threads: u16,

    /// Take only packets sealed with the key in this file, 64 hexadecimal digits
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,

    /// Address for control messages, udp://HOST:PORT or unix:///PATH, apart from those for memory; without --control-key
    /// on this machine only. May be given several times
    #[arg(long, value_name = "URL", conflicts_with = "rack")]
    control: Vec<String>,

    /// Take only control messages sealed with the key in this file, 64 hexadecimal digits (UDP)
    #[arg(long, value_name = "FILE", requires = "control")]
    control_key: Option<PathBuf>,

    /// Time for operations under way to finish when told to stop
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = units::duration_or_zero)]
    drain: Duration,
}

/// Runs the command; returns the exit status.
pub(crate) fn run(args: &Args) -> Result<u8> {
    for url in &listen(args) {
        if !matches!(Address::parse(url).with_context(|| (*url).to_owned())?, Address::Udp(_)) {
            return Err(usage(format!("{url}: memory is served over UDP only: write udp://HOST:PORT")));
        }
    }
    if args.state.is_none() {
        eprintln!(
            "warning: without --state FILE old pointers are told from new ones by the clock; it must not go back"
        );
    }
    let stop = stop::Stop::install()?;
    let link = args.link.attach()?;
    let boot_number = boot(args.state.as_deref())?;
    let daemon = start(args, link.as_ref(), boot_number)?;
    let front = match &link {
        Some(link) if args.link.joins() => {
            Some(ControlFront::on_link(daemon.memory(), link, args.link.key()?.as_ref())?)
        }
        _ => start_front(args, &daemon)?,
    };
    let node = link.as_ref().map(|link| join(args, link, boot_number)).transpose()?.flatten();
    announce::addresses("listening on", daemon.server().urls())?;
    announce::addresses("control on", front.iter().flat_map(ControlFront::urls))?;
    while !stop.wait_for(CHECK) {
        if let Err(error) = daemon.memory().renew_ids(|| boot(args.state.as_deref())) {
            eprintln!("warning: object ids run out, and there is no further boot number: {error}");
        }
        if let Some(ended) = node.as_ref().map(Node::state).filter(|state| *state != NodeState::Joined) {
            bail!("{ended}; its objects are gone for the rack");
        }
    }
    if let Some(node) = node {
        node.leave(args.drain);
    }
    // The control plane is heard as long as there is anything to control.
    let left = daemon.shutdown(args.drain) + front.map_or(0, |front| front.shutdown(args.drain));
    if left == 0 {
        eprintln!("stopped; every operation has finished");
        return Ok(OK);
    }
    eprintln!("stopped; {left} not finished within {:?}", args.drain);
    Ok(FAILED)
}

/// Where to listen.
fn listen(args: &Args) -> Vec<&str> {
    match &args.listen[..] {
        [] => vec![args.link.listen("udp://[::1]:7500")],
        given => given.iter().map(String::as_str).collect(),
    }
}

/// Joins the rack, if that is asked for.
fn join(args: &Args, link: &Link, boot: u32) -> Result<Option<Node>> {
    let node = Node::builder().memory_prefix(args.prefix).memory_server(args.server, boot, args.capacity);
    args.link.join(link, Some(format!("m{}", args.server)), node)
}

fn start(args: &Args, link: Option<&Link>, boot: u32) -> Result<Daemon> {
    let clients = usize::try_from(args.max_clients).unwrap_or(usize::MAX);
    let config = Config {
        prefix: args.prefix,
        server: args.server,
        boot,
        open: args.open,
        capacity_bytes: args.capacity,
        object_bytes_max: args.max_object,
        objects_max: usize::try_from(args.max_objects).unwrap_or(usize::MAX),
        holder_bytes_max: args.max_node.unwrap_or(u64::MAX),
        pinned_bytes_max: args.max_pinned,
        clients_max: clients,
        ..Config::default()
    };
    let transport = |server: bifrost_rpc::ServerBuilder| {
        server.lease(args.lease).sessions_max(clients).io_threads(usize::from(args.io_threads))
    };
    let mut builder = Daemon::builder(config).transport(transport);
    if let Some(link) = link {
        builder = builder.transport(|server| server.link(link));
    }
    if let Some(path) = &args.key_file {
        builder = builder.key(key::read(path)?);
    } else if args.link.joins()
        && let Some(key) = args.link.key()?
    {
        builder = builder.rack_key(&key);
    }
    for url in listen(args) {
        builder = builder.listen(url);
    }
    Ok(builder.start()?)
}

/// The control front, if one is asked for.
fn start_front(args: &Args, daemon: &Daemon) -> Result<Option<ControlFront>> {
    if args.control.is_empty() {
        return Ok(None);
    }
    let key = args.control_key.as_deref().map(key::read).transpose()?;
    if key.is_none() {
        eprintln!("warning: without --control-key every program on this machine may send control messages");
    }
    let front = ControlFront::start(daemon.memory(), &args.control, key).map_err(|error| match error {
        FrontError::Unsealed(_) => usage(format!("{error}: give --control-key")),
        FrontError::Transport(_) | FrontError::Url(_) | FrontError::Serve(ServeError::Sealed(_)) => {
            usage(error.to_string())
        }
        other => other.into(),
    })?;
    Ok(Some(front))
}

/// A boot number that no earlier life has had; without a state file, as long as the clock goes forward.
fn boot(state: Option<&Path>) -> Result<u32, BootError> {
    let seconds = clock::unix_seconds();
    state.map_or(Ok(seconds), |state| next_boot(state, seconds))
}
