//! The figures of a case, as text, JSON and comma-separated values.

use super::plan::Case;
use super::runner::Row;
use crate::rows::Report;
use crate::stats::Summary;

const RAW_HEADING: &str = "bench,case,variant,round,unit,value";
const SUMMARY_HEADING: &str = "bench,case,variant,unit,samples,median,p90,p99,mean,stddev,ratio";
const COLUMNS: [&str; 7] = ["case", "variant", "unit", "median", "p90", "stddev", "÷ first"];

/// What is quoted of a row.
#[derive(Debug, Clone)]
pub(super) struct Line {
    case: Case,
    variant: &'static str,
    summary: Summary,
    /// This median by that of the case's first variant.
    ratio: Option<f64>,
}

/// The rows as tables and lists.
pub(super) struct Table;

impl Report for Table {
    type Row = Row;
    type Line = Line;
    const NAME: &'static str = super::NAME;
    const RAW_HEADING: &'static str = RAW_HEADING;

    fn lines(rows: &[Row]) -> Vec<Line> {
        let summary = |row: &Row| Summary::of(row.samples.iter().map(|sample| sample.value));
        let median_of = |name: &str| rows.iter().find(|row| row.variant == name).and_then(summary).map(|s| s.median);
        let line = |row: &Row| {
            let summary = summary(row)?;
            let first = row.case.variants().first().and_then(|name| median_of(name));
            let ratio = first.map(|first| summary.median / first);
            Some(Line { case: row.case, variant: row.variant, summary, ratio })
        };
        rows.iter().filter_map(line).collect()
    }

    /// Names and numbers only, so nothing needs escaping.
    fn object(line: &Line, pin: &str) -> String {
        let (s, unit) = (&line.summary, line.case.unit());
        let names = [("bench", super::NAME), ("case", line.case.name()), ("variant", line.variant), ("pin", pin)];
        let names = names.into_iter().chain([("unit", unit)]).map(|(key, value)| format!("\"{key}\":\"{value}\""));
        let figures = [("median", s.median), ("p90", s.p90), ("p99", s.p99), ("mean", s.mean), ("stddev", s.stddev)];
        let figures = figures.map(|(key, value)| format!("\"{key}\":{value:.3}"));
        let ratio = line.ratio.map_or("null".to_owned(), |ratio| format!("{ratio:.3}"));
        let names: Vec<String> = names.collect();
        format!("{{{},\"samples\":{},{},\"ratio\":{ratio}}}", names.join(","), s.count, figures.join(","))
    }

    fn text(lines: &[Line]) -> String {
        let table = cells(lines);
        let width = |column: usize| table.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..COLUMNS.len()).map(width).collect();
        let mut out = String::new();
        for row in &table {
            let names = row.iter().zip(&widths).take(3).map(|(cell, width)| format!("{cell:<width$}"));
            let figures = row.iter().zip(&widths).skip(3).map(|(cell, width)| format!("{cell:>width$}"));
            out.push_str(&format!("  {}\n", names.chain(figures).collect::<Vec<_>>().join("  ")));
        }
        out
    }

    fn markdown(lines: &[Line]) -> String {
        let mut out = String::new();
        for (index, row) in cells(lines).iter().enumerate() {
            out.push_str(&format!("| {} |\n", row.join(" | ")));
            if index == 0 {
                out.push_str(&format!("|{}\n", " --- |".repeat(row.len())));
            }
        }
        out
    }

    fn raw(rows: &[Row]) -> String {
        let mut out = String::new();
        for row in rows {
            let (case, unit) = (row.case.name(), row.case.unit());
            for sample in &row.samples {
                let (round, value) = (sample.round, sample.value);
                out.push_str(&format!("{},{case},{},{round},{unit},{value:.3}\n", super::NAME, row.variant));
            }
        }
        out
    }

    fn summary(lines: &[Line]) -> String {
        let mut out = format!("{SUMMARY_HEADING}\n");
        for line in lines {
            let s = &line.summary;
            let names = [super::NAME, line.case.name(), line.variant, line.case.unit()].join(",");
            let figures = [s.median, s.p90, s.p99, s.mean, s.stddev].map(|value| format!("{value:.3}")).join(",");
            let ratio = line.ratio.map_or(String::new(), |ratio| format!("{ratio:.4}"));
            out.push_str(&format!("{names},{},{figures},{ratio}\n", s.count));
        }
        out
    }
}

fn cells(lines: &[Line]) -> Vec<Vec<String>> {
    let mut table = vec![COLUMNS.map(str::to_owned).to_vec()];
    for line in lines {
        let s = &line.summary;
        let mut row = [line.case.name(), line.variant, line.case.unit()].map(str::to_owned).to_vec();
        row.extend([s.median, s.p90, s.stddev].map(|value| format!("{value:.0}")));
        row.push(line.ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.2}")));
        table.push(row);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::super::plan::{RACK, RELAY};
    use super::*;
    use crate::runner::Sample;

    fn row(case: Case, variant: &'static str, values: &[f64]) -> Row {
        let samples = (0..).zip(values).map(|(round, &value)| Sample { round, value }).collect();
        Row { case, variant, samples }
    }

    #[test]
    fn ratios_are_to_the_first_variant() {
        let lines = Table::lines(&[row(Case::Rtt, RELAY, &[100.0, 200.0, 900.0]), row(Case::Rtt, RACK, &[250.0])]);
        assert_eq!((lines[0].ratio, lines[1].ratio), (Some(1.0), Some(1.25)));
        let alone = Table::lines(&[row(Case::Rtt, RACK, &[250.0])]);
        assert_eq!(alone[0].ratio, None, "what it is compared with was not measured");
    }

    #[test]
    fn an_object_has_what_is_needed_to_judge_it() {
        assert_eq!(
            Table::object(&Table::lines(&[row(Case::Rtt, RELAY, &[400.0])])[0], "same"),
            "{\"bench\":\"rack\",\"case\":\"rtt\",\"variant\":\"relay\",\"pin\":\"same\",\"unit\":\"ns\",\"samples\":1,\
             \"median\":400.000,\"p90\":400.000,\"p99\":400.000,\"mean\":400.000,\"stddev\":0.000,\"ratio\":1.000}"
        );
    }

    #[test]
    fn every_record_has_every_field() {
        let rows = [row(Case::Rtt, RELAY, &[1.0, 2.0])];
        let lines = Table::lines(&rows);
        let fields = |text: &str| text.lines().map(|line| line.split(',').count()).collect::<Vec<_>>();
        assert_eq!(fields(&format!("{RAW_HEADING}\n{}", Table::raw(&rows))), [6, 6, 6]);
        assert_eq!(fields(&Table::summary(&lines)), [11, 11]);
        assert_eq!(Table::markdown(&lines).lines().count(), 3);
    }
}
