//! Every sample, and the summary, as comma-separated values. No field needs quoting.

use std::io::{self, Write};

use super::Line;
use crate::runner::Row;

/// The heading of the raw file.
pub(crate) const RAW_HEADING: &str = "bench,variant,size,outstanding,round,unit,value";
const SUMMARY_HEADING: &str =
    "bench,variant,size,outstanding,unit,samples,median,p90,p99,mean,stddev,ratio_raw_udp,ratio_raw_tcp";

/// Writes each sample of `rows`, in nanoseconds or calls per second.
pub(crate) fn write_raw(out: &mut dyn Write, rows: &[Row]) -> io::Result<()> {
    for row in rows {
        let workload = &row.workload;
        let unit = if workload.bench == crate::workload::Bench::Rate { "per_second" } else { "ns" };
        let key = format!("{},{},{},{}", workload.bench.name(), row.variant, workload.size, workload.outstanding);
        for sample in &row.samples {
            writeln!(out, "{key},{},{unit},{:.0}", sample.round, sample.value)?;
        }
    }
    Ok(())
}

/// The summary with its heading, in microseconds or calls per second.
pub(crate) fn summary(lines: &[Line]) -> String {
    let mut out = format!("{SUMMARY_HEADING}\n");
    let ratio = |ratio: Option<f64>| ratio.map_or(String::new(), |ratio| format!("{ratio:.4}"));
    for line in lines {
        let (workload, s) = (&line.workload, &line.summary);
        let unit = if line.is_rate() { "per_second" } else { "us" };
        out.push_str(&format!(
            "{},{},{},{},{unit},{},{:.3},{:.3},{:.3},{:.3},{:.3},{},{}\n",
            workload.bench.name(),
            line.variant,
            workload.size,
            workload.outstanding,
            s.count,
            s.median,
            s.p90,
            s.p99,
            s.mean,
            s.stddev,
            ratio(line.ratio_raw_udp),
            ratio(line.ratio_raw_tcp),
        ));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::{lines, samples::row};
    use super::*;
    use crate::workload::Bench;

    #[test]
    fn every_record_has_every_field() {
        let rows = [row(Bench::Add, 64, "raw-udp", &[1000.0, 3000.0]), row(Bench::Add, 64, "x", &[])];
        let mut raw = Vec::new();
        write_raw(&mut raw, &rows).unwrap();
        assert_eq!(String::from_utf8(raw).unwrap(), "add,raw-udp,64,1,0,ns,1000\nadd,raw-udp,64,1,1,ns,3000\n");
        let summary = summary(&lines(&rows));
        let fields: Vec<usize> = summary.lines().map(|line| line.split(',').count()).collect();
        assert_eq!(fields, [13, 13], "{summary}");
        assert_eq!(RAW_HEADING.split(',').count(), 7);
    }
}
