//! Puts out the figures of a benchmark whose rows are told row by row: to standard output, and into the files asked for.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::cli::Args;
use crate::output;

/// How a benchmark's rows are told.
pub(crate) trait Report {
    type Row;
    type Line;
    const NAME: &'static str;
    const RAW_HEADING: &'static str;

    /// Medians and what else is said of rows.
    fn lines(rows: &[Self::Row]) -> Vec<Self::Line>;
    /// As a JSON object.
    fn object(line: &Self::Line, pin: &str) -> String;
    /// As a table for people.
    fn text(lines: &[Self::Line]) -> String;
    /// As a Markdown table.
    fn markdown(lines: &[Self::Line]) -> String;
    /// Each sample as CSV.
    fn raw(rows: &[Self::Row]) -> String;
    /// Each line as CSV.
    fn summary(lines: &[Self::Line]) -> String;
}

/// Where the figures go.
pub(crate) struct Output<R: Report> {
    args: Args,
    pin: &'static str,
    saved: Option<PathBuf>,
    raw: Vec<BufWriter<File>>,
    lines: Vec<R::Line>,
}

impl<R: Report> Output<R> {
    /// Creates the directories first, so that a run does not end with nothing to write to.
    pub(crate) fn open(args: &Args, pin: &'static str) -> Result<Self> {
        let saved = args.save.as_deref().map(output::create_dated).transpose()?;
        if let Some(directory) = &args.csv {
            output::create(directory)?;
        }
        let directories = args.csv.iter().chain(&saved);
        let raw = directories.map(|path| output::create_raw(path, R::RAW_HEADING)).collect::<Result<_>>()?;
        Ok(Self { args: args.clone(), pin, saved, raw, lines: Vec::new() })
    }

    /// Puts out the rows of one case and operation.
    pub(crate) fn take(&mut self, rows: &[R::Row]) -> Result<()> {
        for raw in &mut self.raw {
            raw.write_all(R::raw(rows).as_bytes()).context("cannot write raw.csv")?;
        }
        let lines = R::lines(rows);
        if self.args.json {
            let objects: String = lines.iter().map(|line| R::object(line, self.pin) + "\n").collect();
            output::print(&objects)?;
        } else {
            output::print(&(R::text(&lines) + "\n"))?;
        }
        self.lines.extend(lines);
        Ok(())
    }

    /// Puts out what needs the whole run.
    pub(crate) fn finish(mut self, notes: &str) -> Result<()> {
        for raw in &mut self.raw {
            raw.flush().context("cannot write raw.csv")?;
        }
        if let Some(directory) = &self.args.csv {
            output::write(&directory.join("summary.csv"), &R::summary(&self.lines))?;
        }
        if let Some(directory) = &self.saved {
            let summary = format!("# Summary\n\n## {}\n\n{}", R::NAME, R::markdown(&self.lines));
            output::write(&directory.join("summary.md"), &summary)?;
            output::write(&directory.join("MACHINE.md"), notes)?;
        }
        Ok(())
    }
}

/// A table, heading first, in aligned columns for people: so many of names, to the left, the others of figures.
pub(crate) fn aligned(table: &[Vec<String>], names: usize) -> String {
    let columns = table.first().map_or(0, Vec::len);
    let width = |column: usize| table.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut out = String::new();
    for row in table {
        let left = row.iter().zip(&widths).take(names).map(|(cell, width)| format!("{cell:<width$}"));
        let right = row.iter().zip(&widths).skip(names).map(|(cell, width)| format!("{cell:>width$}"));
        out.push_str(&format!("  {}\n", left.chain(right).collect::<Vec<_>>().join("  ")));
    }
    out
}

/// The same as Markdown.
pub(crate) fn markdown(table: &[Vec<String>]) -> String {
    let mut out = String::new();
    for (index, row) in table.iter().enumerate() {
        out.push_str(&format!("| {} |\n", row.join(" | ")));
        if index == 0 {
            out.push_str(&format!("|{}\n", " --- |".repeat(row.len())));
        }
    }
    out
}
