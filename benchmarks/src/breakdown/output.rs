//! Puts the figures out: to standard output, and into the files asked for.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::report::{self, Line};
use super::runner::{self, Row};
use super::{NAME, plot};
use crate::cli::Args;
use crate::plan::Plan;
use crate::{machine, output};

/// Where the figures go.
#[derive(Debug)]
pub(super) struct Output {
    args: Args,
    pin: &'static str,
    reading_ns: f64,
    saved: Option<PathBuf>,
    raw: Option<BufWriter<File>>,
    lines: Vec<Line>,
}

impl Output {
    /// Creates the directories first, so that a run does not end with nothing to write to.
    pub(super) fn open(args: &Args, plan: &Plan) -> Result<Self> {
        let saved = args.save.as_deref().map(output::create_dated).transpose()?;
        if let Some(directory) = &args.plot {
            output::create(directory)?;
        }
        let raw = saved.as_deref().map(|path| output::create_raw(path, &report::raw_heading())).transpose()?;
        let reading_ns = runner::reading_ns();
        Ok(Self { args: args.clone(), pin: plan.placement.name, reading_ns, saved, raw, lines: Vec::new() })
    }

    /// Puts out the rows of one size.
    pub(super) fn take(&mut self, rows: &[Row]) -> Result<()> {
        if let Some(raw) = &mut self.raw {
            raw.write_all(report::raw(rows).as_bytes()).context("cannot write raw.csv")?;
        }
        let lines: Vec<Line> = rows.iter().map(Line::of).collect();
        if self.args.json {
            let objects: String = lines.iter().map(|line| line.object(self.pin) + "\n").collect();
            output::print(&objects)?;
        } else {
            output::print(&(report::table(&lines, self.reading_ns) + "\n"))?;
        }
        self.lines.extend(lines);
        Ok(())
    }

    /// Puts out what needs the whole run.
    pub(super) fn finish(mut self, plan: &Plan) -> Result<()> {
        if let Some(raw) = &mut self.raw {
            raw.flush().context("cannot write raw.csv")?;
        }
        if let Some(directory) = &self.saved {
            let table = report::table(&self.lines, self.reading_ns);
            output::write(&directory.join("summary.md"), &format!("# Summary\n\n{table}"))?;
            output::write(&directory.join("MACHINE.md"), &machine::notes(plan))?;
        }
        for directory in self.saved.iter().chain(&self.args.plot) {
            if let Some(drawing) = plot::draw(&self.lines) {
                output::write(&directory.join(format!("{NAME}.svg")), &drawing)?;
            }
        }
        Ok(())
    }
}
