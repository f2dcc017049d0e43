//! Round-trip estimation and retransmission time-out: RFC 6298, with a configurable floor.

use std::time::Duration;

/// The estimator of one path. All is kept in nanoseconds, and the time-out as it is used: it is asked for several times for
/// each packet.
#[derive(Debug, Clone)]
pub(super) struct Rtt {
    smoothed: Option<u64>,
    variation: u64,
    floor: u64,
    ceiling: u64,
    /// The time-out without time-outs before it.
    base: u64,
}

impl Rtt {
    pub(super) fn new(floor: Duration, initial: Duration, ceiling: Duration) -> Self {
        let (floor, ceiling) = (nanos(floor), nanos(ceiling));
        Self { smoothed: None, variation: 0, floor, ceiling: ceiling.max(floor), base: nanos(initial).max(floor) }
    }

    /// Takes a sample of a packet that was sent once (Karn's rule).
    pub(super) fn sample(&mut self, rtt: Duration) {
        let rtt = nanos(rtt);
        let smoothed = match self.smoothed {
            None => {
                self.variation = rtt / 2;
                rtt
            }
            Some(smoothed) => {
                self.variation = self.variation.saturating_mul(3).saturating_add(smoothed.abs_diff(rtt)) / 4;
                smoothed.saturating_mul(7).saturating_add(rtt) / 8
            }
        };
        self.smoothed = Some(smoothed);
        self.base = smoothed.saturating_add(self.variation.saturating_mul(4)).max(self.floor);
    }

    /// The retransmission time-out after `backoff` time-outs in a row.
    pub(super) fn timeout(&self, backoff: u32) -> Duration {
        Duration::from_nanos(self.base.saturating_mul(1 << backoff.min(16)).min(self.ceiling))
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
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
