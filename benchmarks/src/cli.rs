//! The options of `bifrost bench`, and what it puts out.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::builder::TypedValueParser;

use crate::plan::{self, Placement, Plan};
use crate::report::{self, Line, csv, json, plot, table};
use crate::runner::{self, Row};
use crate::{clock, machine, server};

const OUTSTANDING_MAX: i64 = 1024;

/// Measure calls over raw sockets, Apache Thrift and Bifröst, side by side.
///
/// Each variant's server is a process of its own. Variants take turns in short bursts; figures are medians over all of them, and
/// ratios to raw UDP and raw TCP (above 1 is slower) are what to compare between machines.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:
  bifrost bench ping
  bifrost bench echo --sizes 64,9000,2M --variants raw-udp,raw-tcp,apache-tcp-framed
  bifrost bench rate --outstanding 64 --pin cross --json
  bifrost bench all --save benchmarks/runs --plot plots")]
pub struct Args {
    /// What to measure
    #[arg(value_name = "NAME", value_parser = ["ping", "echo", "increment", "increment-list", "add", "rate", "all"])]
    pub name: String,

    /// Bytes of an array, with K or M for 1024 and its square
    #[arg(long, value_delimiter = ',', default_value = plan::SIZES, value_name = "LIST", value_parser = plan::parse_size)]
    pub sizes: Vec<usize>,

    /// Variants to compare [default: all]
    #[arg(long, value_delimiter = ',', value_name = "LIST")]
    pub variants: Vec<String>,

    /// Turns that each variant gets
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub rounds: u32,

    /// Calls of one variant in one turn, at most
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub iterations: u32,

    /// Milliseconds of one variant in one turn, about; one call is always made
    #[arg(long, default_value_t = 20, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..=60_000))]
    pub burst_ms: u64,

