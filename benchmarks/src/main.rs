//! The benchmarks alone, without the rest of the command line.
#![forbid(unsafe_code)]

use clap::Parser;

/// Measure Bifröst against raw sockets and Apache Thrift.
#[derive(Debug, Parser)]
#[command(name = "bifrost-bench", version)]
struct Command {
    #[command(flatten)]
    args: bifrost_bench::cli::Args,
}

fn main() -> anyhow::Result<()> {
    bifrost_bench::cli::run(Command::parse().args)
}
