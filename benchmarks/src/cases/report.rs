//! The figures of a case, as text, JSON and comma-separated values.

use std::marker::PhantomData;

use super::runner::Row;
use super::{Measured, Unit};
use crate::rows::{self, Report};
use crate::stats::Summary;

const SUMMARY_HEADING: &str = "bench,case,variant,unit,samples,median,p90,p99,mean,stddev";
const COLUMNS: [&str; 6] = ["case", "variant", "unit", "median", "p90", "stddev"];
/// Columns of names, before those of figures.
const NAMES: usize = 3;

/// What is quoted of a row.
#[derive(Debug, Clone)]
pub(super) struct Line<C> {
    case: C,
    variant: &'static str,
    summary: Summary,
    /// This median by the other's, whatever it is of: of times less is better, of rates more.
    ratios: Vec<Option<f64>>,
}

/// The rows as tables and lists.
pub(super) struct Table<C>(PhantomData<C>);

impl<C: Measured> Report for Table<C> {
    type Row = Row<C>;
    type Line = Line<C>;
    const NAME: &'static str = C::BENCH;
    const RAW_HEADING: &'static str = "bench,case,variant,round,unit,value";

    fn lines(rows: &[Row<C>]) -> Vec<Line<C>> {
        let summary = |row: &Row<C>| Summary::of(row.samples.iter().map(|sample| sample.value));
        let median_of = |name: &str| rows.iter().find(|row| row.variant == name).and_then(summary).map(|s| s.median);
        let line = |row: &Row<C>| {
            let summary = summary(row)?;
            let ratio = |name: &str| median_of(name).map(|median| summary.median / median);
            let ratios = C::COMPARED.iter().map(|(name, ..)| ratio(name)).collect();
            Some(Line { case: row.case, variant: row.variant, summary, ratios })
        };
        rows.iter().filter_map(line).collect()
    }

    /// Names and numbers only, so nothing needs escaping.
    fn object(line: &Line<C>, pin: &str) -> String {
        let (s, unit) = (&line.summary, line.case.unit());
        let names = [("bench", C::BENCH), ("case", line.case.name()), ("variant", line.variant), ("pin", pin)];
        let names = names.into_iter().map(|(key, value)| format!("\"{key}\":\"{value}\""));
        let number = |value: f64| format!("{value:.3}");
        let mut figures = vec![("samples".to_owned(), s.count.to_string())];
        if unit.is_time() {
            let times = [("median", s.median), ("p90", s.p90), ("p99", s.p99), ("mean", s.mean), ("stddev", s.stddev)];
            figures.extend(times.map(|(key, value)| (format!("{key}_{}", unit.key()), number(value))));
        } else {
            figures.push((unit.key().to_owned(), number(s.median)));
        }
        let ratios = C::COMPARED.iter().zip(&line.ratios);
        figures.extend(ratios.map(|((_, key, _), ratio)| ((*key).to_owned(), ratio.map_or("null".to_owned(), number))));
        let figures = figures.into_iter().map(|(key, value)| format!("\"{key}\":{value}"));
        format!("{{{}}}", names.chain(figures).collect::<Vec<_>>().join(","))
    }

    fn text(lines: &[Line<C>]) -> String {
        rows::aligned(&cells(lines), NAMES)
    }

    fn markdown(lines: &[Line<C>]) -> String {
        rows::markdown(&cells(lines))
    }

    fn raw(rows: &[Row<C>]) -> String {
        let mut out = String::new();
        for row in rows {
            let key = format!("{},{},{}", C::BENCH, row.case.name(), row.variant);
            for sample in &row.samples {
                let unit = row.case.unit().key();
                out.push_str(&format!("{key},{},{unit},{:.3}\n", sample.round, sample.value));
            }
        }
        out
    }

    fn summary(lines: &[Line<C>]) -> String {
        let mut out = SUMMARY_HEADING.to_owned();
        C::COMPARED.iter().for_each(|(_, key, _)| out.extend([",", key]));
        for line in lines {
            let s = &line.summary;
            let names = [C::BENCH, line.case.name(), line.variant, line.case.unit().key()].join(",");
            let figures = [s.median, s.p90, s.p99, s.mean, s.stddev].map(|value| format!("{value:.3}")).join(",");
            out.push_str(&format!("\n{names},{},{figures}", s.count));
            for ratio in &line.ratios {
                out.push_str(&ratio.map_or(",".to_owned(), |ratio| format!(",{ratio:.4}")));
            }
        }
        out + "\n"
    }
}

