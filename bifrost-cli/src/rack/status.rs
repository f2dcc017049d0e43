//! `bifrost rack status`: how a running rack stands.

mod json;
mod text;

use crate::fault::OK;
use crate::gatekeeper::At;
use crate::stop::Stop;
use anyhow::{Context, Result};
use bifrost_switch::gatekeeper_driver::manage::idl::gatekeeper::{
    Call, FIRST_OBJECT, GatekeeperClient, Object, RunningCall, Status, TGatekeeperSyncClient,
};
use std::io::Write;
use std::time::Duration;

pub(super) const EXAMPLES: &str = "\
Examples:
  bifrost rack status
      Nodes, services, objects with who controls and who leases them, calls that run, counts.

  bifrost rack status --watch
      The same every second, until Ctrl-C.

  bifrost rack status --json
      For other programs.";

/// How often it is shown anew.
const PERIOD: Duration = Duration::from_secs(1);

/// Show how a running rack stands
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    at: At,

    /// Show it anew every second
    #[arg(long, conflicts_with = "json")]
    watch: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,

    /// Objects, and calls, that are shown at most
    #[arg(long, value_name = "N", default_value_t = 20)]
    max: u16,
}

/// All that is shown.
pub(super) struct View {
    pub(super) status: Status,
    pub(super) objects: Vec<Object>,
    pub(super) calls: Vec<RunningCall>,
}

impl View {
    fn read(client: &mut GatekeeperClient, max: u16) -> thrift::Result<Self> {
        let status = client.status()?;
        let max = i32::from(max);
        let first = Call { client: 0, rpc: 0 };
        let (objects, calls) = match max {
            0 => (Vec::new(), Vec::new()),
            max => (client.objects(FIRST_OBJECT, max)?, client.calls(first, max)?),
        };
        Ok(Self { status, objects, calls })
    }
}

/// Runs the command; returns the exit status.
pub(super) fn run(args: &Args) -> Result<u8> {
    let mut client = args.at.client()?;
    let mut read = || View::read(&mut client, args.max).with_context(|| args.at.absence());
    if args.json {
        print(&format!("{:#}\n", json::of(&read()?)))?;
        return Ok(OK);
    }
    if !args.watch {
        print(&text::of(&read()?))?;
        return Ok(OK);
    }
    let stop = Stop::saying("")?;
    loop {
        // Home, the text, and away with what is left of the last one.
        let text = match read() {
            // Its rack may be up, and it may come back.
            Err(_) if args.at.is_away() => format!("{}\n", args.at.absence()),
            view => text::of(&view?),
        };
        print(&format!("\x1b[H\x1b[J{text}"))?;
        if stop.wait_for(PERIOD) {
            return Ok(OK);
        }
    }
}

fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("cannot write to standard output")
}
