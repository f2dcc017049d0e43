//! `bifrost demo`: everything once, on this machine.

mod checks;
pub(crate) mod child;
mod memory;

use crate::fault::{FAILED, OK};
use crate::idl;
use anyhow::{Context, Result, ensure};
use bifrost_codegen::load::{Disk, Files};
use bifrost_codegen::{Options, compile_from, output, render};
use child::Child;
use clap::Parser;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  bifrost demo
      Generate code, start servers, call them, measure; under a minute in a release build.

  bifrost demo --no-bench
      Only what is correct, not how fast.

  bifrost demo memory
      Start three memory servers and a service, and call it with arrays that stay in global memory.";

/// The run of the benchmarks: short, and at the sizes where stacks differ.
const BENCH: &str = "bench all --sizes 64,9000,64K,1M --rounds 5 --burst-ms 10 --iterations 200";

/// Generate code, serve, call and measure, on this machine
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// What to show: everything but global memory, or that alone
    #[arg(value_name = "WHAT", value_parser = ["memory"], conflicts_with = "no_bench")]
    what: Option<String>,

    /// Leave the measurements out
    #[arg(long)]
    no_bench: bool,
}

/// `bifrost bench`, to fill in its defaults.
#[derive(Debug, Parser)]
struct Bench {
    #[command(flatten)]
    args: bifrost_bench::cli::Args,
}

/// Runs the command; returns the exit status.
pub(crate) fn run(args: &Args) -> Result<u8> {
    if args.what.is_some() {
        memory::run().context("the calls by reference failed")?;
        return Ok(OK);
    }
    generate().context("generating code failed")?;
    check().context("the calls over UDP failed")?;
    if args.no_bench {
        return Ok(OK);
    }
    eprintln!("3. Measuring against raw sockets and Apache Thrift (`bifrost bench` does it at length)");
    let bench = Bench::try_parse_from(BENCH.split_whitespace()).context("the options of the benchmarks are wrong")?;
    match bifrost_bench::cli::run(bench.args) {
        Ok(()) => Ok(OK),
        Err(error) => {
            eprintln!("error: {error:#}");
            Ok(FAILED)
        }
    }
}

/// Compiles all IDL: that of the current directory, or what is built in.
fn generate() -> Result<()> {
    let built_in = idl::built_in_files();
    let paths: Vec<PathBuf> = built_in.keys().cloned().collect();
    let is_here = paths.iter().all(|path| path.is_file());
    let (files, whence): (&dyn Files, &str) = if is_here { (&Disk, "idl/") } else { (&built_in, "the built-in IDL") };
    eprintln!("1. Generating Rust from {whence}");
    let dir = tempfile::tempdir().context("cannot make a directory for temporary files")?;
    let compiled = compile_from(files, &paths, &[], &Options::default())
        .map_err(|diagnostics| anyhow::anyhow!("{}", render(&diagnostics)))?;
    output::write_changed(dir.path(), &compiled.modules)?;
    for (name, text) in &compiled.modules {
        let written = std::fs::metadata(dir.path().join(name)).map_or(0, |file| file.len());
        ensure!(written > 0, "{} is empty", name.display());
        eprintln!("   {}: {} lines", Path::display(name), text.lines().count());
    }
    Ok(())
}

/// Starts servers and calls them.
fn check() -> Result<()> {
    eprintln!("2. Calling over UDP");
    let serving = Child::start(&["serve", "Ping", "Echo", "Arrays", "Counter", "--listen", "udp://[::1]:0"])?;
    eprintln!("   a server of Ping, Echo, Arrays and Counter at {}", serving.url());
    checks::run(serving.url())?;
    serving.stop()?;
    eprintln!("   the server has stopped; every call had finished");
    Ok(())
}
