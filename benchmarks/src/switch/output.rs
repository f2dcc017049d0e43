//! Puts the figures out: to standard output, and into the files asked for.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::plan::Plan;
use super::report::{self, Line};
use super::runner::Row;
use crate::cli::Args;
use crate::{machine, output};

/// Where the figures go.
#[derive(Debug)]
pub(super) struct Output {
    args: Args,
    pin: &'static str,
    saved: Option<PathBuf>,
    raw: Vec<BufWriter<File>>,
    lines: Vec<Line>,
}

impl Output {
    /// Creates the directories first, so that a run does not end with nothing to write to.
    pub(super) fn open(args: &Args, plan: &Plan) -> Result<Self> {
        let saved = args.save.as_deref().map(output::create_dated).transpose()?;
        if let Some(directory) = &args.csv {
            output::create(directory)?;
        }
        let directories = args.csv.iter().chain(&saved);
        let raw = directories.map(|path| output::create_raw(path, report::RAW_HEADING)).collect::<Result<_>>()?;
        Ok(Self { args: args.clone(), pin: plan.placement.name, saved, raw, lines: Vec::new() })
    }

    /// Puts out the rows of one case.
    pub(super) fn take(&mut self, rows: &[Row]) -> Result<()> {
        for raw in &mut self.raw {
            raw.write_all(report::raw(rows).as_bytes()).context("cannot write raw.csv")?;
        }
        let lines = report::lines(rows);
        if self.args.json {
            let objects: String = lines.iter().map(|line| report::object(line, self.pin) + "\n").collect();
            output::print(&objects)?;
        } else {
            output::print(&(report::text(&lines) + "\n"))?;
        }
        self.lines.extend(lines);
        Ok(())
    }

    /// Puts out what needs the whole run.
    pub(super) fn finish(mut self, plan: &Plan) -> Result<()> {
        for raw in &mut self.raw {
            raw.flush().context("cannot write raw.csv")?;
        }
        if let Some(directory) = &self.args.csv {
            output::write(&directory.join("summary.csv"), &report::summary(&self.lines))?;
        }
        if let Some(directory) = &self.saved {
            let summary = format!("# Summary\n\n## switch\n\n{}", report::markdown(&self.lines));
            output::write(&directory.join("summary.md"), &summary)?;
            output::write(&directory.join("MACHINE.md"), &notes(plan))?;
        }
        Ok(())
    }
}

fn notes(plan: &Plan) -> String {
    let placement = match plan.placement.cores {
        Some((core, _)) => format!("{}: processor {core}", plan.placement.name),
        None => plan.placement.name.to_owned(),
    };
    machine::local_notes([
        ("placement", placement),
        ("rounds", plan.rounds.to_string()),
        ("samples of one variant in one round, at most", plan.iterations.to_string()),
        ("time of one variant in one round", format!("{} ms", plan.budget.as_millis())),
    ])
}
