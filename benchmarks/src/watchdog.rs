//! Ends a burst that hangs, at no cost to the calls in it.
//!
//! A receive time-out on the socket would cost each call a timer (0.2 µs of a 9.5 µs ping), and the
//! raw variants are the limit that the others are compared with. So a thread looks every half second
//! whether the burst under way is overdue, and shuts its sockets down; the blocked receive then ends
//! with an error.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::clock;

/// Ends what a session waits for. Called from another thread.
pub(crate) type Aborter = Box<dyn Fn() + Send>;

const TICK: Duration = Duration::from_millis(500);

/// The thread. One for each run.
#[derive(Debug)]
pub(crate) struct Watchdog {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    stopped: Condvar,
}

#[derive(Default)]
struct State {
    armed: Option<(Instant, Aborter)>,
    fired: bool,
    stop: bool,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("armed", &self.armed.is_some()).field("fired", &self.fired).finish()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watch(&self) {
        let mut state = self.state();
        while !state.stop {
            let overdue = state.armed.take_if(|(deadline, _)| *deadline <= clock::now());
            if let Some((_, abort)) = overdue {
                state.fired = true;
                abort();
            }
            state = self.stopped.wait_timeout(state, TICK).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Watchdog {
    /// Starts the thread.
    pub(crate) fn start() -> Self {
        let shared = Arc::new(Shared::default());
        let watched = Arc::clone(&shared);
        Self { shared, thread: Some(std::thread::spawn(move || watched.watch())) }
    }

    /// Runs `work`, calling `abort` should it take longer than `limit`. Says whether it did.
    pub(crate) fn guard<T>(&self, limit: Duration, abort: Option<Aborter>, work: impl FnOnce() -> T) -> (T, bool) {
        {
            let mut state = self.shared.state();
            state.fired = false;
            state.armed = abort.map(|abort| (clock::now() + limit, abort));
        }
        let result = work();
        let mut state = self.shared.state();
        state.armed = None;
        (result, state.fired)
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.shared.state().stop = true;
        self.shared.stopped.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic in it has been printed already.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::time::Duration;

    use super::Watchdog;

    #[test]
    fn a_receive_that_waits_for_nothing_ends() {
        let watchdog = Watchdog::start();
        let socket = UdpSocket::bind("[::1]:0").unwrap();
        socket.connect(socket.local_addr().unwrap()).unwrap();
        let other = socket.try_clone().unwrap();
        let abort = Box::new(move || crate::sockets::shut_down(&other));
        let (received, fired) =
            watchdog.guard(Duration::from_millis(10), Some(abort), || socket.recv(&mut [0; 8]).unwrap());
        assert_eq!((received, fired), (0, true));
    }

    #[test]
    fn work_in_time_is_left_alone() {
        let watchdog = Watchdog::start();
        let (value, fired) = watchdog.guard(Duration::from_secs(60), Some(Box::new(|| panic!("fired"))), || 7);
        assert_eq!((value, fired), (7, false));
    }
}
