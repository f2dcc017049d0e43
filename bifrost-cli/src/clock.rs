//! The one place that reads the clock.

use std::time::{Duration, Instant};

/// Now.
#[expect(clippy::disallowed_methods, reason = "commands are drivers: they mint the time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// A time to be done by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    started: Instant,
    /// The time allowed; none is no deadline.
    pub(crate) allowed: Option<Duration>,
}

impl Deadline {
    /// A deadline that starts to run now.
    pub(crate) fn within(allowed: Option<Duration>) -> Self {
        Self { started: now(), allowed }
    }

    /// What is left; `None` without a deadline, zero when it has passed.
    pub(crate) fn left(&self) -> Option<Duration> {
        self.allowed.map(|allowed| allowed.saturating_sub(now() - self.started))
    }

    /// Whether it has passed.
    pub(crate) fn has_passed(&self) -> bool {
        self.left().is_some_and(|left| left.is_zero())
    }
}
