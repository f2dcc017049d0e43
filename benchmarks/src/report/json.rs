//! One object a line.

use super::{Line, RATIOS};

/// `line` as a JSON object. Names and numbers only, so nothing needs escaping.
pub(crate) fn object(line: &Line, pin: &str) -> String {
    let mut fields = vec![
        format!("\"bench\":\"{}\"", line.workload.bench.name()),
        format!("\"variant\":\"{}\"", line.variant),
        format!("\"size\":{}", line.workload.size),
        format!("\"pin\":\"{pin}\""),
        format!("\"samples\":{}", line.summary.count),
    ];
    let summary = &line.summary;
    if line.workload.bench.has_servers() {
        fields.push(format!("\"servers\":{}", line.workload.servers));
    }
    if line.is_rate() {
        fields.push(format!("\"outstanding\":{}", line.workload.outstanding));
        fields.push(format!("\"per_second\":{}", number(Some(summary.median))));
        fields.extend(line.gbit_per_second().map(|rate| format!("\"gbit_per_second\":{rate:.3}")));
    } else {
        let times = [
            ("median_us", summary.median),
            ("p90_us", summary.p90),
            ("p99_us", summary.p99),
            ("mean_us", summary.mean),
            ("stddev_us", summary.stddev),
        ];
        fields.extend(times.map(|(name, value)| format!("\"{name}\":{}", number(Some(value)))));
    }
    for (index, ((name, _), ratio)) in RATIOS.iter().zip(line.ratios).enumerate() {
        // The first two are of every row; the others where there is something to compare with.
        if index < 2 || ratio.is_some() {
            fields.push(format!("\"{name}\":{}", number(ratio)));
        }
    }
    format!("{{{}}}", fields.join(","))
}

/// Three decimals; null for what is not there or is no number in JSON.
fn number(value: Option<f64>) -> String {
    value.filter(|value| value.is_finite()).map_or("null".to_owned(), |value| format!("{value:.3}"))
}

#[cfg(test)]
mod tests {
    use super::super::{lines, samples::row};
    use super::object;
    use crate::workload::Bench;

    #[test]
    fn times() {
        let lines = lines(&[row(Bench::Echo, 2048, "raw-udp", &[1500.0])]);
        assert_eq!(
            object(&lines[0], "same"),
            "{\"bench\":\"echo\",\"variant\":\"raw-udp\",\"size\":2048,\"pin\":\"same\",\"samples\":1,\
             \"median_us\":1.500,\"p90_us\":1.500,\"p99_us\":1.500,\"mean_us\":1.500,\"stddev_us\":0.000,\
             \"ratio_raw_udp\":1.000,\"ratio_raw_tcp\":null}"
        );
    }

    #[test]
    fn rates() {
        let lines = lines(&[row(Bench::Rate, 0, "raw-tcp", &[1e5])]);
        let object = object(&lines[0], "none");
        assert!(object.contains("\"outstanding\":16,\"per_second\":100000.000,"), "{object}");
        assert!(!object.contains("median_us"), "{object}");
    }

    #[test]
    fn rates_of_data() {
        let lines = lines(&[row(Bench::MemoryRate, 1_000_000, "read", &[1e3])]);
        let object = object(&lines[0], "none");
        assert!(object.contains("\"servers\":1,") && object.contains("\"gbit_per_second\":8.000,"), "{object}");
    }
}
