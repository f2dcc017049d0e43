//! The options of `bifrost bench`, and what it puts out.

use std::fs::File;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::builder::TypedValueParser;

use crate::output::Output;
use crate::plan::{self, Placement, Plan};
use crate::workload::Bench;
use crate::{breakdown, codec, forwarding, rack, runner, server, switch};

const OUTSTANDING_MAX: usize = 1024;

/// Measure calls over raw sockets, Apache Thrift and Bifröst, side by side; or codecs, without calls.
///
/// Each variant's server is a process of its own. Variants take turns in short bursts; figures are
/// medians over all of them, and ratios to raw UDP and raw TCP (above 1 is slower) are what to compare
/// between machines.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:
  bifrost bench ping
  bifrost bench echo --sizes 64,9000,2M --variants raw-udp,raw-tcp,apache-tcp-framed
  bifrost bench rate --outstanding 64 --pin cross --json
  bifrost bench all --save benchmarks/runs --plot plots
  bifrost bench memory --pin cross
  bifrost bench increment --by-ref --sizes 1K,2M
  bifrost bench chain --servers 4
  bifrost bench breakdown --plot plots
  bifrost bench codec --cases struct10,list_i32 --json
  bifrost bench switch --cases rtt,pps --json
  bifrost bench rack --cases pointer,rtt --json
  bifrost bench forwarding --plot plots")]
pub struct Args {
    /// What to measure
    #[arg(value_name = "NAME", value_parser = ["ping", "echo", "increment", "increment-list", "add", "rate", "all", "codec", "memory", "chain", "breakdown", "switch", "rack", "forwarding"])]
    pub name: String,

    /// Bytes of an array or object, with K or M for 1024 and its square [default: each benchmark's own, to 2M]
    #[arg(long, value_delimiter = ',', value_name = "LIST", value_parser = plan::parse_size)]
    pub sizes: Vec<usize>,

    /// `increment`, `add`: by reference as well, with arguments and results in global memory
    #[arg(long)]
    pub by_ref: bool,

    /// Services in turn, for `chain` [default: 1,2,4]; memory servers, for the rates of `memory` [default: 1,2,3]
    #[arg(long, value_delimiter = ',', value_name = "LIST", value_parser = counted(plan::SERVERS_MAX))]
    pub servers: Vec<usize>,

    /// For `codec` values to encode and decode: struct10, everything, list_i32, map_str, blob; for `switch` what to measure:
    /// rtt, pps, pps-burst, pps-process, changes, cost; for `rack`: bytes,
    /// decisions, rtt, pointer, calls, failover [default: all]
    #[arg(long, value_delimiter = ',', value_name = "LIST")]
    pub cases: Vec<String>,

    /// Variants to compare [default: all]
    #[arg(long, value_delimiter = ',', value_name = "LIST")]
    pub variants: Vec<String>,

    /// Turns that each variant gets
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub rounds: u32,

    /// Calls of one variant in one turn, at most; for `codec`, batches of 20 µs or more
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub iterations: u32,

    /// Milliseconds of one variant in one turn, about; one call is always made
    #[arg(long, default_value_t = 20, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..=60_000))]
    pub burst_ms: u64,

    /// Calls outstanding at once, for `rate`; clients, for the rates of `memory`
    #[arg(long, default_value_t = 16, value_name = "N", value_parser = counted(OUTSTANDING_MAX))]
    pub outstanding: usize,

    /// Where client and server run: on the same processor, across two, or wherever the system puts them
    #[arg(long, default_value = "same", value_parser = ["same", "cross", "none"])]
    pub pin: String,

    /// The address that servers listen on and clients call from
    #[arg(long, default_value = "::1", value_name = "IP")]
    pub address: IpAddr,

    /// Seal Bifröst's packets with the operator key in this file
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,

    /// Print one JSON object a line instead of tables
    #[arg(long)]
    pub json: bool,

    /// Write raw.csv (every sample) and summary.csv into this directory
    #[arg(long, value_name = "DIR")]
    pub csv: Option<PathBuf>,

    /// Draw a plot for each benchmark into this directory
    #[arg(long, value_name = "DIR")]
    pub plot: Option<PathBuf>,

    /// Keep the run: MACHINE.md, raw.csv and summary.md in a directory below this one, named by the date
    #[arg(long, value_name = "DIR")]
    pub save: Option<PathBuf>,
}

fn counted(most: usize) -> impl TypedValueParser<Value = usize> {
    let range = clap::value_parser!(u64).range(1..=most as u64);
    range.map(|count| usize::try_from(count).unwrap_or(1))
}

