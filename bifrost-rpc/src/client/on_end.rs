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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn a_panic_of_the_users_does_not_end_the_thread_that_tells() {
        let told = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&told);
        let on_end = OnEnd::of(move || {
            count.fetch_add(1, Ordering::Relaxed);
            panic!("a user's mistake");
        });
        on_end.tell();
        on_end.tell();
        assert_eq!(told.load(Ordering::Relaxed), 2);
    }
}
