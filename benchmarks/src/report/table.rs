//! Aligned columns for people, and the same as Markdown.

use super::{Line, RATIOS};
use crate::plan::size_text;
use crate::rows;
use crate::workload::Bench;

/// The lines of one benchmark as text: a heading, the columns, a blank line after each size.
pub(crate) fn text(lines: &[Line]) -> String {
    let Some(first) = lines.first() else {
        return String::new();
    };
    let table = cells(lines);
    let widths: Vec<usize> = (0..table[0].len())
        .map(|column| table.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
        .collect();
    let mut out = format!("{}\n", first.workload.bench.name());
    for (index, row) in table.iter().enumerate() {
        if index > 1 && lines[index - 1].workload != lines[index - 2].workload {
            out.push('\n');
        }
        let aligned: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| align(cell, *width)).collect();
        out.push_str(&format!("  {}", aligned.join("  ")).replace(['\n'], " "));
        out.truncate(out.trim_end().len());
        out.push('\n');
    }
    out
}

/// The lines of one benchmark as a Markdown section.
pub(crate) fn markdown(lines: &[Line]) -> String {
    let Some(first) = lines.first() else {
        return String::new();
    };
    format!("## {}\n\n{}", first.workload.bench.name(), rows::markdown(&cells(lines)))
}

/// The heading and one row for each line.
fn cells(lines: &[Line]) -> Vec<Vec<String>> {
    let Some(first) = lines.first() else {
        return Vec::new();
    };
    let mut table = vec![first.headings().map(str::to_owned).collect::<Vec<_>>()];
    table.extend(lines.iter().map(Line::cells));
    // The columns of raw sockets stay; those of other comparisons only where there are any.
    let keys = table[0].len();
    let kept: Vec<usize> =
        (0..RATIOS.len()).filter(|&i| i < 2 || lines.iter().any(|line| line.ratios[i].is_some())).collect();
    table[0].extend(kept.iter().map(|&i| RATIOS[i].1.to_owned()));
    for (row, line) in table[1..].iter_mut().zip(lines) {
        debug_assert_eq!(row.len(), keys, "a row has as many cells as headings");
        row.extend(kept.iter().map(|&i| line.ratios[i].map_or("-".to_owned(), |ratio| format!("{ratio:.2}"))));
    }
    table
}

impl Line {
    fn headings(&self) -> impl Iterator<Item = &'static str> {
        let keys: &[&str] = match self.workload.bench {
            Bench::Rate => &["outstanding"],
            Bench::MemoryRate => &["size", "servers"],
            Bench::Chain => &["size", "services"],
            _ => &["size"],
        };
        let figures: &[&str] = match self.workload.bench {
            Bench::Rate => &["median /s", "p90 /s", "mean /s", "stddev /s"],
            Bench::MemoryRate => &["median /s", "p90 /s", "mean /s", "stddev /s", "Gbit/s"],
            _ => &["median µs", "p90 µs", "p99 µs", "mean µs", "stddev µs"],
        };
        keys.iter().chain(&["variant"]).chain(figures).copied()
    }

    fn cells(&self) -> Vec<String> {
        let (s, workload) = (&self.summary, &self.workload);
        let mut cells = match workload.bench {
            Bench::Rate => vec![workload.outstanding.to_string()],
            bench if bench.has_servers() => vec![size_text(workload.size), workload.servers.to_string()],
            _ => vec![size_text(workload.size)],
        };
        cells.push(self.variant.to_owned());
        if self.is_rate() {
            cells.extend([s.median, s.p90, s.mean, s.stddev].map(|value| format!("{value:.0}")));
        } else {
            cells.extend([s.median, s.p90, s.p99, s.mean, s.stddev].map(|value| format!("{value:.2}")));
        }
        cells.extend(self.gbit_per_second().map(|rate| format!("{rate:.2}")));
        cells
    }
}

/// Figures to the right, names to the left.
fn align(cell: &str, width: usize) -> String {
    if cell.starts_with(|first: char| first.is_ascii_lowercase()) && !cell.contains('µ') && !cell.ends_with("/s") {
        format!("{cell:<width$}")
    } else {
        format!("{cell:>width$}")
    }
}

#[cfg(test)]
mod tests {
    use super::super::{lines, samples::row};
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut all = lines(&[row(Bench::Echo, 1, "raw-udp", &[9500.0]), row(Bench::Echo, 1, "raw-tcp", &[123_456.0])]);
        all.extend(lines(&[row(Bench::Echo, 2048, "raw-udp", &[1e6])]));
        let text = text(&all);
        let rows: Vec<&str> = text.lines().collect();
        assert_eq!(rows[0], "echo");
        let end = |row: &str, of: &str| row.find(of).map(|at| row[..at + of.len()].chars().count());
        assert_eq!(end(rows[1], "median µs"), end(rows[2], "9.50"));
        assert_eq!(end(rows[2], "9.50"), end(rows[3], "123.46"));
        assert_eq!(rows[4], "", "{text}");
        assert!(rows[5].contains("2 KiB"), "{text}");
    }

    #[test]
    fn markdown_has_a_row_for_each_line() {
        let lines = lines(&[row(Bench::Rate, 0, "raw-udp", &[1e5])]);
        let text = markdown(&lines);
        assert!(text.contains("| 16 | raw-udp | 100000 |"), "{text}");
        assert_eq!(text.lines().count(), 5);
    }

    #[test]
    fn nothing_is_nothing() {
        assert_eq!(text(&[]) + &markdown(&[]), "");
    }
}
