//! Every sample, and the summary, as comma-separated values. No field needs quoting.

use std::io::{self, Write};

use super::{Line, RATIOS};
use crate::runner::Row;
use crate::workload::Workload;

/// The heading of the raw file.
pub(crate) const RAW_HEADING: &str = "bench,variant,size,outstanding,servers,round,unit,value";
const SUMMARY_HEADING: &str = "bench,variant,size,outstanding,servers,unit,samples,median,p90,p99,mean,stddev";

/// Writes each sample of `rows`, in nanoseconds or calls per second.
pub(crate) fn write_raw(out: &mut dyn Write, rows: &[Row]) -> io::Result<()> {
    for row in rows {
        let workload = &row.workload;
        let unit = if workload.bench.is_rate() { "per_second" } else { "ns" };
        let key = key(workload, row.variant);
        for sample in &row.samples {
            writeln!(out, "{key},{},{unit},{:.0}", sample.round, sample.value)?;
        }
    }
    Ok(())
}

fn key(workload: &Workload, variant: &str) -> String {
    let Workload { bench, size, outstanding, servers } = workload;
    format!("{},{variant},{size},{outstanding},{servers}", bench.name())
}

/// The summary with its heading, in microseconds or calls per second.
pub(crate) fn summary(lines: &[Line]) -> String {
    let mut out = SUMMARY_HEADING.to_owned();
    RATIOS.iter().for_each(|(name, _)| out.extend([",", name]));
    out.push('\n');
    for line in lines {
        let s = &line.summary;
        let unit = if line.is_rate() { "per_second" } else { "us" };
        out.push_str(&format!("{},{unit},{}", key(&line.workload, line.variant), s.count));
        [s.median, s.p90, s.p99, s.mean, s.stddev].iter().for_each(|value| out.push_str(&format!(",{value:.3}")));
        for ratio in line.ratios {
            out.push_str(&ratio.map_or(",".to_owned(), |ratio| format!(",{ratio:.4}")));
        }
        out.push('\n');
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
        assert_eq!(String::from_utf8(raw).unwrap(), "add,raw-udp,64,1,1,0,ns,1000\nadd,raw-udp,64,1,1,1,ns,3000\n");
        let summary = summary(&lines(&rows));
        let fields: Vec<usize> = summary.lines().map(|line| line.split(',').count()).collect();
        assert_eq!(fields, [16, 16], "{summary}");
        assert_eq!(RAW_HEADING.split(',').count(), 8);
    }
}
