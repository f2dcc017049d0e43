//! `bifrost rack`: a whole rack, and how it stands.

mod check;
pub(crate) mod description;
mod direct;
mod down;
mod machines;
mod measure;
mod native;
mod processes;
mod status;
mod supervisor;
mod up;

use anyhow::Result;
use clap::Subcommand;

const EXAMPLES: &str = "\
Examples:
  bifrost rack up
      Run a rack in this process, without root: a switch, Gatekeeper, three memory servers, services on two nodes. Ctrl-C
      takes it down.

  bifrost rack up --check
      The same, then calls through the switch with their results checked and their latencies beside a raw socket's and those
      without a switch; then takes it down.

  bifrost rack status --watch
      How a running rack stands: nodes, services, objects, calls, counts.

  bifrost rack down
      Take it down.";

/// Run a rack, and see how it stands
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(after_help = up::EXAMPLES)]
    Up(up::Args),
    #[command(after_help = status::EXAMPLES)]
    Status(status::Args),
    #[command(after_help = down::EXAMPLES)]
    Down(down::Args),
}

/// Runs the command; returns the exit status.
pub(crate) fn run(args: &Args) -> Result<u8> {
    match &args.command {
        Command::Up(args) => up::run(args),
        Command::Status(args) => status::run(args),
        Command::Down(args) => down::run(args),
    }
}
