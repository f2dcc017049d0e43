//! `bifrost serve`: built-in services over UDP and TCP.

mod stop;
mod tcp;

use self::tcp::Listening;
pub(crate) use self::tcp::protocols;
use crate::address::Address;
use crate::clock::Deadline;
use crate::fault::{FAILED, OK, usage};
use crate::services::{self, Builtin};
use crate::{key, units};
use anyhow::{Context, Result};
use bifrost_rpc::Server;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

const EXAMPLES: &str = "\
Services:
  Ping, Echo, Arrays      what the benchmarks call (idl/benchmark.thrift)
  Counter, Store, Health  the examples (idl/example.thrift), kept in memory
  Interop, InteropUuid    every type and every way to fail (idl/interop.thrift, idl/interop_uuid.thrift), for
                          testing clients in other languages

Examples:
  bifrost serve Counter
      Serve over UDP on [::1]:7400; prints `listening on udp://[::1]:7400`.

  bifrost serve Store Counter --listen udp://[::1]:0 --listen 'tcp://127.0.0.1:9090?protocol=compact'
      Serve both services over UDP on a free port, and over TCP to any Thrift client (multiplexed, as there are two).

  bifrost serve Ping --listen 'tcp://127.0.0.1:9090?transport=buffered'
      Serve one service over TCP, not multiplexed, with the buffered transport.

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

    /// Address to listen on, udp://HOST:PORT or tcp://HOST:PORT; port 0 takes a free one. May be given several times
    ///
    /// TCP takes ?protocol=binary|compact|json (default binary), &transport=framed|buffered (default framed) and
    /// &multiplexed=true (default: only if there are several services).
    #[arg(long, value_name = "URL", default_value = "udp://[::1]:7400")]
    listen: Vec<String>,

    /// Threads for the methods not marked short (UDP) [default: twice the processors, at least 4]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4096))]
    workers: Option<u16>,

    /// Calls that may wait for a worker; further ones are answered `busy` and tried again by their clients (UDP)
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..))]
    queue: u32,

    /// Threads that receive, for each UDP address
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    io_threads: u16,

    /// Connections for each TCP address; further ones wait to be accepted
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..=4096))]
    connections: u16,

    /// Take only packets sealed with the key in this file, 64 hexadecimal digits (UDP)
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,

    /// Longest message sent or taken (UDP)
    #[arg(long, value_name = "SIZE", default_value = "64M", value_parser = units::size)]
    max_message: u32,

    /// Time for running calls to finish when told to stop
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = units::duration_or_zero)]
    drain: Duration,
}

/// Runs the command; returns the exit status.
pub(crate) fn run(args: &Args) -> Result<u8> {
    let builtins = services::named(&args.services)?;
    let addresses: Vec<Address> = args.listen.iter().map(|url| Address::parse(url)).collect::<Result<_>>()?;
    let stop = stop::Stop::install()?;
    let serving = Serving::start(args, &builtins, &addresses)?;
    serving.announce()?;
    stop.wait();
    let left = serving.shutdown(args.drain);
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

/// All that listens.
#[derive(Debug)]
struct Serving {
    udp: Option<Server>,
    tcp: Vec<Listening>,
    /// In the order of the command line.
    urls: Vec<String>,
}

impl Serving {
    fn start(args: &Args, builtins: &[Builtin], addresses: &[Address]) -> Result<Self> {
        let has_udp = addresses.iter().any(|address| matches!(address, Address::Udp(_)));
        if args.key_file.is_some() && addresses.iter().any(|address| matches!(address, Address::Tcp(_))) {
            return Err(usage("--key-file seals UDP only, and TCP would serve in the clear: leave one of the two out"));
        }
        let udp = if has_udp { Some(start_udp(args, builtins, addresses)?) } else { None };
        let mut udp_addresses = udp.as_ref().map(Server::addresses).unwrap_or_default().into_iter();
        let mut serving = Self { udp, tcp: Vec::new(), urls: Vec::new() };
        for address in addresses {
            let url = match address {
                Address::Udp(_) => udp_addresses.next().map(|address| format!("udp://{address}")),
                Address::Tcp(form) => {
                    let listening = Listening::start(form, builtins, usize::from(args.connections))?;
                    let url = form.url(listening.address, builtins.len());
                    serving.tcp.push(listening);
                    Some(url)
                }
            };
            serving.urls.extend(url);
        }
        Ok(serving)
    }

    /// Tells scripts and people where to call.
    fn announce(&self) -> Result<()> {
        let mut out = std::io::stdout().lock();
        for url in &self.urls {
            writeln!(out, "listening on {url}").context("cannot write to standard output")?;
        }
        out.flush().context("cannot write to standard output")
    }

    /// Lets running calls finish, for `drain` at most; returns how many did not.
    fn shutdown(self, drain: Duration) -> usize {
        let deadline = Deadline::within(Some(drain));
        self.tcp.iter().for_each(Listening::drain);
        let udp = self.udp.map_or(0, |server| server.shutdown(drain));
        let tcp: usize = self.tcp.iter().map(|listening| listening.wait(&deadline)).sum();
        udp + tcp
    }
}

fn start_udp(args: &Args, builtins: &[Builtin], addresses: &[Address]) -> Result<Server> {
    let mut builder = Server::builder()
        .queue(usize::try_from(args.queue).unwrap_or(usize::MAX))
        .io_threads(usize::from(args.io_threads))
        .message_bytes_max(args.max_message);
    if let Some(workers) = args.workers {
        builder = builder.workers(usize::from(workers));
    }
    if let Some(path) = &args.key_file {
        builder = builder.key(key::read(path)?);
    }
    for address in addresses {
        if let Address::Udp(address) = address {
            builder = builder.listen(&format!("udp://{address}"));
        }
    }
    for builtin in builtins {
        builder = builder.shared_service(builtin.service.clone());
    }
    Ok(builder.start()?)
}
