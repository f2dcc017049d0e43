//! Round-trip estimation and retransmission time-out: RFC 6298, in microseconds and with a configurable floor.

use std::time::Duration;

/// The estimator of one path.
#[derive(Debug, Clone)]
pub(super) struct Rtt {
    smoothed: Option<Duration>,
    variation: Duration,
    floor: Duration,
    initial: Duration,
    ceiling: Duration,
}

impl Rtt {
    pub(super) fn new(floor: Duration, initial: Duration, ceiling: Duration) -> Self {
        Self { smoothed: None, variation: Duration::ZERO, floor, initial, ceiling }
    }

    /// Takes a sample of a packet that was sent once (Karn's rule).
    pub(super) fn sample(&mut self, rtt: Duration) {
        match self.smoothed {
            None => {
                self.smoothed = Some(rtt);
                self.variation = rtt / 2;
            }
            Some(smoothed) => {
                self.variation = (self.variation * 3 + smoothed.abs_diff(rtt)) / 4;
                self.smoothed = Some((smoothed * 7 + rtt) / 8);
            }
        }
    }

    /// The retransmission time-out after `backoff` time-outs in a row.
    pub(super) fn timeout(&self, backoff: u32) -> Duration {
        let base = self.smoothed.map_or(self.initial, |smoothed| smoothed + 4 * self.variation);
        let base = base.max(self.floor);
        base.saturating_mul(1 << backoff.min(16)).min(self.ceiling.max(self.floor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn us(us: u64) -> Duration {
        Duration::from_micros(us)
    }

    #[test]
    fn follows_rfc_6298() {
        let mut rtt = Rtt::new(us(1), us(1000), Duration::from_secs(1));
        assert_eq!(rtt.timeout(0), us(1000));
        rtt.sample(us(100));
        assert_eq!(rtt.timeout(0), us(300));
        rtt.sample(us(200));
        // variation = 3/4 · 50 + 1/4 · 100 = 62.5; smoothed = 7/8 · 100 + 1/8 · 200 = 112.5
        assert_eq!(rtt.timeout(0), Duration::from_nanos(362_500));
        assert_eq!(rtt.timeout(2), Duration::from_nanos(1_450_000));
    }

    #[test]
    fn keeps_floor_and_ceiling() {
        let mut rtt = Rtt::new(us(5000), us(50_000), us(200_000));
        rtt.sample(us(10));
        assert_eq!(rtt.timeout(0), us(5000));
        assert_eq!(rtt.timeout(30), us(200_000));
    }
}
