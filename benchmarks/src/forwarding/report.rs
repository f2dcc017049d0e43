//! The figures as a table, as JSON and as plots.

use std::fmt::Write;

use super::probe::Protocol;
use super::runner::Row;
use super::way::DIRECT;
use crate::plan::size_text;
use crate::report::plot::{self, Series};
use crate::stats::Summary;

/// What is quoted of a row.
#[derive(Debug, Clone)]
pub(super) struct Line {
    protocol: Protocol,
    bytes: usize,
    way: &'static str,
    /// Microseconds.
    summary: Summary,
    /// How many times longer than directly.
    ratio_direct: Option<f64>,
}

pub(super) fn lines(rows: &[Row]) -> Vec<Line> {
    let of = |row: &Row| Summary::of(row.samples.iter().map(|ns| ns / 1e3));
    let line = |row: &Row| {
        let is_direct = |other: &&Row| (other.protocol, other.bytes, other.way) == (row.protocol, row.bytes, DIRECT);
        let (summary, direct) = (of(row)?, rows.iter().find(is_direct).and_then(of));
        let ratio_direct = direct.map(|direct| summary.median / direct.median);
        Some(Line { protocol: row.protocol, bytes: row.bytes, way: row.way, summary, ratio_direct })
    };
    rows.iter().filter_map(line).collect()
}

/// One JSON object. Names and numbers only, so nothing needs escaping.
pub(super) fn object(line: &Line, pin: &str) -> String {
    let Line { protocol, bytes, way, summary: s, ratio_direct } = line;
    let ratio = ratio_direct.map_or("null".to_owned(), |ratio| format!("{ratio:.3}"));
    format!(
        "{{\"bench\":\"{}\",\"case\":\"{}\",\"variant\":\"{way}\",\"size\":{bytes},\"pin\":\"{pin}\",\"samples\":{},\
         \"median_us\":{:.3},\"p90_us\":{:.3},\"p99_us\":{:.3},\"ratio_direct\":{ratio}}}",
        super::NAME,
        protocol.name(),
        s.count,
        s.median,
        s.p90,
        s.p99
    )
}

/// A Markdown table, which reads well as text, too.
pub(super) fn table(lines: &[Line]) -> String {
    let mut out = "| protocol | size | variant | median µs | p90 µs | × direct |\n|".to_owned();
    out.push_str(&" --- |".repeat(6));
    out.push('\n');
    for Line { protocol, bytes, way, summary, ratio_direct } in lines {
        let ratio = ratio_direct.map_or("-".to_owned(), |ratio| format!("{ratio:.2}"));
        let (name, size) = (protocol.name(), size_text(*bytes));
        // Writing to a string cannot fail.
        let _ = writeln!(out, "| {name} | {size} | {way} | {:.1} | {:.1} | {ratio} |", summary.median, summary.p90);
    }
    out
}

/// The drawing of one protocol; none if nothing was measured.
pub(super) fn plot(lines: &[Line], protocol: Protocol) -> Option<String> {
    let mut series: Vec<Series> = Vec::new();
    for line in lines.iter().filter(|line| line.protocol == protocol) {
        let point = (line.bytes, line.summary.median);
        match series.iter_mut().find(|(name, _)| *name == line.way) {
            Some((_, points)) => points.push(point),
            None => series.push((line.way, vec![point])),
        }
    }
    let title = format!("{}: median µs of a request and its answer over their size", protocol.name());
    (!series.is_empty()).then(|| plot::curves(&title, &series))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(bytes: usize, way: &'static str, ns: &[f64]) -> Row {
        Row { protocol: Protocol::Icmp, bytes, way, samples: ns.to_vec() }
    }

    #[test]
    fn ways_are_compared_with_the_direct_one_at_their_own_size() {
        let rows = [
            row(64, DIRECT, &[1e4]),
            row(64, "bridge", &[2e4, 3e4, 9e4]),
            row(512, DIRECT, &[3e4]),
            row(512, "bridge", &[3e4]),
        ];
        let lines = lines(&rows);
        assert_eq!(lines[1].ratio_direct, Some(3.0));
        assert_eq!(lines[3].ratio_direct, Some(1.0));
        assert!(object(&lines[1], "same").contains("\"size\":64,\"pin\":\"same\",\"samples\":3,\"median_us\":30.000"));
        assert_eq!(table(&lines).lines().count(), 6);
        let drawing = plot(&lines, Protocol::Icmp).unwrap();
        assert_eq!((drawing.matches("<polyline").count(), drawing.matches("<circle").count()), (2, 4));
        assert_eq!(plot(&lines, Protocol::Tcp), None);
    }
}
