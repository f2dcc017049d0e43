//! The one place that reads the clock.

use std::time::Instant;

/// Now.
#[expect(clippy::disallowed_methods, reason = "commands are drivers: they mint the time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
