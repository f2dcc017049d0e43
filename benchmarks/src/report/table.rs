//! Aligned columns for people, and the same as Markdown.

use super::Line;
use crate::plan::size_text;

const TIME_COLUMNS: [&str; 9] =
    ["size", "variant", "median µs", "p90 µs", "p99 µs", "mean µs", "stddev µs", "× raw UDP", "× raw TCP"];
const RATE_COLUMNS: [&str; 8] =
    ["outstanding", "variant", "median /s", "p90 /s", "mean /s", "stddev /s", "× raw UDP", "× raw TCP"];

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
    let table = cells(lines);
    let mut out = format!("## {}\n\n", first.workload.bench.name());
    for (index, row) in table.iter().enumerate() {
        out.push_str(&format!("| {} |\n", row.join(" | ")));
        if index == 0 {
            out.push_str(&format!("|{}\n", " --- |".repeat(row.len())));
        }
    }
    out
}

/// The heading and one row for each line.
fn cells(lines: &[Line]) -> Vec<Vec<String>> {
    let is_rate = lines.first().is_some_and(Line::is_rate);
    let heading: &[&str] = if is_rate { &RATE_COLUMNS } else { &TIME_COLUMNS };
    let mut table = vec![heading.iter().map(|&name| name.to_owned()).collect::<Vec<_>>()];
    for line in lines {
        let s = &line.summary;
        let (key, values) = if is_rate {
            (line.workload.outstanding.to_string(), vec![s.median, s.p90, s.mean, s.stddev])
        } else {
            (size_text(line.workload.size), vec![s.median, s.p90, s.p99, s.mean, s.stddev])
        };
        let mut row = vec![key, line.variant.to_owned()];
        row.extend(values.into_iter().map(|value| if is_rate { format!("{value:.0}") } else { format!("{value:.2}") }));
        row.extend(
            [line.ratio_raw_udp, line.ratio_raw_tcp].map(|ratio| ratio.map_or("-".to_owned(), |x| format!("{x:.2}"))),
        );
        table.push(row);
    }
    table
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
    use crate::workload::Bench;

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
