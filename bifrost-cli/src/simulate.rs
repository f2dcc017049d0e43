//! `bifrost sim`: the deterministic simulations of the transport, of memory from end to end, and of the whole rack.

mod world;

use crate::clock;
use crate::fault::{FAILED, OK, usage};
use anyhow::{Context, Result};
use bifrost_rpc::sim;
use std::io::Write;
use std::time::{Duration, Instant};
use world::{Report, World};

const EXAMPLES: &str = "\
Examples:
  bifrost sim --seeds 10000
      Run seeds 0 to 9999; exit with 1 and say which seeds failed, if any.

  bifrost sim --seed 4711 --trace
      Run one seed again and print everything that happened.

  bifrost sim --list-checks
  bifrost sim --without duplicate-call --seeds 1000
      Leave a safety check out of the protocol: some seed must fail, or the simulation is blind to it.

  bifrost sim --memory --seeds 10000
      Run clients and memory servers; what the clients saw of each object must be linearizable.

  bifrost sim --rack --seeds 10000
      Run nodes, memory servers, the switch and its control plane, and kill each of them now and then.";

const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// Run clients, servers and a bad network in virtual time, from seeds
///
/// Every seed decides on nodes, calls, lost and late packets and crashes; a checker outside sees that each call ran
/// exactly once, or at most once where its client was told so; with --memory, that some order of all operations
/// explains what clients read and wrote; with --rack, that nobody does what it has no right to, and that nothing is left
/// in the end. Equal seeds make equal runs.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Simulate clients of memory servers, and judge what they saw
    #[arg(long)]
    memory: bool,

    /// Simulate the whole rack: nodes, memory servers, the switch and its control plane
    #[arg(long, conflicts_with = "memory")]
    rack: bool,

    /// Seeds to run
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,

    /// The first seed
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    from: u64,

    /// Run this seed alone
    #[arg(long, value_name = "SEED", conflicts_with_all = ["seeds", "from", "threads", "failures"])]
    seed: Option<u64>,

    /// Print what happened in the run
    #[arg(long, requires = "seed")]
    trace: bool,

    /// Leave a safety check out, see --list-checks
    #[arg(long, value_name = "CHECK")]
    without: Option<String>,

    /// Threads [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,

    /// Stop after so many seeds that failed
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    failures: u64,

    /// List the safety checks that can be left out
    #[arg(long, conflicts_with_all = ["seed", "seeds", "without"])]
    list_checks: bool,
}

impl Args {
    /// The option that chooses the world.
    fn world(&self) -> &'static str {
        match (self.memory, self.rack) {
            (true, _) => " --memory",
            (_, true) => " --rack",
            _ => "",
        }
    }
}

/// Runs the command; returns the exit status.
pub(crate) fn run(args: &Args) -> Result<u8> {
    let mut out = std::io::stdout().lock();
    if args.list_checks {
        for name in World::check_names(args) {
            writeln!(out, "{name}").context("cannot write to standard output")?;
        }
        return Ok(OK);
    }
    let world = World::new(args)?;
    let (text, has_held) = match args.seed {
        Some(seed) => one(seed, args, &world),
        None => many(args, &world)?,
    };
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("cannot write to standard output")?;
    Ok(if has_held { OK } else { FAILED })
}

/// Runs one seed; returns what to print, and whether everything held.
fn one(seed: u64, args: &Args, world: &World) -> (String, bool) {
    let report = world.run(seed);
    let mut text = String::new();
    if args.trace {
        report.trace.iter().for_each(|line| text.extend([line.as_str(), "\n"]));
    }
    text += &format!("seed {seed}: {}\n{}\n{}", report.plan, report.passed, report.violations);
    if report.is_ok() {
        text += "everything held\n";
    }
    (text, report.is_ok())
}

/// Runs many seeds; returns what to print, and whether everything held.
fn many(args: &Args, world: &World) -> Result<(String, bool)> {
    let end = args.from.checked_add(args.seeds).ok_or_else(|| usage("seeds end at 2^64 - 1"))?;
    let processors = || std::thread::available_parallelism().map_or(1, usize::from);
    let threads = args.threads.map_or_else(processors, usize::from);
    let start = clock::now();
    let mut progress = Progress { seeds: args.seeds, done: 0, failed: 0, start, told: start };
    let mut summary = Summary::default();
    sim::each(
        args.from..end,
        threads,
        |seed| world.run(seed),
        |report| {
            progress.hear(&report);
            summary.hear(report);
            progress.failed < args.failures
        },
    );
    summary.failed.sort_by_key(|report| report.seed);
    Ok(summarize(args, &summary, clock::now() - start))
}

/// What many runs did.
#[derive(Default)]
struct Summary {
    seeds: u64,
    calls: u64,
    packets: u64,
    failed: Vec<Report>,
}

impl Summary {
    fn hear(&mut self, report: Report) {
        self.seeds += 1;
        self.calls += report.calls;
        self.packets += report.packets;
        if !report.is_ok() {
            self.failed.push(report);
        }
    }
}

fn summarize(args: &Args, summary: &Summary, took: Duration) -> (String, bool) {
    let mut text = String::new();
    for report in &summary.failed {
        text += &format!("seed {} failed: {}\n{}", report.seed, report.plan, report.violations);
        let world = args.world();
        let without = args.without.as_ref().map_or(String::new(), |check| format!(" --without {check}"));
        text += &format!("  replay: bifrost sim{world} --seed {} --trace{without}\n", report.seed);
    }
    let (seeds, calls, packets) = (summary.seeds, summary.calls, summary.packets);
    let rate = rate(seeds, took);
    let calls_are = if args.memory { "operations" } else { "calls" };
    let secs = took.as_secs_f64();
    text += &format!("{seeds} seeds, {calls} {calls_are}, {packets} packets in {secs:.1} s: {rate:.0} seeds/s\n");
    text += &match summary.failed.len() {
        0 => "everything held\n".to_owned(),
        failed => format!("{failed} of {seeds} seeds failed\n"),
    };
    (text, summary.failed.is_empty())
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn rate(seeds: u64, took: Duration) -> f64 {
    seeds as f64 / took.as_secs_f64().max(1e-9)
}

/// Tells people on standard error how far it is.
#[derive(Debug)]
struct Progress {
    seeds: u64,
    done: u64,
    failed: u64,
    start: Instant,
    told: Instant,
}

impl Progress {
    fn hear(&mut self, report: &Report) {
        self.done += 1;
        self.failed += u64::from(!report.is_ok());
        let now = clock::now();
        if now - self.told < PROGRESS_EVERY {
            return;
        }
        self.told = now;
        let rate = rate(self.done, now - self.start);
        eprintln!("{} of {} seeds, {} failed, {rate:.0} seeds/s", self.done, self.seeds, self.failed);
    }
}