    /// Calls outstanding at once, for `rate`
    #[arg(long, default_value_t = 16, value_name = "N", value_parser = outstanding())]
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

fn outstanding() -> impl TypedValueParser<Value = usize> {
    let range = clap::value_parser!(i64).range(1..=OUTSTANDING_MAX);
    range.map(|count| usize::try_from(count).unwrap_or(1))
}

impl Args {
    /// The checked plan.
    fn plan(&self) -> Result<Plan> {
        if let Some(key) = &self.key {
            File::open(key)
                .with_context(|| format!("cannot read the key file {}", key.display()))?;
        }
        let mut sizes = self.sizes.clone();
        sizes.sort_unstable();
        sizes.dedup();
        Ok(Plan {
            benches: plan::parse_benches(&self.name)?,
            sizes,
            variants: plan::parse_variants(&self.variants)?,
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

/// Measures as `args` say and prints the figures; in a server process, which gets the same command line, serves.
///
/// # Errors
/// When an option does not hold, nothing can be measured, a file cannot be written, or some variant failed; in the
/// last case after all figures have been put out.
pub fn run(args: Args) -> Result<()> {
    if server::server_main()? {
        return Ok(());
    }
    let plan = args.plan()?;
    let mut output = Output::open(&args, &plan)?;
    runner::run(&plan, &mut |rows| output.take(rows))?;
    output.finish(&plan)
}

/// Where the figures go.
#[derive(Debug)]
struct Output {
    args: Args,
    pin: &'static str,
    saved: Option<PathBuf>,
    raw: Vec<BufWriter<File>>,
    /// One list for each benchmark.
    benches: Vec<Vec<Line>>,
    failures: usize,
}

impl Output {
    /// Creates the directories first, so that a run does not end with nothing to write to.
    fn open(args: &Args, plan: &Plan) -> Result<Self> {
        let saved = args.save.as_deref().map(create_dated).transpose()?;
        for directory in args.csv.iter().chain(&args.plot) {
            create(directory)?;
        }
        let raw = args
            .csv
            .iter()
            .chain(&saved)
            .map(|directory| create_raw(directory))
            .collect::<Result<_>>()?;
        let (args, benches) = (args.clone(), Vec::new());
        Ok(Self {
            args,
            pin: plan.placement.name,
            saved,
            raw,
            benches,
            failures: 0,
        })
    }

    /// Puts out the rows of one workload.
    fn take(&mut self, rows: Vec<Row>) -> Result<()> {
        for row in &rows {
            if let Some(failure) = &row.failure {
                let size = plan::size_text(row.workload.size);
                self.failures += 1;
                writeln!(
                    std::io::stderr(),
                    "{} {} ({size}): {failure}",
                    row.variant,
                    row.workload.bench.name()
                )?;
            }
        }
        for raw in &mut self.raw {
            csv::write_raw(raw, &rows).context("cannot write raw.csv")?;
        }
        let lines = report::lines(&rows);
        if self.args.json {
            let objects: String = lines
                .iter()
                .map(|line| json::object(line, self.pin) + "\n")
                .collect();
            print(&objects)?;
        }
        match (self.benches.last_mut(), lines.first()) {
            (Some(bench), Some(line))
                if bench.first().map(|l| l.workload.bench) == Some(line.workload.bench) =>
            {
                bench.extend(lines);
            }
            (_, Some(_)) => {
                self.print_table()?;
                self.benches.push(lines);
            }
            (_, None) => {}
        }
        Ok(())
    }

    /// The last benchmark's table, once it is complete.
    fn print_table(&self) -> Result<()> {
        match self.benches.last() {
            Some(lines) if !self.args.json => print(&(table::text(lines) + "\n")),
            _ => Ok(()),
        }
    }

    fn finish(mut self, plan: &Plan) -> Result<()> {
        self.print_table()?;
        for raw in &mut self.raw {
            raw.flush().context("cannot write raw.csv")?;
        }
        if let Some(directory) = &self.args.csv {
            write(
                &directory.join("summary.csv"),
                &csv::summary(&self.benches.concat()),
            )?;
        }
        if let Some(directory) = &self.saved {
            let sections: Vec<String> = self
                .benches
                .iter()
                .map(|lines| table::markdown(lines))
                .collect();
            write(
                &directory.join("summary.md"),
                &format!("# Summary\n\n{}", sections.join("\n")),
            )?;
            write(&directory.join("MACHINE.md"), &machine::notes(plan))?;
        }
        for lines in &self.benches {
            if let (Some(directory), Some(line), Some(drawing)) =
                (&self.args.plot, lines.first(), plot::draw(lines))
            {
                write(
                    &directory.join(format!("{}.svg", line.workload.bench.name())),
                    &drawing,
                )?;
            }
        }
        match self.failures {
            0 => Ok(()),
            1 => bail!("one measurement failed; it is named above"),
            count => bail!("{count} measurements failed; they are named above"),
        }
    }
}

fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .context("cannot write to standard output")
}

fn create(directory: &Path) -> Result<()> {
    fs::create_dir_all(directory).with_context(|| format!("cannot create {}", directory.display()))
}

/// A new directory named by the day, with a number from the day's second run on: a run is never overwritten.
fn create_dated(parent: &Path) -> Result<PathBuf> {
    create(parent)?;
    let date = clock::date(clock::unix_seconds());
    let names =
        std::iter::once(date.clone()).chain((2..1000).map(|count| format!("{date}-{count}")));
    for directory in names.map(|name| parent.join(name)) {
        match fs::create_dir(&directory) {
            Ok(()) => return Ok(directory),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(error)
                    .with_context(|| format!("cannot create {}", directory.display()));
            }
        }
    }
    bail!("{} has too many runs of {date}", parent.display())
}

fn create_raw(directory: &Path) -> Result<BufWriter<File>> {
    let path = directory.join("raw.csv");
    let mut raw = BufWriter::new(
        File::create(&path).with_context(|| format!("cannot create {}", path.display()))?,
    );
    writeln!(raw, "{}", csv::RAW_HEADING)?;
    Ok(raw)
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
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
        Command::try_parse_from(std::iter::once("bench").chain(line.split_whitespace()))
            .map(|command| command.args)
    }

    #[test]
    fn defaults_make_a_plan() {
        let plan = parse("all").unwrap().plan().unwrap();
        assert_eq!(
            (plan.benches.len(), plan.outstanding, plan.placement.name),
            (6, 16, "same")
        );
        assert!(
            [1, 512, 9000, 131_072, 2 << 20]
                .iter()
                .all(|size| plan.sizes.contains(size))
        );
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
            ("ping --rounds 0", "--rounds"),
            ("ping --pin there", "cross"),
            ("ping --address nowhere", "--address"),
        ] {
            let error = parse(line).unwrap_err().to_string();
            assert!(error.contains(complaint), "{line}: {error}");
        }
        assert!(
            parse("ping --variants udp")
                .unwrap()
                .plan()
                .unwrap_err()
                .to_string()
                .contains("raw-udp")
        );
        assert!(
            parse("ping --key /nowhere")
                .unwrap()
                .plan()
                .unwrap_err()
                .to_string()
                .contains("/nowhere")
        );
    }

    #[test]
    fn runs_of_one_day_stand_side_by_side() {
        let parent = tempfile::tempdir().unwrap();
        let first = create_dated(parent.path()).unwrap();
        let second = create_dated(parent.path()).unwrap();
        assert_eq!(
            format!("{}-2", first.display()),
            second.display().to_string()
        );
    }
}
