//! Panics of the library's own threads, which nobody would notice otherwise.

use std::sync::{Mutex, Once, PoisonError};

/// What handlers say that panic on purpose.
pub(crate) const ON_PURPOSE: &str = "a test of panics";

static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Has panics of the library's threads recorded from now on.
pub(crate) fn watch() {
    static WATCHING: Once = Once::new();
    WATCHING.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let text = panic.to_string();
            let is_own = std::thread::current().name().is_some_and(|name| name.starts_with("bifrost"));
            if is_own && !text.contains(ON_PURPOSE) {
                SEEN.lock().unwrap_or_else(PoisonError::into_inner).push(text);
            }
            before(panic);
        }));
    });
}

/// The panics so far.
pub(crate) fn seen() -> Vec<String> {
    SEEN.lock().unwrap_or_else(PoisonError::into_inner).clone()
}
