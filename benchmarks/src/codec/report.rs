//! The figures of a case and operation, as text, JSON and comma-separated values.

use super::runner::Row;
use crate::cases::Case as _;
use crate::rows::{self, Report};
use crate::stats::Summary;

/// The heading of the raw file.
pub(super) const RAW_HEADING: &str = "bench,case,op,variant,round,batch,unit,value";
const SUMMARY_HEADING: &str =
    "bench,case,op,variant,bytes,batch,unit,samples,median,p90,p99,mean,stddev,speedup_apache,speedup_pilota";
const COLUMNS: [&str; 9] =
    ["case", "op", "variant", "median ns", "p90 ns", "p99 ns", "stddev ns", "Apache ÷ this", "pilota ÷ this"];

/// What is quoted of a row.
#[derive(Debug, Clone)]
pub(super) struct Line {
    case: &'static str,
    op: &'static str,
    variant: &'static str,
    bytes: usize,
    batch: u32,
    /// Nanoseconds.
    summary: Summary,
    /// How many times faster than the other crate's codec of the same protocol, by medians.
    speedup_apache: Option<f64>,
    speedup_pilota: Option<f64>,
}

/// The rows as tables and lists.
pub(super) struct Table;

impl Report for Table {
    type Row = Row;
    type Line = Line;
    const NAME: &'static str = "codec";
    const RAW_HEADING: &'static str = RAW_HEADING;

    fn lines(rows: &[Row]) -> Vec<Line> {
        lines(rows)
    }

    fn object(line: &Line, pin: &str) -> String {
        object(line, pin)
    }

    fn text(lines: &[Line]) -> String {
        rows::aligned(&cells(lines), 3)
    }

    fn markdown(lines: &[Line]) -> String {
        rows::markdown(&cells(lines))
    }

    fn raw(rows: &[Row]) -> String {
        raw(rows)
    }

    fn summary(lines: &[Line]) -> String {
        summary(lines)
    }
}

/// The lines of one case and operation.
pub(super) fn lines(rows: &[Row]) -> Vec<Line> {
    let summaries: Vec<(&Row, Summary)> =
        rows.iter().filter_map(|row| Some((row, Summary::of(row.samples.iter().map(|s| s.value))?))).collect();
    let median_of = |name: &str| summaries.iter().find(|(row, _)| row.variant == name).map(|(_, s)| s.median);
    let line = |&(row, summary): &(&Row, Summary)| {
        let protocol = if row.variant.contains("compact") { "compact" } else { "binary" };
        let speedup = |peer: &str| median_of(&format!("{peer}-{protocol}")).map(|median| median / summary.median);
        Line {
            case: row.case.name(),
            op: row.op.name(),
            variant: row.variant,
            bytes: row.bytes,
            batch: row.times,
            summary,
            speedup_apache: speedup("apache"),
            speedup_pilota: speedup("pilota"),
        }
    };
    summaries.iter().map(line).collect()
}

/// One JSON object. Names and numbers only, so nothing needs escaping.
pub(super) fn object(line: &Line, pin: &str) -> String {
    let s = &line.summary;
    let number = |value: f64| format!("{value:.3}");
    let ratio = |value: Option<f64>| value.map_or("null".to_owned(), number);
    let names = [("bench", super::NAME), ("case", line.case), ("op", line.op), ("variant", line.variant), ("pin", pin)];
    let names = names.map(|(key, value)| format!("\"{key}\":\"{value}\""));
    let figures = [
        ("bytes", line.bytes.to_string()),
        ("samples", s.count.to_string()),
        ("iterations", (s.count as u64 * u64::from(line.batch)).to_string()),
        ("median_ns", number(s.median)),
        ("p90_ns", number(s.p90)),
        ("p99_ns", number(s.p99)),
        ("mean_ns", number(s.mean)),
        ("stddev_ns", number(s.stddev)),
        ("speedup_apache", ratio(line.speedup_apache)),
        ("speedup_pilota", ratio(line.speedup_pilota)),
    ];
    let figures = figures.map(|(key, value)| format!("\"{key}\":{value}"));
    format!("{{{},{}}}", names.join(","), figures.join(","))
}

