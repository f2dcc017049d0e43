//! Puts the figures out: to standard output, and into the files asked for.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::cli::Args;
use crate::plan::{self, Plan};
use crate::report::{self, Line, csv, json, plot, table};
use crate::runner::Row;
use crate::{clock, machine};

/// Where the figures go.
#[derive(Debug)]
pub(crate) struct Output {
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
    pub(crate) fn open(args: &Args, plan: &Plan) -> Result<Self> {
        let saved = args.save.as_deref().map(create_dated).transpose()?;
        for directory in args.csv.iter().chain(&args.plot) {
            create(directory)?;
        }
        let raw = args
            .csv
            .iter()
            .chain(&saved)
            .map(|directory| create_raw(directory, csv::RAW_HEADING))
            .collect::<Result<_>>()?;
        let (args, benches) = (args.clone(), Vec::new());
        Ok(Self { args, pin: plan.placement.name, saved, raw, benches, failures: 0 })
    }

    /// Puts out the rows of one workload.
    pub(crate) fn take(&mut self, rows: Vec<Row>) -> Result<()> {
        for row in &rows {
            if let Some(failure) = &row.failure {
                let size = plan::size_text(row.workload.size);
                self.failures += 1;
                writeln!(std::io::stderr(), "{} {} ({size}): {failure}", row.variant, row.workload.bench.name())?;
            }
        }
        for raw in &mut self.raw {
            csv::write_raw(raw, &rows).context("cannot write raw.csv")?;
        }
        let lines = report::lines(&rows);
        if self.args.json {
            let objects: String = lines.iter().map(|line| json::object(line, self.pin) + "\n").collect();
            print(&objects)?;
        }
        match (self.benches.last_mut(), lines.first()) {
            (Some(bench), Some(line)) if bench.first().map(|l| l.workload.bench) == Some(line.workload.bench) => {
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

    /// Puts out what needs the whole run.
    ///
    /// # Errors
    /// When a file cannot be written, or some measurement failed.
    pub(crate) fn finish(mut self, plan: &Plan) -> Result<()> {
        self.print_table()?;
        for raw in &mut self.raw {
            raw.flush().context("cannot write raw.csv")?;
        }
        if let Some(directory) = &self.args.csv {
            write(&directory.join("summary.csv"), &csv::summary(&self.benches.concat()))?;
        }
        if let Some(directory) = &self.saved {
            let sections: Vec<String> = self.benches.iter().map(|lines| table::markdown(lines)).collect();
            write(&directory.join("summary.md"), &format!("# Summary\n\n{}", sections.join("\n")))?;
            write(&directory.join("MACHINE.md"), &machine::notes(plan))?;
        }
        for lines in &self.benches {
            if let (Some(directory), Some(line), Some(drawing)) = (&self.args.plot, lines.first(), plot::draw(lines)) {
                write(&directory.join(format!("{}.svg", line.workload.bench.name())), &drawing)?;
            }
        }
        match self.failures {
            0 => Ok(()),
            1 => bail!("one measurement failed; it is named above"),
            count => bail!("{count} measurements failed; they are named above"),
        }
    }
}

pub(crate) fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("cannot write to standard output")
}

pub(crate) fn create(directory: &Path) -> Result<()> {
    fs::create_dir_all(directory).with_context(|| format!("cannot create {}", directory.display()))
}

/// A new directory named by the day, with a number from the day's second run on: a run is never overwritten.
pub(crate) fn create_dated(parent: &Path) -> Result<PathBuf> {
    create(parent)?;
    let date = clock::date(clock::unix_seconds());
    let names = std::iter::once(date.clone()).chain((2..1000).map(|count| format!("{date}-{count}")));
    for directory in names.map(|name| parent.join(name)) {
        match fs::create_dir(&directory) {
            Ok(()) => return Ok(directory),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot create {}", directory.display()));
            }
        }
    }
    bail!("{} has too many runs of {date}", parent.display())
}

pub(crate) fn create_raw(directory: &Path, heading: &str) -> Result<BufWriter<File>> {
    let path = directory.join("raw.csv");
    let mut raw = BufWriter::new(File::create(&path).with_context(|| format!("cannot create {}", path.display()))?);
    writeln!(raw, "{heading}")?;
    Ok(raw)
}

pub(crate) fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::create_dated;

    #[test]
    fn runs_of_one_day_stand_side_by_side() {
        let parent = tempfile::tempdir().unwrap();
        let first = create_dated(parent.path()).unwrap();
        let second = create_dated(parent.path()).unwrap();
        assert_eq!(format!("{}-2", first.display()), second.display().to_string());
    }
}
