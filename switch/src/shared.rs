//! An engine that the ports and the control plane share.

use crate::clock::Clock;
use crate::engine::{Engine, Notification};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// An [`Engine`] behind a lock, and the clock that its timestamps count from. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SharedEngine(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Clock,
    engine: Mutex<Engine>,
    /// Somebody waits for digests, and there are some, or they are due at another time.
    news: Condvar,
}

impl SharedEngine {
    /// Shares an engine. The switch begins now.
    #[must_use]
    pub fn new(engine: Engine) -> Self {
        Self(Arc::new(Inner { clock: Clock::start(), engine: Mutex::new(engine), news: Condvar::new() }))
    }

    /// Has something done with the engine while nobody else uses it. It is to be short: packets wait.
    ///
    /// `work` must not use the same engine through another handle: that would wait for itself.
    pub fn with<R>(&self, work: impl FnOnce(&mut Engine) -> R) -> R {
        // A panic elsewhere leaves entries and packets as they were at some step, and memory within its bounds.
        let mut engine = self.0.engine.lock().unwrap_or_else(PoisonError::into_inner);
        let result = work(&mut engine);
        if engine.take_news() {
            self.0.news.notify_all();
        }
        result
    }

    /// The next digests for the control plane; `None` if none came within `at_most`.
    pub(crate) fn wait_notification(&self, at_most: Duration) -> Option<Notification> {
        let mut engine = self.0.engine.lock().unwrap_or_else(PoisonError::into_inner);
        let end = self.now().saturating_add(u64::try_from(at_most.as_micros()).unwrap_or(u64::MAX));
        loop {
            let now = self.now();
            let found = engine.poll_notification(now);
            if found.is_some() || now >= end {
                return found;
            }
            let due = engine.notification_due().unwrap_or(end).min(end);
            let wait = Duration::from_micros(due.saturating_sub(now));
            (engine, _) = self.0.news.wait_timeout(engine, wait).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Microseconds since the switch began: what [`Engine::process`] takes for the time.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.0.clock.micros()
    }
}