impl Args {
    /// The checked plan.
    fn plan(&self) -> Result<Plan> {
        ensure!(self.cases.is_empty(), "`--cases` is for `codec`, `switch` and `rack`");
        if let Some(key) = &self.key {
            File::open(key).with_context(|| format!("cannot read the key file {}", key.display()))?;
        }
        let has_ref = ["increment", "add"].contains(&self.name.as_str());
        ensure!(has_ref || !self.by_ref, "`--by-ref` is for `increment` and `add`");
        let benches = plan::parse_benches(&self.name)?;
        let has_servers = benches.iter().any(|bench| bench.has_servers());
        ensure!(has_servers || self.servers.is_empty(), "`--servers` is for `chain` and `memory`");
        let by_ref = self.by_ref || !benches.iter().any(|bench| Bench::BY_VALUE.contains(bench));
        Ok(Plan {
            benches,
            sizes: sorted(&self.sizes),
            servers: sorted(&self.servers),
            by_ref,
            variants: plan::parse_variants(&self.variants, by_ref)?,
            rounds: self.rounds,
            iterations: self.iterations,
            budget: Duration::from_millis(self.burst_ms),
            outstanding: self.outstanding,
            placement: Placement::named(&self.pin)?,
            address: self.address,
            key: self.key.clone(),
        })
    }
}

fn sorted(counts: &[usize]) -> Vec<usize> {
    let mut counts = counts.to_vec();
    counts.sort_unstable();
    counts.dedup();
    counts
}

/// Measures as `args` say and prints the figures; in a server process, which gets the same command line, serves.
///
/// # Errors
/// When an option does not hold, nothing can be measured, a file cannot be written, or some variant failed; in the
/// last case after all figures have been put out.
pub fn run(args: Args) -> Result<()> {
    if server::server_main()? {
        return Ok(());
    }
    if args.name == codec::NAME {
        return codec::run(&args);
    }
    if args.name == switch::NAME {
        return switch::run(&args);
    }
    if args.name == rack::NAME {
        return rack::run(&args);
    }
    if args.name == forwarding::NAME {
        return forwarding::run(&args);
    }
    let plan = args.plan()?;
    if args.name == breakdown::NAME {
        return breakdown::run(&args, &plan);
    }
    let mut output = Output::open(&args, &plan)?;
    runner::run(&plan, &mut |rows| output.take(rows))?;
    output.finish(&plan)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        args: Args,
    }

    fn parse(line: &str) -> Result<Args, clap::Error> {
        Command::try_parse_from(std::iter::once("bench").chain(line.split_whitespace())).map(|command| command.args)
    }

    #[test]
    fn defaults_make_a_plan() {
        let plan = parse("all").unwrap().plan().unwrap();
        assert_eq!((plan.benches.len(), plan.outstanding, plan.placement.name), (6, 16, "same"));
        let sizes: Vec<usize> = plan.workloads().iter().map(|workload| workload.size).collect();
        assert!([1, 512, 9000, 131_072, 2 << 20].iter().all(|size| sizes.contains(size)));
        assert!(!plan.by_ref && parse("memory").unwrap().plan().unwrap().by_ref);
    }

    #[test]
    fn sizes_are_sorted_and_unique() {
        let plan = parse("echo --sizes 2M,1,1K,1024").unwrap().plan().unwrap();
        assert_eq!(plan.sizes, [1, 1024, 2 << 20]);
    }

    #[test]
    fn wrong_options_are_named() {
        for (line, complaint) in [
            ("pong", "pong"),
            ("echo --sizes 0", "smallest is 1"),
            ("echo --sizes 2G", "no size"),
            ("rate --outstanding 0", "--outstanding"),
            ("chain --servers 17", "--servers"),
            ("ping --rounds 0", "--rounds"),
            ("ping --pin there", "cross"),
            ("ping --address nowhere", "--address"),
        ] {
            let error = parse(line).unwrap_err().to_string();
            assert!(error.contains(complaint), "{line}: {error}");
        }
        assert!(parse("ping --variants udp").unwrap().plan().unwrap_err().to_string().contains("raw-udp"));
        assert!(parse("ping --cases blob").unwrap().plan().unwrap_err().to_string().contains("codec"));
        for (line, complaint) in [("echo --by-ref", "increment"), ("echo --servers 2", "chain")] {
            assert!(parse(line).unwrap().plan().unwrap_err().to_string().contains(complaint), "{line}");
        }
        assert!(parse("ping --key /nowhere").unwrap().plan().unwrap_err().to_string().contains("/nowhere"));
    }
}
