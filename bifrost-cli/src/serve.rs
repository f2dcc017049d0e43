//! `bifrost serve`: built-in services over UDP, TCP and Unix sockets.

use crate::fault::{FAILED, OK, usage};
use crate::services::{self, Builtin};
use crate::{announce, key, limits, link, stop, units};
use anyhow::{Context, Result};
use bifrost_rpc::memory::GlobalMemory;
use bifrost_rpc::node::Node;
use bifrost_rpc::{Address, Channel, ServeError, Server};
use std::path::PathBuf;
use std::time::Duration;

const EXAMPLES: &str = "\
Services:
  Ping, Echo, Arrays      what the benchmarks call (idl/benchmark.thrift)
  SharedArrays            Arrays by reference: needs --memory to take and give pointers (idl/benchmark.thrift)
  Counter, Store, Health  the examples (idl/example.thrift), kept in memory
  Interop, InteropUuid    every type and every way to fail (idl/interop.thrift, idl/interop_uuid.thrift), for
                          testing clients in other languages

Examples:
  bifrost serve Counter
      Serve over UDP on [::1]:7400; prints `listening on udp://[::1]:7400`.

  bifrost serve Store Counter --listen udp://[::1]:0 --listen 'tcp://127.0.0.1:9090?protocol=compact'
      Serve both services over UDP on a free port, and over TCP to any Thrift client (multiplexed, as there are two).

  bifrost serve Ping --listen 'tcp://127.0.0.1:9090?transport=buffered'
      Serve one service over TCP with the buffered transport.

  bifrost serve Counter --listen unix:///run/counter.sock
      Serve on a Unix socket; its file goes when the server stops.

  bifrost serve SharedArrays --memory udp://[::1]:7501,udp://[::1]:7502
      Serve a service whose arguments and results may be in the memory of two memory servers.

  bifrost serve Counter --link 'tunnel://[::1]:7401?node=s1'
      Serve in a rack: attached to its switch, called at rack://Counter.

  bifrost serve SharedArrays --rack --link 'tunnel://[::1]:7401?node=s1'
      Join a rack that has a control plane, and serve there; pointers in calls are read from the rack's memory.

  bifrost serve Counter --key-file operator.key
      Take only sealed packets; clients need the same key.";

/// Serve built-in services
///
/// Each address is printed on a line of standard output once it is listened on. Ctrl-C or SIGTERM stops: running
/// calls may finish; a second one stops at once.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Services to serve
    #[arg(required = true, value_name = "SERVICE")]
    services: Vec<String>,

    /// Address to listen on, udp://HOST:PORT, tcp://HOST:PORT or unix:///PATH; port 0 takes a free one. May be given
    /// several times [default: `udp://[::1]:7400`; with --link `udp://[::]:7400`]
    ///
    /// TCP and Unix sockets take ?protocol=binary|compact|json (default: any, answered in the same),
    /// &transport=framed|buffered (default framed) and &multiplexed=true|false (default: both).
    #[arg(long, value_name = "URL")]
    listen: Vec<String>,

    #[command(flatten)]
    link: link::Attachment,

    /// Number of this life of the server, by which a switch knows it [default: random]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    instance: Option<u32>,

    /// Memory servers, udp://HOST:PORT with commas between them: pointers in calls are read there, and long results stored
    /// there (UDP). They are numbered 1, 2, …, or as N=udp://HOST:PORT says
    #[arg(long, value_name = "URLS", conflicts_with = "rack")]
    memory: Option<String>,

    /// Threads for the methods not marked short (UDP) [default: twice the processors, at least 4]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4096))]
    workers: Option<u16>,

    /// Calls that may wait for a worker; further ones are answered `busy` and tried again by their clients (UDP)
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..))]
    queue: u32,

    /// Threads that receive, for each UDP address
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    io_threads: u16,

    /// Connections for each TCP or Unix address; further ones wait to be accepted
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..=4096))]
    connections: u16,

    /// Take only packets sealed with the key in this file, 64 hexadecimal digits (UDP)
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,

    /// Close a connection on which no message has come for this long (TCP and Unix) [default: never]
    #[arg(long, value_name = "TIME", value_parser = units::duration)]
    idle_timeout: Option<Duration>,

    #[command(flatten)]
    limits: limits::Bounds,

    /// Time for running calls to finish when told to stop
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = units::duration_or_zero)]
    drain: Duration,
}

/// Runs the command; returns the exit status.
pub(crate) fn run(args: &Args) -> Result<u8> {
    let builtins = services::named(&args.services)?;
    check_addresses(args)?;
    let stop = stop::Stop::install()?;
    let (server, node) = start(args, &builtins)?;
    announce::addresses("listening on", server.urls())?;
    stop.wait();
    let left = server.shutdown(args.drain);
    if let Some(node) = node {
        node.leave(args.drain);
    }
    if left == 0 {
        eprintln!("stopped; every call has finished");
        return Ok(OK);
    }
    eprintln!(
        "stopped; {left} {} not finish within {:?}",
        if left == 1 { "call did" } else { "calls did" },
        args.drain
    );
    Ok(FAILED)
}

/// What is wrong with an address is wrong with the command line.
fn check_addresses(args: &Args) -> Result<()> {
    for url in &listen(args) {
        let address = Address::parse(url).with_context(|| (*url).to_owned())?;
        if args.key_file.is_some() && matches!(address, Address::Stream(_)) {
            return Err(usage(format!("--key-file seals UDP only, and {url} would serve in the clear: leave one out")));
        }
    }
    Ok(())
}

/// Where to listen.
fn listen(args: &Args) -> Vec<&str> {
    match &args.listen[..] {
        [] => vec![args.link.listen("udp://[::1]:7400")],
        given => given.iter().map(String::as_str).collect(),
    }
}

fn start(args: &Args, builtins: &[Builtin]) -> Result<(Server, Option<Node>)> {
    let link = args.link.attach()?;
    let node = link.as_ref().map(|link| args.link.join(link, None, Node::builder())).transpose()?.flatten();
    let mut builder = match &node {
        Some(node) => node.server().global_memory(node.memory()),
        None => Server::builder(),
    };
    builder = builder
        .queue(usize::try_from(args.queue).unwrap_or(usize::MAX))
        .io_threads(usize::from(args.io_threads))
        .connections_max(usize::from(args.connections))
        .limits(args.limits.limits());
    if let Some(workers) = args.workers {
        builder = builder.workers(usize::from(workers));
    }
    if let Some(timeout) = args.idle_timeout {
        builder = builder.idle_timeout(timeout);
    }
    if let Some(instance) = args.instance {
        builder = builder.instance(instance);
    }
    let mut channels = Channel::builder();
    if let Some(link) = link.as_ref().filter(|_| node.is_none()) {
        (builder, channels) = (builder.link(link), channels.link(link));
    }
    if let Some(path) = &args.key_file {
        let key = key::read(path)?;
        (builder, channels) = (builder.key(key.clone()), channels.key(key));
    }
    if let Some(urls) = &args.memory {
        let memory = GlobalMemory::connect_with(urls, channels).map_err(|error| usage(format!("--memory: {error}")))?;
        builder = builder.global_memory(memory);
    }
    for url in listen(args) {
        builder = builder.listen(url);
    }
    for builtin in builtins {
        builder = builder.shared_service(builtin.service.clone());
    }
    let server = builder.start().map_err(|error| match error {
        ServeError::NotMultiplexed(_) => usage(error.to_string()),
        other => anyhow::Error::from(other),
    })?;
    Ok((server, node))
}
