//! Whom a channel tells that calls have ended.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// What is called when calls have ended for which nobody waits at the moment.
#[derive(Clone, Default)]
pub(super) struct OnEnd(Option<Arc<dyn Fn() + Send + Sync>>);

impl std::fmt::Debug for OnEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OnEnd(…)")
    }
}

impl OnEnd {
    pub(super) fn of(tell: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(tell)))
    }

    pub(super) fn tell(&self) {
        if let Some(tell) = &self.0 {
            // A panic has told the user; the thread has calls of others to look after.
            let _ = catch_unwind(AssertUnwindSafe(|| tell()));
        }
    }
}
