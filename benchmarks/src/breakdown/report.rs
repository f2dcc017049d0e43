//! Rows in the forms in which they are put out.

use std::fmt::Write;

use super::parts::{NAMES, Parts};
use super::runner::Row;
use crate::plan::size_text;
use crate::stats::Summary;

/// What is quoted of a row, in microseconds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    pub(super) size: usize,
    pub(super) variant: &'static str,
    pub(super) samples: usize,
    /// Means over the middle half of the calls, in order of their times: they add up, as medians do not.
    pub(super) parts: [f64; NAMES.len()],
    /// Median of a call.
    pub(super) median: f64,
    /// Median of a call that noted nothing.
    pub(super) plain: f64,
}

fn total(parts: &Parts) -> u64 {
    parts.iter().sum()
}

fn median_us(times: impl Iterator<Item = u64>) -> f64 {
    Summary::of(times.map(|ns| ns as f64 / 1e3)).map_or(f64::NAN, |summary| summary.median)
}

impl Line {
    /// Of a row with at least one call of each kind.
    pub(super) fn of(row: &Row) -> Self {
        let mut calls = row.calls.clone();
        calls.sort_by_key(total);
        let quarter = calls.len() / 4;
        let middle = &calls[quarter..calls.len() - quarter];
        let mut parts = [0.0; NAMES.len()];
        for (index, part) in parts.iter_mut().enumerate() {
            let sum: u64 = middle.iter().map(|call| call[index]).sum();
            *part = sum as f64 / middle.len().max(1) as f64 / 1e3;
        }
        Self {
            size: row.size,
            variant: row.variant,
            samples: calls.len(),
            parts,
            median: median_us(calls.iter().map(total)),
            plain: median_us(row.plain.iter().copied()),
        }
    }

    /// What the parts add up to.
    pub(super) fn total(&self) -> f64 {
        self.parts.iter().sum()
    }

    /// One JSON object.
    pub(super) fn object(&self, pin: &str) -> String {
        let Self { size, variant, samples, median, plain, .. } = self;
        let mut object =
            format!("{{\"bench\":\"breakdown\",\"variant\":\"{variant}\",\"size\":{size},\"pin\":\"{pin}\"");
        // Writing to a string cannot fail.
        let _ = write!(object, ",\"samples\":{samples},\"median_us\":{median:.3},\"median_plain_us\":{plain:.3}");
        let _ = write!(object, ",\"total_us\":{:.3}", self.total());
        for (name, part) in NAMES.iter().zip(self.parts) {
            let _ = write!(object, ",\"{}_us\":{part:.3}", name.replace(['-', ' '], "_"));
        }
        object + "}"
    }
}

/// A Markdown table, which reads well as text, too.
pub(super) fn table(lines: &[Line], reading_ns: f64) -> String {
    let heading =
        ["size", "variant"].into_iter().chain(NAMES).chain(["total µs", "median µs", "median without points µs"]);
    let heading: Vec<&str> = heading.collect();
    let mut out = format!("| {} |\n|{}\n", heading.join(" | "), " --- |".repeat(heading.len()));
    for line in lines {
        let figures = line.parts.iter().copied().chain([line.total(), line.median, line.plain]);
        let figures: Vec<String> = figures.map(|figure| format!("{figure:.2}")).collect();
        let _ = writeln!(out, "| {} | {} | {} |", size_text(line.size), line.variant, figures.join(" | "));
    }
    let _ = writeln!(
        out,
        "\nParts are means over the middle half of the calls. Reading the clock takes {reading_ns:.0} ns, eight times in a call."
    );
    out
}

/// The heading of the raw file.
pub(super) fn raw_heading() -> String {
    format!("variant,size,{}", NAMES.map(|name| name.replace(' ', "-")).join(","))
}

/// Each call's parts in nanoseconds.
pub(super) fn raw(rows: &[Row]) -> String {
    let mut out = String::new();
    for row in rows {
        for call in &row.calls {
            let parts: Vec<String> = call.iter().map(u64::to_string).collect();
            let _ = writeln!(out, "{},{},{}", row.variant, row.size, parts.join(","));
        }
    }
    out
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn line(variant: &'static str, scale: u64) -> Line {
        let calls = (1..=8).map(|i| [0, 1, 2, 3, 4, 5].map(|part| part * i * scale * 1000)).collect();
        Line::of(&Row { size: 16_384, variant, calls, plain: vec![60_000, 66_000, 70_000] })
    }

    #[test]
    fn parts_add_up_over_the_middle_half() {
        let line = line("bifrost-udp", 1);
        assert_eq!(line.parts, [0.0, 4.5, 9.0, 13.5, 18.0, 22.5]);
        assert_eq!((line.total(), line.median, line.plain, line.samples), (67.5, 67.5, 66.0, 8));
    }

    #[test]
    fn every_form_names_every_part() {
        let line = line("bifrost-udp", 1);
        let object = line.object("same");
        assert!(object.contains("\"server_computation_us\":18.000") && object.ends_with('}'), "{object}");
        let table = table(&[line], 30.4);
        assert!(table.contains("| 16 KiB | bifrost-udp | 0.00 | 4.50 |") && table.contains(" 30 ns"), "{table}");
        assert_eq!(raw_heading().split(',').count(), 2 + NAMES.len());
    }
}
