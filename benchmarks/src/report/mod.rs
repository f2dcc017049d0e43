//! Rows with their statistics, and the forms in which they are put out.

pub(crate) mod csv;
pub(crate) mod json;
pub(crate) mod plot;
pub(crate) mod svg;
pub(crate) mod table;

use crate::runner::Row;
use crate::stats::Summary;
use crate::variants::{BIFROST_REF, RAW_TCP, RAW_UDP, RAW_UDP_ECHO, RAW_UDP_WRITE, memory};
use crate::workload::{Bench, Workload};

/// What is quoted of a row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Line {
    pub(crate) workload: Workload,
    pub(crate) variant: &'static str,
    /// Microseconds of a call, or calls per second.
    pub(crate) summary: Summary,
    /// How many times slower than others, by medians, in the order of [`RATIOS`]; above 1 is slower, for rates too.
    pub(crate) ratios: [Option<f64>; RATIOS.len()],
}

/// What variants are compared with: its name in data, and in tables.
pub(crate) const RATIOS: [(&str, &str); 4] = [
    ("ratio_raw_udp", "× raw UDP"),
    ("ratio_raw_tcp", "× raw TCP"),
    // One array there and back, however many the call has.
    ("ratio_transfer", "× both ways"),
    ("ratio_by_ref", "× by reference"),
];

/// The variants that `variant` is compared with.
fn references(bench: Bench, variant: &str) -> [Option<&'static str>; RATIOS.len()] {
    let raw_udp = match variant {
        RAW_UDP_WRITE | memory::WRITE | memory::ALLOC_WRITE => Some(RAW_UDP_WRITE),
        // It carries nothing.
        memory::FREE => None,
        _ => Some(RAW_UDP),
    };
    [raw_udp, Some(RAW_TCP), Some(RAW_UDP_ECHO), (bench == Bench::Chain).then_some(BIFROST_REF)]
}

impl Line {
    /// Whether the figures are calls per second.
    pub(crate) fn is_rate(&self) -> bool {
        self.workload.bench.is_rate()
    }

    /// Gigabits of data per second at the median, where a row is about that.
    pub(crate) fn gbit_per_second(&self) -> Option<f64> {
        let bits = self.workload.size as f64 * 8.0;
        (self.workload.bench == Bench::MemoryRate).then(|| self.summary.median * bits / 1e9)
    }
}

/// The lines of rows that took turns. A row without samples has none.
pub(crate) fn lines(rows: &[Row]) -> Vec<Line> {
    let summaries: Vec<(&Row, Summary)> =
        rows.iter().filter_map(|row| summary(row).map(|summary| (row, summary))).collect();
    let median_of = |workload: Workload, name: &str| {
        let found = summaries.iter().find(|(row, _)| row.workload == workload && row.variant == name);
        found.map(|(_, summary)| summary.median)
    };
    summaries
        .iter()
        .map(|&(row, summary)| {
            let ratio = |other: f64| {
                if row.workload.bench.is_rate() { other / summary.median } else { summary.median / other }
            };
            let references = references(row.workload.bench, row.variant);
            let ratios = references.map(|name| name.and_then(|name| median_of(row.workload, name)).map(ratio));
            Line { workload: row.workload, variant: row.variant, summary, ratios }
        })
        .collect()
}

fn summary(row: &Row) -> Option<Summary> {
    let scale = if row.workload.bench.is_rate() { 1.0 } else { 1e-3 };
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
        Row { workload: Workload { bench, size, outstanding, servers: 1 }, variant, samples, failure: None }
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
        assert_eq!(lines[1].ratios, [Some(3.0), None, None, None]);
        let rates = [row(Bench::Rate, 0, RAW_UDP, &[100.0]), row(Bench::Rate, 0, RAW_TCP, &[50.0])];
        assert_eq!(super::lines(&rates)[1].ratios[0], Some(2.0));
    }

    #[test]
    fn what_goes_to_the_server_is_compared_with_what_goes_there() {
        let all = [(RAW_UDP, 1.0), (RAW_UDP_WRITE, 4.0), ("read", 2.0), ("write", 6.0), ("free", 3.0)];
        let rows = all.map(|(variant, value)| row(Bench::Memory, 64, variant, &[value]));
        let ratios: Vec<Option<f64>> = lines(&rows).iter().map(|line| line.ratios[0]).collect();
        assert_eq!(ratios, [Some(1.0), Some(1.0), Some(2.0), Some(1.5), None]);
    }

    #[test]
    fn chains_are_compared_at_their_own_length() {
        let mut rows =
            [("apache-tcp-framed", 50.0), (BIFROST_REF, 2.0), ("apache-tcp-framed", 90.0), (BIFROST_REF, 3.0)]
                .map(|(variant, value)| row(Bench::Chain, 64, variant, &[value]));
        rows[2].workload.servers = 2;
        rows[3].workload.servers = 2;
        let ratios: Vec<Option<f64>> = lines(&rows).iter().map(|line| line.ratios[3]).collect();
        assert_eq!(ratios, [25.0, 1.0, 30.0, 1.0].map(Some));
    }

    #[test]
    fn a_row_without_samples_has_no_line() {
        assert!(lines(&[row(Bench::Ping, 0, RAW_UDP, &[])]).is_empty());
    }
}
