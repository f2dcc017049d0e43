//! A limit on a test's time.

use super::process;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// Ends the test process, and the servers it started, unless dropped in time.
#[derive(Debug)]
pub(crate) struct Watchdog {
    _bark: Sender<()>,
}

impl Watchdog {
    /// `seconds` is meant for a slow and busy machine.
    pub(crate) fn of(test: &'static str, seconds: u64) -> Self {
        let (bark, silence) = channel::<()>();
        std::thread::spawn(move || {
            if silence.recv_timeout(Duration::from_secs(seconds)) == Err(RecvTimeoutError::Timeout) {
                process::kill_all();
                eprintln!("{test} hangs: not finished after {seconds} s");
                std::process::abort();
            }
        });
        Self { _bark: bark }
    }
}
