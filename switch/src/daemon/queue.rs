//! What waits to be taken at an in-process port.

use super::frames::Frames;
use bifrost_rpc::Taker;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Bytes that wait at one port at most.
pub const QUEUE_BYTES_MAX: usize = 16 << 20;

/// Frames that whoever brings them takes further by himself; of more the switch goes on forwarding while others take them.
const TAKEN_MAX: usize = 16;

/// Frames that wait, bounded: what does not fit is lost, as at any switch.
pub(crate) struct Queue {
    state: Mutex<State>,
    filled: Condvar,
    frames_max: usize,
    taker: Mutex<Option<Taker>>,
    has_taker: AtomicBool,
    /// Frames were pushed of which nobody was told.
    is_untold: AtomicBool,
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("state", &self.state).field("has_taker", &self.has_taker).finish_non_exhaustive()
    }
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
        Self {
            state: Mutex::default(),
            filled: Condvar::new(),
            frames_max,
            taker: Mutex::default(),
            has_taker: AtomicBool::new(false),
            is_untold: AtomicBool::new(false),
        }
    }

    /// Who is asked to take frames before somebody is told who waits.
    pub(crate) fn set_taker(&self, taker: Option<Taker>) {
        let has_taker = taker.is_some();
        *self.taker.lock().unwrap_or_else(PoisonError::into_inner) = taker;
        self.has_taker.store(has_taker, Ordering::Release);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends frames; says how many fitted. [`Queue::settle`] follows.
    pub(crate) fn push(&self, frames: &Frames) -> usize {
        let mut state = self.state();
        if state.is_closed {
            return 0;
        }
        let (count, bytes) = (state.frames.len(), state.frames.memory_bytes());
        let (count, bytes) = (self.frames_max.saturating_sub(count), QUEUE_BYTES_MAX.saturating_sub(bytes));
        let taken = state.frames.append(frames, count, bytes);
        if self.has_taker.load(Ordering::Acquire) {
            self.is_untold.store(true, Ordering::Release);
        } else {
            self.tell(state);
        }
        taken
    }

    /// Has what was pushed taken by the calling thread, if that may, or tells who waits.
    pub(crate) fn settle(&self, may_take: bool) {
        if !self.is_untold.swap(false, Ordering::AcqRel) {
            return;
        }
        let may_take = may_take && self.state().frames.len() <= TAKEN_MAX;
        let taker = || self.taker.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if !may_take || !taker().is_some_and(|take| take()) {
            self.tell(self.state());
        }
    }

    fn tell(&self, state: MutexGuard<'_, State>) {
        let has_waiting = state.waiting > 0;
        drop(state);
        if has_waiting {
            self.filled.notify_one();
        }
    }

    /// Waits until something is there, nothing more will come, or somebody is woken; so long at most. Not at all: then a wake is the next one's.
    pub(crate) fn wait(&self, wait: Duration) {
        if wait.is_zero() {
            return;
        }
        let mut state = self.state();
        let must_wait = |state: &mut State| state.frames.is_empty() && !state.is_closed && !state.is_woken;
        if must_wait(&mut state) {
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
        self.tell(state);
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    fn frames(count: usize) -> Frames {
        let mut frames = Frames::new();
        (0..count).for_each(|_| frames.push(&[7; 60]));
        frames
    }

    fn queue(takes: bool) -> (Arc<Queue>, Arc<AtomicUsize>) {
        let (queue, asked) = (Arc::new(Queue::new(1000)), Arc::new(AtomicUsize::new(0)));
        let (count, taken) = (Arc::clone(&asked), Arc::downgrade(&queue));
        queue.set_taker(Some(Arc::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
            taken.upgrade().filter(|_| takes).map(|queue| queue.swap(&mut Frames::new())).is_some()
        })));
        (queue, asked)
    }

    #[test]
    fn who_brings_frames_takes_them_once() {
        let (queue, asked) = queue(true);
        queue.settle(true);
        assert_eq!(asked.load(Ordering::SeqCst), 0, "nothing was brought");
        queue.push(&frames(3));
        queue.settle(true);
        queue.settle(true);
        let mut left = Frames::new();
        queue.swap(&mut left);
        assert_eq!((asked.load(Ordering::SeqCst), left.len()), (1, 0));
    }

    #[test]
    fn what_the_taker_does_not_take_is_told_to_who_waits() {
        // It may not, there are too many, or it does not.
        for (takes, may_take, count, asked_then) in
            [(true, false, 1, 0), (true, true, TAKEN_MAX + 1, 0), (false, true, 1, 1)]
        {
            let (queue, asked) = queue(takes);
            let waits = Arc::clone(&queue);
            let waiting = std::thread::spawn(move || {
                let mut found = Frames::new();
                while found.is_empty() {
                    waits.wait(Duration::from_secs(60));
                    waits.swap(&mut found);
                }
                found.len()
            });
            while queue.state().waiting == 0 {
                std::thread::yield_now();
            }
            queue.push(&frames(count));
            queue.settle(may_take);
            assert_eq!((waiting.join().unwrap(), asked.load(Ordering::SeqCst)), (count, asked_then));
        }
    }

    #[test]
    fn a_look_without_a_wait_leaves_a_wake_to_who_waits() {
        let queue = Queue::new(1);
        queue.wake();
        queue.wait(Duration::ZERO);
        queue.wait(Duration::from_secs(3600));
    }
}
