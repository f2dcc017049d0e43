//! The figures of a case, as text, JSON and comma-separated values.

use super::plan::{BMV2, Case, RELAY};
use super::runner::Row;
use crate::rows::Report;
use crate::stats::Summary;

/// The heading of the raw file.
pub(super) const RAW_HEADING: &str = "bench,case,variant,round,unit,value";
const SUMMARY_HEADING: &str = "bench,case,variant,unit,samples,median,p90,p99,mean,stddev,ratio_relay,ratio_bmv2";
const COLUMNS: [&str; 8] = ["case", "variant", "unit", "median", "p90", "stddev", "÷ relay", "÷ BMv2"];

/// What is quoted of a row.
#[derive(Debug, Clone)]
pub(super) struct Line {
    case: Case,
    variant: &'static str,
    /// Nanoseconds, or so many a second.
    summary: Summary,
    /// This median by the other's, whatever it is of: of times less is better, of rates more.
    ratio_relay: Option<f64>,
    ratio_bmv2: Option<f64>,
}

fn unit(case: Case) -> &'static str {
    if case.is_rate() { "per_second" } else { "ns" }
}

/// The rows as tables and lists.
pub(super) struct Table;

impl Report for Table {
    type Row = Row;
    type Line = Line;
    const NAME: &'static str = "switch";
    const RAW_HEADING: &'static str = RAW_HEADING;

    fn lines(rows: &[Row]) -> Vec<Line> {
        lines(rows)
    }

    fn object(line: &Line, pin: &str) -> String {
        object(line, pin)
    }

    fn text(lines: &[Line]) -> String {
        text(lines)
    }

    fn markdown(lines: &[Line]) -> String {
        markdown(lines)
    }

    fn raw(rows: &[Row]) -> String {
        raw(rows)
    }

    fn summary(lines: &[Line]) -> String {
        summary(lines)
    }
}

/// The lines of one case.
pub(super) fn lines(rows: &[Row]) -> Vec<Line> {
    let summaries: Vec<(&Row, Summary)> =
        rows.iter().filter_map(|row| Some((row, Summary::of(row.samples.iter().map(|s| s.value))?))).collect();
    let median_of = |name: &str| summaries.iter().find(|(row, _)| row.variant == name).map(|(_, s)| s.median);
    let line = |&(row, summary): &(&Row, Summary)| {
        let ratio = |name: &str| median_of(name).map(|median| summary.median / median);
        Line { case: row.case, variant: row.variant, summary, ratio_relay: ratio(RELAY), ratio_bmv2: ratio(BMV2) }
    };
    summaries.iter().map(line).collect()
}

/// One JSON object. Names and numbers only, so nothing needs escaping.
pub(super) fn object(line: &Line, pin: &str) -> String {
    let s = &line.summary;
    let number = |value: f64| format!("{value:.3}");
    let ratio = |value: Option<f64>| value.map_or("null".to_owned(), number);
    let names = [("bench", super::NAME), ("case", line.case.name()), ("variant", line.variant), ("pin", pin)];
    let names = names.map(|(key, value)| format!("\"{key}\":\"{value}\""));
    let mut figures = vec![("samples", s.count.to_string())];
    if line.case.is_rate() {
        figures.push(("per_second", number(s.median)));
    } else {
        figures.extend([("median_ns", number(s.median)), ("p90_ns", number(s.p90)), ("p99_ns", number(s.p99))]);
        figures.extend([("mean_ns", number(s.mean)), ("stddev_ns", number(s.stddev))]);
    }
    figures.extend([("ratio_relay", ratio(line.ratio_relay)), ("ratio_bmv2", ratio(line.ratio_bmv2))]);
    let figures: Vec<String> = figures.into_iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
    format!("{{{},{}}}", names.join(","), figures.join(","))
}

/// Aligned columns for people: the heading and a row for each line.
pub(super) fn text(lines: &[Line]) -> String {
    let table = cells(lines);
    let width = |column: usize| table.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..COLUMNS.len()).map(width).collect();
    let mut out = String::new();
    for row in &table {
        let names = row.iter().zip(&widths).take(3).map(|(cell, width)| format!("{cell:<width$}"));
        let figures = row.iter().zip(&widths).skip(3).map(|(cell, width)| format!("{cell:>width$}"));
        let aligned: Vec<String> = names.chain(figures).collect();
        out.push_str(&format!("  {}\n", aligned.join("  ")));
    }
    out
}

