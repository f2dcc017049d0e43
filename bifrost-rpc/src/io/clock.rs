//! The one place that reads the system's clock for the transport.

use crate::endpoint::Time;
use std::time::Instant;

/// Tells the endpoint's time: nanoseconds since the clock was made, plus one second, so that no time is the origin.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    origin: Instant,
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "drivers mint the time")]
    pub(crate) fn new() -> Self {
        Self { origin: Instant::now() }
    }

    pub(crate) fn now(&self) -> Time {
        let elapsed = self.origin.elapsed();
        Time::from_nanos(1_000_000_000 + u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX / 2))
    }
}