fn cells<C: Measured>(lines: &[Line<C>]) -> Vec<Vec<String>> {
    let headings = COLUMNS.into_iter().chain(C::COMPARED.iter().map(|(.., heading)| *heading));
    let mut table = vec![headings.map(str::to_owned).collect::<Vec<_>>()];
    for line in lines {
        let (s, unit) = (&line.summary, line.case.unit());
        let decimals = if unit == Unit::Suspicions { 2 } else { 0 };
        let mut row = [line.case.name(), line.variant, unit.text()].map(str::to_owned).to_vec();
        row.extend([s.median, s.p90, s.stddev].map(|value| format!("{value:.decimals$}")));
        row.extend(line.ratios.iter().map(|ratio| ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.2}"))));
        table.push(row);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::Case;
    use crate::runner::Sample;

    #[derive(Debug, Clone, Copy)]
    enum Trip {
        Time,
        Rate,
        End,
    }

    impl Case for Trip {
        const BENCH: &'static str = "trip";
        const ALL: &'static [Self] = &[Self::Time, Self::Rate, Self::End];

        fn name(self) -> &'static str {
            ["time", "rate", "end"][self as usize]
        }

        fn variants(self) -> &'static [&'static str] {
            &["relay", "other", "bmv2"]
        }
    }

    impl Measured for Trip {
        const COMPARED: &'static [(&'static str, &'static str, &'static str)] =
            &[("relay", "ratio_relay", "÷ relay"), ("bmv2", "ratio_bmv2", "÷ BMv2")];

        fn unit(self) -> Unit {
            [Unit::Nanoseconds, Unit::PerSecond, Unit::Suspicions][self as usize]
        }
    }

    fn row(case: Trip, variant: &'static str, values: &[f64]) -> Row<Trip> {
        let samples = (0..).zip(values).map(|(round, &value)| Sample { round, value }).collect();
        Row { case, variant, samples }
    }

    #[test]
    fn ratios_are_this_by_the_other_for_times_and_rates_alike() {
        let relay = row(Trip::Time, "relay", &[100.0, 200.0, 900.0]);
        let rows = [relay, row(Trip::Time, "other", &[250.0]), row(Trip::Time, "bmv2", &[1000.0])];
        assert_eq!(Table::lines(&rows)[1].ratios, [Some(1.25), Some(0.25)]);
        assert_eq!(Table::lines(&rows[1..])[0].ratios, [None, Some(0.25)], "not everything was measured");
    }

    #[test]
    fn an_object_has_what_is_needed_to_judge_it() {
        let times = Table::object(&Table::lines(&[row(Trip::Time, "relay", &[400.0])])[0], "same");
        assert_eq!(
            times,
            "{\"bench\":\"trip\",\"case\":\"time\",\"variant\":\"relay\",\"pin\":\"same\",\"samples\":1,\
             \"median_ns\":400.000,\"p90_ns\":400.000,\"p99_ns\":400.000,\"mean_ns\":400.000,\"stddev_ns\":0.000,\
             \"ratio_relay\":1.000,\"ratio_bmv2\":null}"
        );
        let rates = Table::object(&Table::lines(&[row(Trip::Rate, "bmv2", &[5e4])])[0], "same");
        assert!(rates.contains("\"per_second\":50000.000,\"ratio_relay\":null,\"ratio_bmv2\":1.000"), "{rates}");
        let ends = Table::object(&Table::lines(&[row(Trip::End, "other", &[2.5])])[0], "same");
        assert!(ends.contains("\"median_suspicions\":2.500,"), "{ends}");
    }

    #[test]
    fn every_record_has_every_field() {
        let rows = [row(Trip::End, "relay", &[1.0, 2.0])];
        let lines = Table::lines(&rows);
        let fields = |text: &str| text.lines().map(|line| line.split(',').count()).collect::<Vec<_>>();
        assert_eq!(fields(&format!("{}\n{}", Table::<Trip>::RAW_HEADING, Table::raw(&rows))), [6, 6, 6]);
        assert_eq!(fields(&Table::summary(&lines)), [12, 12]);
        assert!(Table::markdown(&lines).ends_with("| end | relay | suspicions | 1.50 | 1.90 | 0.50 | 1.00 | - |\n"));
    }
}
