//! `bifrost call`: one call by IDL, without generated code.

mod connection;
mod report;

use self::connection::Connection;
use crate::dynamic::Arguments;
use crate::fault::{OK, usage};
use crate::{idl, key, limits, link, units};
use anyhow::{Context, Result};
use bifrost_rpc::node::Node;
use bifrost_rpc::{Address, Channel, Link};
use std::path::PathBuf;
use std::time::Duration;

const EXAMPLES: &str = "\
Arguments:
  Each is JSON, in the order of the IDL or as NAME=JSON. Text needs no quotes. A binary is text, hex:00ff, base64:AP8=,
  @FILE, or text:… for text that starts like one of these. A struct is an object by field names, a union an object of
  one field, an enum a name or a number, a set a list, a map an object or a list of [key, value].

Examples:
  bifrost call udp://[::1]:7400 Counter add 5
  bifrost call udp://[::1]:7400 Store put fox '{\"text\": \"quick and brown\"}' expected=0
  bifrost call udp://[::1]:7400 Echo echo @picture.png --raw > copy.png
  bifrost call 'tcp://127.0.0.1:9090?protocol=compact&transport=buffered' Counter value --deadline 2s
  bifrost call unix:///run/counter.sock Counter add 5
  bifrost call udp://[::1]:7400 Shop order 7 --idl shop.thrift -I idl
  bifrost call rack://Counter Counter add 5 --link 'tunnel://[::1]:7401?node=c1'

Exit status: 0 a result, 3 a declared exception, 4 an application exception, 5 no answer, 2 wrong usage.";

/// Call a method of a service
///
/// The result is printed as JSON, `null` for void; an exception is printed to standard error.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Where: udp://HOST:PORT; rack://SERVICE with --link or ?prefix=ADDRESS; or tcp://HOST:PORT or unix:///PATH, each with
    /// ?protocol=binary|compact|json&transport=framed|buffered&multiplexed=true
    url: String,

    /// The service, as in the IDL; FILE.SERVICE if several files have one of this name
    service: String,

    /// The method, as in the IDL
    method: String,

    /// Its arguments
    #[arg(value_name = "ARG", allow_negative_numbers = true)]
    arguments: Vec<String>,

    /// IDL file of the service [default: the IDL of the built-in services]
    #[arg(long, value_name = "FILE")]
    idl: Vec<PathBuf>,

    /// Directory to look for included files in
    #[arg(short = 'I', long = "include", value_name = "DIR", requires = "idl")]
    include_dirs: Vec<PathBuf>,

    /// Time allowed for each call, such as 500ms [default: none; over UDP a silent server is given up after 10 s]
    #[arg(long, value_name = "TIME", value_parser = units::duration)]
    deadline: Option<Duration>,

    /// Seal packets with the key in this file, 64 hexadecimal digits (UDP)
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,

    /// Calls to make, one after the other
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,

    /// Write a binary result to standard output as it is
    #[arg(long)]
    raw: bool,

    #[command(flatten)]
    link: link::Attachment,

    #[command(flatten)]
    limits: limits::Bounds,
}

/// Runs the command; returns the exit status.
pub(crate) fn run(args: &Args) -> Result<u8> {
    let address = Address::parse(&args.url).with_context(|| args.url.clone())?;
    let schema = if args.idl.is_empty() { idl::built_in()? } else { idl::from_disk(&args.idl, &args.include_dirs)? };
    let found = idl::find(&schema, &args.service, &args.method)?;
    let arguments = Arguments::parse(found, &args.arguments)?;
    let link = args.link.attach()?;
    // It leaves when the last call has been answered.
    let node = link.as_ref().map(|link| args.link.join(link, None, Node::builder())).transpose()?.flatten();
    let mut connection = connect(args, address, link.as_ref(), node.as_ref())?;
    for _ in 0..args.repeat {
        match connection.call(found, &arguments)? {
            Ok(Some(answer)) => {
                let code = report::answer(&answer, args.raw, args.repeat == 1)?;
                if code != OK {
                    return Ok(code);
                }
            }
            Ok(None) => {}
            Err(failure) => return failure.report(),
        }
    }
    Ok(OK)
}

fn connect(args: &Args, address: Address, link: Option<&Link>, node: Option<&Node>) -> Result<Connection> {
    let limits = args.limits.limits();
    let mut builder = match (node, link) {
        (Some(node), _) => node.channel(),
        (None, Some(link)) => Channel::builder().link(link),
        (None, None) => Channel::builder(),
    };
    builder = builder.limits(limits);
    if let Some(deadline) = args.deadline {
        builder = builder.deadline(deadline);
    }
    if let Some(path) = &args.key_file {
        if matches!(address, Address::Stream(_)) {
            return Err(usage("--key-file seals UDP only: leave it out, or call a udp:// address"));
        }
        builder = builder.key(key::read(path)?);
    }
    Ok(Connection::new(builder.connect(&args.url)?, address, limits))
}
