//! `bifrost switch trace`: one frame's way through the program.

use super::files;
use super::rack::{self, Described};
use crate::fault::{OK, usage};
use anyhow::{Context, Result};
use bifrost_switch::commands::hex;
use bifrost_switch::daemon::{PORTS_MAX, PcapReader};
use bifrost_switch::engine::{Event, Outputs};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufReader, Write as _};
use std::path::{Path, PathBuf};

pub(crate) const EXAMPLES: &str = "\
Examples:
  bifrost switch trace --port 1 ffffffffffff02000000000108060001080006040001
      Where an ARP request goes in the rack's program without entries.

  bifrost switch trace --entries rack.txt --port 1 --pcap captured/port-1-in.pcap
      The same for each frame that a running switch captured.

  bifrost switch trace --program l2.json --entries l2.txt --port 3 02:00:00:00:00:02:02:00:00:00:00:01:88:b5
      In another program. Colons and spaces between digits do not matter.";

/// Show the way of frames through parser, tables and actions, without a switch that runs
///
/// Frames go one after another through one engine, so that later ones see what earlier ones left in registers.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The program in BMv2's JSON format [default: the rack's, which is built in]
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,

    /// The rack's description, for what the tables begin with
    #[arg(long, value_name = "FILE")]
    rack: Option<PathBuf>,

    /// Manifest of the rack's services. May be given several times
    #[arg(long, value_name = "FILE", requires = "rack")]
    manifest: Vec<PathBuf>,

    /// Commands to begin with, as simple_switch_CLI takes them; after the rack's
    #[arg(long, value_name = "FILE")]
    entries: Option<PathBuf>,

    /// The port that the frames come in by
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..i64::from(PORTS_MAX)))]
    port: u32,

    /// The frames of this file, in pcap format
    #[arg(long, value_name = "FILE", conflicts_with = "frame", required_unless_present = "frame")]
    pcap: Option<PathBuf>,

    /// A frame in hexadecimal, from its Ethernet header on
    #[arg(value_name = "HEX")]
    frame: Vec<String>,
}

/// Runs the command; returns the exit status.
pub(crate) fn run(args: &Args) -> Result<u8> {
    let rack = match &args.rack {
        Some(path) => rack::read(path, &args.manifest, args.program.as_deref())?,
        None => Described::default(),
    };
    let json = files::program(args.program.as_deref())?;
    let engine = files::engine(&json, &rack.entries, args.entries.as_deref())?;
    let mut out = Outputs::default();
    let mut trace = |now: u64, frame: &[u8]| {
        let events = engine.with(|engine| engine.trace(now, args.port, frame, &mut out));
        print(&events)?;
        out.packets().try_for_each(|(port, frame)| say(&format!("port {port}: {}\n", digits(frame))))
    };
    match &args.pcap {
        Some(path) => each_frame(path, trace)?,
        None => trace(0, &frame(&args.frame.concat())?)?,
    }
    Ok(OK)
}

/// The frames of a file, each with the microseconds since the first.
fn each_frame(path: &Path, mut take: impl FnMut(u64, &[u8]) -> Result<()>) -> Result<()> {
    let what = || format!("cannot read {}", path.display());
    let mut reader = PcapReader::new(BufReader::new(File::open(path).with_context(what)?)).with_context(what)?;
    let mut first = None;
    while let Some(captured) = reader.read().with_context(what)? {
        let since = captured.time.saturating_sub(*first.get_or_insert(captured.time));
        take(u64::try_from(since.as_micros()).unwrap_or(u64::MAX), &captured.frame)?;
    }
    Ok(())
}

fn frame(text: &str) -> Result<Vec<u8>> {
    let digits: String = text.chars().filter(|digit| !digit.is_whitespace() && *digit != ':').collect();
    let whole = hex(&digits).filter(|_| digits.len().is_multiple_of(2));
    whole.ok_or_else(|| {
        usage("a frame is an even number of hexadecimal digits, 8,192 at most; longer ones go by --pcap")
    })
}

fn digits(frame: &[u8]) -> String {
    frame.iter().fold(String::with_capacity(2 * frame.len()), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Prints the steps of a frame.
pub(crate) fn print(events: &[Event]) -> Result<()> {
    say(&events.iter().fold(String::new(), |text, event| text + &event.to_string() + "\n"))
}

fn say(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("cannot write to standard output")
}