fn cells(lines: &[Line]) -> Vec<Vec<String>> {
    let mut table = vec![COLUMNS.map(str::to_owned).to_vec()];
    for line in lines {
        let s = &line.summary;
        let mut row = [line.case, line.op, line.variant].map(str::to_owned).to_vec();
        row.extend([s.median, s.p90, s.p99, s.stddev].map(|value| format!("{value:.1}")));
        row.extend([line.speedup_apache, line.speedup_pilota].map(|x| x.map_or("-".to_owned(), |x| format!("{x:.2}"))));
        table.push(row);
    }
    table
}

/// Each sample of `rows`, one a line.
pub(super) fn raw(rows: &[Row]) -> String {
    let mut out = String::new();
    for row in rows {
        let key = format!("{},{},{},{}", super::NAME, row.case.name(), row.op.name(), row.variant);
        for sample in &row.samples {
            out.push_str(&format!("{key},{},{},ns,{:.3}\n", sample.round, row.times, sample.value));
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
        let names = format!("{},{},{},{},{}", super::NAME, line.case, line.op, line.variant, line.bytes);
        let figures = [s.median, s.p90, s.p99, s.mean, s.stddev].map(|value| format!("{value:.3}")).join(",");
        let ratios = format!("{},{}", ratio(line.speedup_apache), ratio(line.speedup_pilota));
        out.push_str(&format!("{names},{},ns,{},{figures},{ratios}\n", line.batch, s.count));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::cases::Case;
    use crate::codec::runner::Op;
    use crate::runner::Sample;

    fn row(variant: &'static str, values: &[f64]) -> Row {
        let samples = (0..).zip(values).map(|(round, &value)| Sample { round, value }).collect();
        Row { case: Case::Struct10, op: Op::Encode, variant, bytes: 9, times: 4, samples }
    }

    #[test]
    fn ratios_are_of_medians_within_a_protocol() {
        let rows = [
            row("apache-binary", &[400.0, 500.0, 900.0]),
            row("pilota-binary", &[150.0]),
            row("bifrost-binary", &[100.0]),
            row("bifrost-compact", &[100.0]),
        ];
        let lines = lines(&rows);
        assert_eq!((lines[2].speedup_apache, lines[2].speedup_pilota), (Some(5.0), Some(1.5)));
        assert_eq!((lines[3].speedup_apache, lines[3].speedup_pilota), (None, None));
    }

    #[test]
    fn an_object_has_what_is_needed_to_judge_it() {
        let line = &lines(&[row("apache-binary", &[400.0])])[0];
        assert_eq!(
            object(line, "same"),
            "{\"bench\":\"codec\",\"case\":\"struct10\",\"op\":\"encode\",\"variant\":\"apache-binary\",\
             \"pin\":\"same\",\"bytes\":9,\"samples\":1,\"iterations\":4,\"median_ns\":400.000,\"p90_ns\":400.000,\
             \"p99_ns\":400.000,\"mean_ns\":400.000,\"stddev_ns\":0.000,\"speedup_apache\":1.000,\
             \"speedup_pilota\":null}"
        );
    }

    #[test]
    fn every_record_has_every_field() {
        let rows = [row("apache-binary", &[1.0, 2.0])];
        let fields = |text: &str| text.lines().map(|line| line.split(',').count()).collect::<Vec<_>>();
        assert_eq!(fields(&format!("{RAW_HEADING}\n{}", raw(&rows))), [8, 8, 8]);
        assert_eq!(fields(&summary(&lines(&rows))), [15, 15]);
        assert_eq!(Table::markdown(&lines(&rows)).lines().count(), 3);
    }
}
