//! The one place that reads the system's clock for the transport.

use crate::endpoint::Time;
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime};

/// Tells the endpoint's time: nanoseconds since the clock was made, plus one second, so that no time is the origin.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    origin: u64,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self { origin: nanos(ClockId::CLOCK_MONOTONIC) }
    }

    pub(crate) fn now(&self) -> Time {
        self.time(ClockId::CLOCK_MONOTONIC)
    }

    /// The time as it was up to some milliseconds ago, for what is a matter of seconds: that takes a third as long to read.
    pub(crate) fn lately(&self) -> Time {
        self.time(ClockId::CLOCK_MONOTONIC_COARSE)
    }

    fn time(&self, clock: ClockId) -> Time {
        Time::from_nanos(nanos(clock).saturating_sub(self.origin).saturating_add(1_000_000_000))
    }
}

/// Nanoseconds of a clock such as `Instant` reads, without its conversions: it is read a dozen times for a short operation.
fn nanos(clock: ClockId) -> u64 {
    // Linux has these clocks, and they begin at 0.
    let time = clock_gettime(clock).unwrap_or(TimeSpec::new(0, 0));
    let number = |part: i64| u64::try_from(part).unwrap_or(0);
    number(time.tv_sec()).saturating_mul(1_000_000_000).saturating_add(number(time.tv_nsec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn time_goes_on_from_one_second() {
        let clock = Clock::new();
        let (one, two) = (clock.now(), clock.now());
        assert!(one.as_nanos() >= 1_000_000_000 && two >= one);
        assert!(two.as_nanos() < 61_000_000_000);
        let (lately, now) = (clock.lately(), clock.now());
        assert!(lately <= now && lately.as_nanos() >= 999_000_000 && lately.plus(Duration::from_secs(1)) > one);
    }
}
