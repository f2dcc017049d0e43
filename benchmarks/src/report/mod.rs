//! Rows with their statistics, and the forms in which they are put out.

pub(crate) mod csv;
pub(crate) mod json;
pub(crate) mod plot;
mod svg;
pub(crate) mod table;

use crate::runner::Row;
use crate::stats::Summary;
use crate::variants::{RAW_TCP, RAW_UDP};
use crate::workload::{Bench, Workload};

/// What is quoted of a row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Line {
    pub(crate) workload: Workload,
    pub(crate) variant: &'static str,
    /// Microseconds of a call, or calls per second.
    pub(crate) summary: Summary,
    /// How many times slower than the raw sockets, by medians; above 1 is slower, for rates too.
    pub(crate) ratio_raw_udp: Option<f64>,
    pub(crate) ratio_raw_tcp: Option<f64>,
}

impl Line {
    /// Whether the figures are calls per second.
    pub(crate) fn is_rate(&self) -> bool {
        self.workload.bench == Bench::Rate
    }
}

/// The lines of one workload's rows. A row without samples has none.
pub(crate) fn lines(rows: &[Row]) -> Vec<Line> {
    let summaries: Vec<(&Row, Summary)> =
        rows.iter().filter_map(|row| summary(row).map(|summary| (row, summary))).collect();
    let median_of =
        |name: &str| summaries.iter().find(|(row, _)| row.variant == name).map(|(_, summary)| summary.median);
    summaries
        .iter()
        .map(|&(row, summary)| {
            let is_rate = row.workload.bench == Bench::Rate;
            let ratio = |raw: f64| {
                if is_rate { raw / summary.median } else { summary.median / raw }
            };
            Line {
                workload: row.workload,
                variant: row.variant,
                summary,
                ratio_raw_udp: median_of(RAW_UDP).map(ratio),
                ratio_raw_tcp: median_of(RAW_TCP).map(ratio),
            }
        })
        .collect()
}

fn summary(row: &Row) -> Option<Summary> {
    let scale = if row.workload.bench == Bench::Rate { 1.0 } else { 1e-3 };
    Summary::of(row.samples.iter().map(|sample| sample.value * scale))
}

#[cfg(test)]
pub(crate) mod samples {
    use super::*;
    use crate::runner::Sample;

    /// A row whose samples are `values`, in rounds of their own.
    pub(crate) fn row(bench: Bench, size: usize, variant: &'static str, values: &[f64]) -> Row {
        let samples = (0..).zip(values).map(|(round, &value)| Sample { round, value }).collect();
        let outstanding = if bench == Bench::Rate { 16 } else { 1 };
        Row { workload: Workload { bench, size, outstanding }, variant, samples, failure: None }
    }
}

#[cfg(test)]
mod tests {
    use super::{samples::row, *};

    #[test]
    fn ratios_are_of_medians_and_above_one_is_slower() {
        let rows = [
            row(Bench::Echo, 64, RAW_UDP, &[1000.0, 2000.0, 9000.0]),
            row(Bench::Echo, 64, "apache-tcp-framed", &[6000.0]),
        ];
        let lines = lines(&rows);
        assert_eq!(lines[1].summary.median, 6.0);
        assert_eq!((lines[1].ratio_raw_udp, lines[1].ratio_raw_tcp), (Some(3.0), None));
        let rates = [row(Bench::Rate, 0, RAW_UDP, &[100.0]), row(Bench::Rate, 0, RAW_TCP, &[50.0])];
        assert_eq!(super::lines(&rates)[1].ratio_raw_udp, Some(2.0));
    }

    #[test]
    fn a_row_without_samples_has_no_line() {
        assert!(lines(&[row(Bench::Ping, 0, RAW_UDP, &[])]).is_empty());
    }
}
