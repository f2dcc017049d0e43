//! What waits to be taken at an in-process port.

use super::frames::Frames;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Bytes that wait at one port at most.
pub const QUEUE_BYTES_MAX: usize = 16 << 20;

/// Frames that wait, bounded: what does not fit is lost, as at any switch.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    filled: Condvar,
    frames_max: usize,
}

#[derive(Debug, Default)]
struct State {
    frames: Frames,
    is_closed: bool,
    /// The next wait is none.
    is_woken: bool,
    /// Threads that wait: without any, nobody has to be told, which would cost a system call.
    waiting: usize,
}

impl Queue {
    pub(crate) fn new(frames_max: usize) -> Self {
        Self { state: Mutex::default(), filled: Condvar::new(), frames_max }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends frames; says how many fitted.
    pub(crate) fn push(&self, frames: &Frames) -> usize {
        let mut state = self.state();
        if state.is_closed {
            return 0;
        }
        let (count, bytes) = (state.frames.len(), state.frames.memory_bytes());
        let (count, bytes) = (self.frames_max.saturating_sub(count), QUEUE_BYTES_MAX.saturating_sub(bytes));
        let taken = state.frames.append(frames, count, bytes);
        let has_waiting = state.waiting > 0;
        drop(state);
        if has_waiting {
            self.filled.notify_one();
        }
        taken
    }

    /// Waits until something is there, nothing more will come, or somebody is woken; so long at most.
    pub(crate) fn wait(&self, wait: Duration) {
        let mut state = self.state();
        let must_wait = |state: &mut State| state.frames.is_empty() && !state.is_closed && !state.is_woken;
        if !wait.is_zero() && must_wait(&mut state) {
            state.waiting += 1;
            state = self.filled.wait_timeout_while(state, wait, must_wait).unwrap_or_else(PoisonError::into_inner).0;
            state.waiting -= 1;
        }
        state.is_woken = false;
    }

    /// Ends a wait, the one that there is or the next.
    pub(crate) fn wake(&self) {
        let mut state = self.state();
        state.is_woken = true;
        let has_waiting = state.waiting > 0;
        drop(state);
        if has_waiting {
            self.filled.notify_one();
        }
    }

    /// Takes all that is there, in exchange for memory.
    pub(crate) fn swap(&self, into: &mut Frames) {
        into.clear();
        std::mem::swap(&mut self.state().frames, into);
    }

    /// Whether more can come.
    pub(crate) fn is_open(&self) -> bool {
        !self.state().is_closed
    }

    /// Takes nothing more; what waits can still be taken.
    pub(crate) fn close(&self) {
        self.state().is_closed = true;
        self.filled.notify_all();
    }
}
