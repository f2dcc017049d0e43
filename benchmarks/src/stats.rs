//! Order statistics of one row of samples.

/// What is quoted of a set of samples. The unit is that of the samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Summary {
    pub(crate) count: usize,
    pub(crate) median: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) mean: f64,
    /// Of the population: divided by the count.
    pub(crate) stddev: f64,
}

impl Summary {
    /// The summary of `samples`, none if there are none.
    pub(crate) fn of(samples: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = samples.into_iter().collect();
        if sorted.is_empty() {
            return None;
        }
        sorted.sort_by(f64::total_cmp);
        let count = sorted.len();
        let mean = sorted.iter().sum::<f64>() / count as f64;
        let variance = sorted.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count as f64;
        Some(Self {
            count,
            median: percentile(&sorted, 50),
            p90: percentile(&sorted, 90),
            p99: percentile(&sorted, 99),
            mean,
            stddev: variance.sqrt(),
        })
    }
}

/// The `percent`-th percentile of an ascending, non-empty slice, interpolated between neighbours.
fn percentile(sorted: &[f64], percent: usize) -> f64 {
    let scaled = (sorted.len() - 1) * percent;
    let (below, part) = (scaled / 100, (scaled % 100) as f64 / 100.0);
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * part
}

#[cfg(test)]
mod tests {
    use super::{Summary, percentile};

    #[test]
    fn none_of_nothing() {
        assert_eq!(Summary::of([]), None);
    }

    #[test]
    fn one_sample_is_everything() {
        let one = Summary::of([7.0]).unwrap();
        assert_eq!((one.median, one.p90, one.p99, one.mean, one.stddev), (7.0, 7.0, 7.0, 7.0, 0.0));
    }

    #[test]
    fn order_does_not_matter() {
        let summary = Summary::of([5.0, 1.0, 3.0, 2.0, 4.0]).unwrap();
        assert_eq!((summary.count, summary.median, summary.mean), (5, 3.0, 3.0));
        assert!((summary.stddev - 2.0_f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn even_counts_interpolate() {
        assert_eq!(percentile(&[1.0, 2.0], 50), 1.5);
        let hundred: Vec<f64> = (0..=100).map(f64::from).collect();
        assert_eq!(percentile(&hundred, 90), 90.0);
        assert_eq!(percentile(&hundred, 99), 99.0);
    }
}