/// The same as a Markdown table.
pub(super) fn markdown(lines: &[Line]) -> String {
    let mut out = String::new();
    for (index, row) in cells(lines).iter().enumerate() {
        out.push_str(&format!("| {} |\n", row.join(" | ")));
        if index == 0 {
            out.push_str(&format!("|{}\n", " --- |".repeat(row.len())));
        }
    }
    out
}

fn cells(lines: &[Line]) -> Vec<Vec<String>> {
    let mut table = vec![COLUMNS.map(str::to_owned).to_vec()];
    for line in lines {
        let s = &line.summary;
        let unit = if line.case.is_rate() { "a second" } else { "ns" };
        let mut row = [line.case.name(), line.variant, unit].map(str::to_owned).to_vec();
        row.extend([s.median, s.p90, s.stddev].map(|value| format!("{value:.0}")));
        row.extend([line.ratio_relay, line.ratio_bmv2].map(|x| x.map_or("-".to_owned(), |x| format!("{x:.2}"))));
        table.push(row);
    }
    table
}

/// Each sample of `rows`, one a line.
pub(super) fn raw(rows: &[Row]) -> String {
    let mut out = String::new();
    for row in rows {
        let key = format!("{},{},{}", super::NAME, row.case.name(), row.variant);
        for sample in &row.samples {
            out.push_str(&format!("{key},{},{},{:.3}\n", sample.round, unit(row.case), sample.value));
        }
    }
    out
}

/// The summary with its heading.
pub(super) fn summary(lines: &[Line]) -> String {
    let mut out = format!("{SUMMARY_HEADING}\n");
    let ratio = |ratio: Option<f64>| ratio.map_or(String::new(), |ratio| format!("{ratio:.4}"));
    for line in lines {
        let s = &line.summary;
        let names = format!("{},{},{},{}", super::NAME, line.case.name(), line.variant, unit(line.case));
        let figures = [s.median, s.p90, s.p99, s.mean, s.stddev].map(|value| format!("{value:.3}")).join(",");
        let ratios = format!("{},{}", ratio(line.ratio_relay), ratio(line.ratio_bmv2));
        out.push_str(&format!("{names},{},{figures},{ratios}\n", s.count));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::Sample;

    fn row(case: Case, variant: &'static str, values: &[f64]) -> Row {
        let samples = (0..).zip(values).map(|(round, &value)| Sample { round, value }).collect();
        Row { case, variant, samples }
    }

    #[test]
    fn ratios_are_this_by_the_other_for_times_and_rates_alike() {
        let lines = lines(&[
            row(Case::Rtt, RELAY, &[100.0, 200.0, 900.0]),
            row(Case::Rtt, "embedded", &[250.0]),
            row(Case::Rtt, BMV2, &[1000.0]),
        ]);
        assert_eq!((lines[1].ratio_relay, lines[1].ratio_bmv2), (Some(1.25), Some(0.25)));
    }

    #[test]
    fn an_object_has_what_is_needed_to_judge_it() {
        let times = object(&lines(&[row(Case::Rtt, RELAY, &[400.0])])[0], "same");
        assert_eq!(
            times,
            "{\"bench\":\"switch\",\"case\":\"rtt\",\"variant\":\"relay\",\"pin\":\"same\",\"samples\":1,\
             \"median_ns\":400.000,\"p90_ns\":400.000,\"p99_ns\":400.000,\"mean_ns\":400.000,\"stddev_ns\":0.000,\
             \"ratio_relay\":1.000,\"ratio_bmv2\":null}"
        );
        let rates = object(&lines(&[row(Case::Pps, BMV2, &[5e4])])[0], "same");
        assert!(rates.contains("\"per_second\":50000.000,\"ratio_relay\":null,\"ratio_bmv2\":1.000"), "{rates}");
    }

    #[test]
    fn every_record_has_every_field() {
        let rows = [row(Case::Cost, "entries-1000", &[1.0, 2.0])];
        let fields = |text: &str| text.lines().map(|line| line.split(',').count()).collect::<Vec<_>>();
        assert_eq!(fields(&format!("{RAW_HEADING}\n{}", raw(&rows))), [6, 6, 6]);
        assert_eq!(fields(&summary(&lines(&rows))), [12, 12]);
        assert_eq!(markdown(&lines(&rows)).lines().count(), 3);
    }
}
