//! When a node reports what waits to be reported.

use crate::endpoint::Time;
use std::sync::atomic::{AtomicU64, Ordering};

/// The time at which the lines that wait are due, shared by those who add lines and the thread that reports them.
#[derive(Debug)]
pub(super) struct Pace(AtomicU64);

/// Nothing waits.
const NEVER: u64 = u64::MAX;

impl Pace {
    /// Nothing is due.
    pub(super) fn new() -> Self {
        Self(AtomicU64::new(NEVER))
    }

    /// Lines wait, which are due at `at`, or before if they were already.
    pub(super) fn set(&self, at: Time) {
        self.0.fetch_min(at.as_nanos(), Ordering::AcqRel);
    }

    /// When lines are due.
    pub(super) fn due(&self) -> Option<Time> {
        let due = self.0.load(Ordering::Acquire);
        (due != NEVER).then(|| Time::from_nanos(due))
    }

    /// Whether lines are due now. The caller takes them next: what is added from here on is due by itself.
    pub(super) fn begin(&self, now: Time) -> bool {
        let is_due = self.due().is_some_and(|due| due <= now);
        if is_due {
            self.0.store(NEVER, Ordering::Release);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const DELAY: Duration = Duration::from_millis(20);

    #[test]
    fn lines_that_follow_on_each_other_are_taken_together() {
        let pace = Pace::new();
        let (mut waiting, mut taken, mut now) = (0, Vec::new(), Time::from_nanos(1));
        for _ in 0..1000 {
            now = now.plus(Duration::from_millis(1));
            if waiting == 0 {
                pace.set(now.plus(DELAY));
            }
            waiting += 1;
            // The thread looks at each answer, of which there is one for each line.
            if pace.begin(now) {
                taken.push(std::mem::take(&mut waiting));
            }
        }
        assert_eq!(waiting + taken.iter().sum::<usize>(), 1000);
        assert!(taken.iter().all(|lines| *lines == 21), "{taken:?}");
    }

    #[test]
    fn what_somebody_waits_for_is_due_at_once() {
        let (pace, now) = (Pace::new(), Time::from_nanos(1));
        assert!(!pace.begin(now), "nothing waits");
        pace.set(now.plus(DELAY));
        assert!(!pace.begin(now));
        pace.set(now);
        assert_eq!(pace.due(), Some(now));
        assert!(pace.begin(now));
        assert_eq!(pace.due(), None);
        // What was added while the others were taken.
        pace.set(now.plus(DELAY));
        assert_eq!(pace.due(), Some(now.plus(DELAY)));
    }
}
