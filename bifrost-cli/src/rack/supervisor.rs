//! Gatekeeper's process, which is started again when it ends.

use crate::demo::child::Child;
use crate::{clock, fault, gatekeeper};
use anyhow::{Context, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often it is looked, and before it is started again: where the switch has ended, too, all ends.
const LOOK: Duration = Duration::from_millis(200);
/// One that ends earlier does not work.
const LIVES: Duration = Duration::from_secs(2);
/// So many in a row that do not work are enough.
const FAILURES_MAX: u32 = 10;

/// A Gatekeeper that comes back, with its state, whenever it ends. Dropping this ends it.
#[derive(Debug)]
pub(super) struct Supervisor {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<Option<Child>>>,
    /// Which process it began as.
    first: String,
}

#[derive(Debug, Default)]
struct Shared {
    is_stopped: AtomicBool,
    /// It was asked to end the rack, or cannot be kept running.
    is_over: AtomicBool,
}

impl Supervisor {
    /// Starts `bifrost gatekeeper` with these arguments.
    pub(super) fn start(options: Vec<String>) -> Result<Self> {
        let child = start(&options).context("Gatekeeper does not start")?;
        let (shared, first) = (Arc::new(Shared::default()), describe(&child));
        let look = Arc::clone(&shared);
        let run = move || look.run(child, &options);
        let thread = std::thread::Builder::new().name("supervisor".into()).spawn(run).context("no thread")?;
        Ok(Self { shared, thread: Some(thread), first })
    }

    /// Which process it began as.
    pub(super) fn describe(&self) -> &str {
        &self.first
    }

    /// Whether the rack is to end: somebody who manages it wants that, or it cannot be managed any more.
    pub(super) fn is_over(&self) -> bool {
        self.shared.is_over.load(Ordering::Acquire)
    }

    /// Ends it in good order.
    pub(super) fn stop(mut self) -> Result<()> {
        self.end().context("Gatekeeper is away")?.stop()
    }

    fn end(&mut self) -> Option<Child> {
        self.shared.is_stopped.store(true, Ordering::Release);
        // A thread that panicked has none.
        self.thread.take()?.join().ok().flatten()
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        drop(self.end());
    }
}

impl Shared {
    fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Acquire)
    }

    /// Watches over it until told to stop; the one that runs then.
    fn run(&self, child: Child, options: &[String]) -> Option<Child> {
        let (mut child, mut failures, mut since) = (Some(child), 0, clock::now());
        while !self.is_stopped() {
            if let Some(running) = &mut child {
                if running.said(LOOK).is_some_and(|line| line == gatekeeper::ASKED) {
                    self.is_over.store(true, Ordering::Release);
                }
                if !running.has_ended() {
                    continue;
                }
                eprintln!("gatekeeper has ended, and is started again; the rack goes on forwarding");
            }
            clock::pause(LOOK);
            if self.is_stopped() {
                break;
            }
            failures = if clock::now() - since < LIVES { failures + 1 } else { 0 };
            if failures == FAILURES_MAX {
                eprintln!("gatekeeper ends again and again");
                self.is_over.store(true, Ordering::Release);
                return None;
            }
            since = clock::now();
            child = again(options);
        }
        child
    }
}

/// Starts it again; `None`: it does not start.
fn again(options: &[String]) -> Option<Child> {
    match start(options) {
        Ok(child) => {
            eprintln!("{}", describe(&child));
            Some(child)
        }
        Err(error) => {
            eprintln!("gatekeeper does not start: {}", fault::text(&error));
            None
        }
    }
}

fn start(options: &[String]) -> Result<Child> {
    Child::start_by(&[], &options.iter().map(String::as_str).collect::<Vec<_>>())
}

fn describe(child: &Child) -> String {
    format!("process {}: gatekeeper at {}", child.id(), child.url())
}
