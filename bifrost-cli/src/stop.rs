//! Ctrl-C and SIGTERM.

use anyhow::{Context, Result};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

/// What a shell reports for a program ended by Ctrl-C.
const INTERRUPTED: i32 = 130;

/// Waits to be told to stop.
#[derive(Debug)]
pub(crate) struct Stop {
    told: Receiver<()>,
}

impl Stop {
    /// From here on signals no longer end the program: the first is waited for, the second ends it.
    pub(crate) fn install() -> Result<Self> {
        Self::saying("stopping; running calls may finish (once more stops at once)")
    }

    /// The same, with what is said at the first.
    pub(crate) fn saying(text: &'static str) -> Result<Self> {
        let (tell, told) = mpsc::channel();
        let was_told = AtomicBool::new(false);
        ctrlc::set_handler(move || {
            if was_told.swap(true, Ordering::SeqCst) {
                eprintln!("stopped at once");
                // The person does not want to wait for running calls.
                std::process::exit(INTERRUPTED);
            }
            eprintln!("{text}");
            // Whoever waited is gone if this fails, and the program is about to end.
            let _ = tell.send(());
        })
        .context("cannot handle signals")?;
        Ok(Self { told })
    }

    /// Waits for the first signal, so long at most; says whether it came.
    pub(crate) fn wait_for(&self, time: Duration) -> bool {
        !matches!(self.told.recv_timeout(time), Err(RecvTimeoutError::Timeout))
    }

    /// Blocks until the first signal.
    pub(crate) fn wait(&self) {
        // The sender lives in the handler, as long as the program.
        let _ = self.told.recv();
    }
}
