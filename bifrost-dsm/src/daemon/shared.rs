//! A memory that several threads share.

use super::sessions::Sessions;
use crate::config::Config;
use crate::control::{Control, Controlled, Stamp};
use crate::memory::Memory;
use crate::metrics::Metrics;
use crate::refusal::Refusal;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What the transport hands on to one session at most. More is not refused as a final outcome, but by flow control.
const STAGED_MAX: usize = 1024;
/// Object ids left at which further ones are asked for: minutes of allocations, at any rate that there may be.
const IDS_LOW: u32 = 1 << 28;

/// Objects and leases that a control message changes while operations wait, where it may be done in steps.
const STEP_MAX: usize = 1024;
/// How long operations then have the memory to themselves.
const PAUSE: Duration = Duration::from_micros(100);

/// A [`Memory`] behind a lock. Cheap to clone.
///
/// The lock is held for what an operation does to tables, and while a write of part of an object or a short read is
/// copied; not while long answers are put together or large memory is given back.
#[derive(Debug, Clone)]
pub struct SharedMemory {
    state: Arc<Mutex<State>>,
    /// Held for each control message to its end.
    turn: Arc<Mutex<()>>,
    /// Prefix and server of its pointers.
    pub(super) place: (u8, u8),
    /// Nodes are not protected from each other.
    pub(super) is_open: bool,
}

/// What the lock guards.
#[derive(Debug)]
pub(super) struct State {
    pub(super) memory: Memory,
    pub(super) sessions: Sessions,
}

impl SharedMemory {
    /// The memory of a server to be, as a [`Daemon`](super::Daemon) has it.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let (place, is_open) = ((config.prefix, config.server), config.open);
        // The transport hands on each operation once, in order, and keeps the answers.
        let config = Config { keeps_outcomes: false, staged_max: config.staged_max.max(STAGED_MAX), ..config };
        let state = State { memory: Memory::new(config), sessions: Sessions::default() };
        Self { state: Arc::new(Mutex::new(state)), turn: Arc::default(), place, is_open }
    }

    /// A panic elsewhere was answered as a failure; what it left is still bounded and accounted for.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets `look` at the memory, while nobody else does: it is to be short.
    pub fn with<T>(&self, look: impl FnOnce(&mut Memory) -> T) -> T {
        look(&mut self.state().memory)
    }

    /// Goes on under the boot number that `next` gives, if the object ids of the present one run low. It is to be called
    /// every second or so. Returns whether it asked for one.
    ///
    /// # Errors
    ///
    /// Those of `next`, which runs without the lock.
    pub fn renew_ids<E>(&self, next: impl FnOnce() -> Result<u32, E>) -> Result<bool, E> {
        if self.with(|memory| memory.ids_left()) > IDS_LOW {
            return Ok(false);
        }
        let boot = next()?;
        self.with(|memory| memory.continue_under(boot));
        Ok(true)
    }

    /// How things stand.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.with(|memory| memory.metrics())
    }

    /// [`Memory::control`], in steps that let operations go on between them. One message after the other.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn control(&self, stamp: Stamp, control: &Control) -> Result<Controlled, Refusal> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let (outcome, retired) = self.with(|memory| memory.control_step_keeping(stamp, control, STEP_MAX));
            // Giving memory back takes long: it is done while operations go on.
            drop(retired);
            if let Some(outcome) = outcome {
                return outcome;
            }
            // Nobody unparks this thread. Without a pause it would have the lock again before those who wait have woken.
            std::thread::park_timeout(PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_further_boot_number_is_asked_for_when_ids_run_low() {
        let memory = SharedMemory::new(Config { boot: 5, ..Config::default() });
        assert_eq!(memory.renew_ids(|| Ok::<_, ()>(9)), Ok(false));
        memory.with(|memory| memory.use_ids(u32::MAX - IDS_LOW));
        assert_eq!(memory.renew_ids(|| Err("none")), Err("none"));
        assert_eq!(memory.renew_ids(|| Ok::<_, ()>(9)), Ok(true));
        assert_eq!(memory.with(|memory| memory.ids_left()), u32::MAX);
    }
}
