//! A thread that sleeps until something is due.

use super::Clock;
use crate::endpoint::Time;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// The sleep of a timer thread, and how others cut it short.
#[derive(Debug)]
pub(crate) struct Timer {
    clock: Clock,
    /// The time until which the thread sleeps, in ns; 0 while it is awake.
    until: AtomicU64,
    is_stopped: AtomicBool,
    lock: Mutex<()>,
    woken: Condvar,
}

/// Sleeps that differ by less are the same.
const SLACK: Duration = Duration::from_micros(500);

impl Timer {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            until: AtomicU64::new(0),
            is_stopped: AtomicBool::new(false),
            lock: Mutex::new(()),
            woken: Condvar::new(),
        }
    }

    /// Something is due at `due`: the thread must be awake by then.
    pub(crate) fn wake_by(&self, due: Option<Time>) {
        let Some(due) = due else { return };
        if due.plus(SLACK).as_nanos() < self.until.load(Ordering::Acquire) {
            let _guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
            self.until.store(0, Ordering::Release);
            self.woken.notify_one();
        }
    }

    /// Ends the thread.
    pub(crate) fn stop(&self) {
        self.is_stopped.store(true, Ordering::Release);
        let _guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.until.store(0, Ordering::Release);
        self.woken.notify_all();
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Acquire)
    }

    /// Calls `run`, which returns when it is to be called next, until stopped.
    pub(crate) fn run(&self, mut run: impl FnMut() -> Option<Time>) {
        while !self.is_stopped() {
            // Before `run` looks, so that what is armed while it looks is not missed.
            self.until.store(u64::MAX, Ordering::Release);
            let due = run();
            let mut guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
            if self.until.load(Ordering::Acquire) == 0 {
                continue;
            }
            let due = due.unwrap_or(Time::from_nanos(u64::MAX));
            self.until.store(due.as_nanos(), Ordering::Release);
            while self.until.load(Ordering::Acquire) != 0 && !self.is_stopped() {
                let left = due.since(self.clock.now());
                if left.is_zero() {
                    break;
                }
                let left = left.min(Duration::from_secs(3600));
                guard = self.woken.wait_timeout(guard, left).unwrap_or_else(PoisonError::into_inner).0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::mpsc::channel;

    #[test]
    fn sleeps_are_cut_short_by_what_is_due_earlier() {
        let clock = Clock::new();
        let timer = Arc::new(Timer::new(clock));
        let (tell, told) = channel();
        let thread = std::thread::spawn({
            let timer = Arc::clone(&timer);
            move || {
                timer.run(|| {
                    tell.send(()).unwrap();
                    Some(clock.now().plus(Duration::from_secs(600)))
                });
            }
        });
        for _ in 0..20 {
            told.recv_timeout(Duration::from_secs(20)).unwrap();
            timer.wake_by(Some(clock.now()));
        }
        timer.stop();
        thread.join().unwrap();
    }
}
