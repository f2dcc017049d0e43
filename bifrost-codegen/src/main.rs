//! The `bifrost-codegen` command.

use bifrost_codegen::cli::{Args, run};
use clap::Parser;
use std::io::{self, Write};
use std::process::ExitCode;

/// Compile Thrift IDL to Rust clients, servers and types
#[derive(Debug, Parser)]
#[command(name = "bifrost-codegen", version)]
struct Command {
    #[command(flatten)]
    args: Args,
}

fn main() -> ExitCode {
    let command = Command::parse();
    let mut err = io::stderr().lock();
    match run(&command.args, &mut err) {
        Ok(outcome) => ExitCode::from(outcome.code()),
        Err(error) => {
            // There is nowhere left to report a failure to report.
            let _ = writeln!(err, "error: {error}");
            ExitCode::from(2)
        }
    }
}
