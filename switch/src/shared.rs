//! An engine that the ports and the control plane share.

use crate::engine::Engine;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// An [`Engine`] behind a lock, and the clock that its timestamps count from. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SharedEngine(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    began: Instant,
    engine: Mutex<Engine>,
}

impl SharedEngine {
    /// Shares an engine. The switch begins now.
    #[must_use]
    pub fn new(engine: Engine) -> Self {
        Self(Arc::new(Inner { began: clock(), engine: Mutex::new(engine) }))
    }

    /// Has something done with the engine while nobody else uses it. It is to be short: packets wait.
    ///
    /// `work` must not use the same engine through another handle: that would wait for itself.
    pub fn with<R>(&self, work: impl FnOnce(&mut Engine) -> R) -> R {
        // A panic elsewhere leaves entries and packets as they were at some step, and memory within its bounds.
        work(&mut self.0.engine.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Microseconds since the switch began: what [`Engine::process`] takes for the time.
    #[must_use]
    pub fn now(&self) -> u64 {
        u64::try_from(clock().saturating_duration_since(self.0.began).as_micros()).unwrap_or(u64::MAX)
    }
}

#[expect(clippy::disallowed_methods, reason = "drivers mint the time")]
fn clock() -> Instant {
    Instant::now()
}
