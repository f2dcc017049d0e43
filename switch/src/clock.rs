//! Time since a switch began.

use std::time::Instant;

/// Counts from when it was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    /// Begins now.
    pub(crate) fn start() -> Self {
        Self(now())
    }

    /// Microseconds since.
    pub(crate) fn micros(&self) -> u64 {
        u64::try_from(now().saturating_duration_since(self.0).as_micros()).unwrap_or(u64::MAX)
    }
}

#[expect(clippy::disallowed_methods, reason = "drivers mint the time")]
fn now() -> Instant {
    Instant::now()
}
