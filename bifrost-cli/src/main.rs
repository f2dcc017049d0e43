//! The `bifrost` command.
#![forbid(unsafe_code)]

mod announce;
mod call;
mod clock;
mod compile;
mod demo;
mod dynamic;
mod fault;
mod gatekeeper;
mod idl;
mod key;
mod limits;
mod link;
mod log;
mod mem;
mod rack;
mod rules;
mod serve;
mod services;
#[cfg(feature = "sim")]
mod simulate;
mod stop;
mod switch;
mod units;

/// Gives memory back to the system some seconds after it was freed, whatever its size and however mixed with what is still
/// used: a memory server depends on it.
#[cfg(all(target_os = "linux", feature = "jemalloc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

const EXAMPLES: &str = "\
Examples:
  bifrost demo
      See it work: servers, checked calls and a benchmark table, in under a minute.

  bifrost serve Counter Store
      Serve two example services on udp://[::1]:7400.

  bifrost call udp://[::1]:7400 Counter add 5
      Call a method; arguments and result are JSON.

  bifrost mem --open
      Keep objects in memory for other programs, on udp://[::1]:7500.

  bifrost rack up
      Run a whole rack in this process: switch, Gatekeeper, three memory servers, services.

  bifrost switch --port 1=tunnel --port 2=tunnel
      Run a rack's switch on udp://[::1]:7410.

  bifrost gen idl/store.thrift --out src/gen
      Compile IDL to Rust.

  bifrost rules manifest.json --rack rack.toml
      List the entries of a rack's switch.

  bifrost bench echo --sizes 64,9000,2M
      Measure against raw sockets and Apache Thrift.";

const EXIT_CODES: &str = "\
Exit status:
  0  all went well
  1  it did not, see the message; rules --diff: something differs
  2  the command line, an address, an argument or the IDL is wrong
  3  call: the method answered with an exception that it declares
  4  call: the server answered with an application exception (such as an unknown method)
  5  call: no answer; the message says whether the call may have run";

/// Thrift calls over UDP, exactly once, and over every classic transport: generate, serve, call, measure
#[derive(Debug, Parser)]
#[command(name = "bifrost", version, after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
struct Cli {
    #[command(subcommand)]
    command: Command,

    #[command(flatten)]
    log: log::Log,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(name = "gen", after_help = compile::EXAMPLES)]
    Compile(bifrost_codegen::cli::Args),
    Serve(serve::Args),
    Call(call::Args),
    Mem(mem::Args),
    Switch(Box<switch::Args>),
    Rack(Box<rack::Args>),
    Gatekeeper(Box<gatekeeper::Args>),
    Rules(rules::Args),
    Bench(bifrost_bench::cli::Args),
    #[cfg(feature = "sim")]
    #[command(name = "sim")]
    Simulate(simulate::Args),
    Demo(demo::Args),
}

fn run(command: Command) -> anyhow::Result<u8> {
    match command {
        Command::Compile(args) => compile::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Call(args) => call::run(&args),
        Command::Mem(args) => mem::run(&args),
        Command::Switch(args) => switch::run(&args),
        Command::Rack(args) => rack::run(&args),
        Command::Gatekeeper(args) => gatekeeper::run(&args),
        Command::Rules(args) => rules::run(&args),
        Command::Bench(args) => bifrost_bench::cli::run(args).map(|()| fault::OK),
        #[cfg(feature = "sim")]
        Command::Simulate(args) => simulate::run(&args),
        Command::Demo(args) => demo::run(&args),
    }
}

fn main() -> ExitCode {
    // A server of a benchmark is this executable once more, whatever command started the benchmark.
    let outcome = match bifrost_bench::server_main() {
        Ok(true) => Ok(fault::OK),
        Ok(false) => {
            let cli = Cli::parse();
            let started = demo::child::end_with_parent().map_err(anyhow::Error::from);
            started.and_then(|()| cli.log.start()).and_then(|()| run(cli.command))
        }
        Err(error) => Err(error),
    };
    ExitCode::from(outcome.unwrap_or_else(|error| {
        eprintln!("error: {}", fault::text(&error));
        fault::code_of(&error)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_examples() {
        let mut command = Cli::command();
        command.build();
        for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
            let help = sub.clone().render_help().to_string();
            assert!(help.contains(&format!("  bifrost {}", sub.get_name())), "{}: {help}", sub.get_name());
        }
    }
}
