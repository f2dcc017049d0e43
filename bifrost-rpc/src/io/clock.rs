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
        Self { origin: monotonic() }
    }

    pub(crate) fn now(&self) -> Time {
        Time::from_nanos(monotonic().saturating_sub(self.origin).saturating_add(1_000_000_000))
    }
}

/// Nanoseconds of the clock that `Instant` reads, without its conversions: it is read a dozen times for a short operation.
fn monotonic() -> u64 {
    // Linux has this clock, and it begins at 0.
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap_or(TimeSpec::new(0, 0));
    let number = |part: i64| u64::try_from(part).unwrap_or(0);
    number(time.tv_sec()).saturating_mul(1_000_000_000).saturating_add(number(time.tv_nsec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_from_one_second() {
        let clock = Clock::new();
        let (one, two) = (clock.now(), clock.now());
        assert!(one.as_nanos() >= 1_000_000_000 && two >= one);
        assert!(two.as_nanos() < 61_000_000_000);
    }
}
