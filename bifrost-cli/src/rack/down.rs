//! `bifrost rack down`: ends a rack that runs in another process.

use crate::clock;
use crate::fault::{FAILED, OK};
use crate::gatekeeper::At;
use anyhow::{Context, Result};
use bifrost_switch::gatekeeper_driver::manage::idl::gatekeeper::TGatekeeperSyncClient;
use std::time::Duration;

pub(super) const EXAMPLES: &str = "\
Examples:
  bifrost rack down
      End the rack of this user, and wait until it is down.

  bifrost rack down --manage unix:///run/bifrost/rack.sock
      The one that is managed there.";

/// Time for the rack to end.
const WAIT: Duration = Duration::from_secs(30);
/// Time for a Gatekeeper that was killed to be started again.
const AWAY: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(50);

/// Take a rack down that `bifrost rack up` runs
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    at: At,
}

/// Runs the command; returns the exit status.
pub(super) fn run(args: &Args) -> Result<u8> {
    let mut client = args.at.client()?;
    let (until, back) = (clock::now() + WAIT, clock::now() + AWAY);
    while let Err(error) = client.stop() {
        // A rack of processes starts it again.
        if !args.at.is_away() || clock::now() >= back {
            return Err(error).context(args.at.absence());
        }
        clock::pause(LOOK);
    }
    while clock::now() < until {
        if client.status().is_err() {
            eprintln!("the rack is down");
            return Ok(OK);
        }
        clock::pause(LOOK);
    }
    eprintln!("the rack has not ended within {WAIT:?}");
    Ok(FAILED)
}
