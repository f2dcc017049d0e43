//! The bounded queue of calls that wait for a worker.

use super::desk::Desk;
use super::shard::Shard;
use crate::endpoint::{ServedCall, Time};
use crate::wire::{MethodField, Pointer};
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// A call to be run by a worker.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) shard: Arc<Shard>,
    pub(super) called: Called,
}

/// A call that has come.
#[derive(Debug)]
pub(super) struct Called {
    pub(super) call: ServedCall,
    pub(super) client: u64,
    pub(super) method: MethodField,
    /// Its name, if it is served.
    pub(super) name: Option<&'static str>,
    pub(super) service: u32,
    pub(super) oneway: bool,
    pub(super) message: Vec<u8>,
    pub(super) pointers: Vec<Pointer>,
    pub(super) references: bool,
    pub(super) deadline: Option<Time>,
}

/// A bounded first-in-first-out queue for many threads.
#[derive(Debug)]
pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    filled: Condvar,
    limit: usize,
}

#[derive(Debug)]
struct State<T> {
    items: VecDeque<T>,
    is_closed: bool,
}

impl<T> Queue<T> {
    pub(super) fn new(limit: usize) -> Self {
        let state = State { items: VecDeque::new(), is_closed: false };
        Self { state: Mutex::new(state), filled: Condvar::new(), limit }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends an item; gives it back if the queue is full or closed.
    pub(super) fn push(&self, item: T) -> Result<(), T> {
        let mut state = self.state();
        if state.is_closed || state.items.len() >= self.limit {
            return Err(item);
        }
        state.items.push_back(item);
        drop(state);
        self.filled.notify_one();
        Ok(())
    }

    /// Appends an item, however full the queue is; gives it back if the queue is closed.
    pub(super) fn push_over_limit(&self, item: T) -> Result<(), T> {
        let mut state = self.state();
        if state.is_closed {
            return Err(item);
        }
        state.items.push_back(item);
        drop(state);
        self.filled.notify_one();
        Ok(())
    }

    /// The first item; waits for one. `None` once the queue is closed.
    pub(super) fn pop(&self) -> Option<T> {
        let mut state = self.state();
        loop {
            if state.is_closed {
                return None;
            }
            if let Some(item) = state.items.pop_front() {
                return Some(item);
            }
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes an item out.
    pub(super) fn remove(&self, which: impl Fn(&T) -> bool) -> Option<T> {
        let mut state = self.state();
        let at = state.items.iter().position(which)?;
        state.items.remove(at)
    }

    /// Ends all waiting, and returns what is still in the queue.
    pub(super) fn close(&self) -> VecDeque<T> {
        let mut state = self.state();
        state.is_closed = true;
        let left = std::mem::take(&mut state.items);
        drop(state);
        self.filled.notify_all();
        left
    }
}

impl Queue<Job> {
    /// Runs jobs until the queue is closed.
    pub(super) fn work(&self) {
        let mut desk = Desk::default();
        while let Some(Job { shard, called }) = self.pop() {
            shard.run_job(called, &mut desk);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_come_in_order_and_a_full_queue_gives_back() {
        let queue = Queue::new(2);
        assert_eq!((queue.push(1), queue.push(2), queue.push(3)), (Ok(()), Ok(()), Err(3)));
        assert_eq!(queue.remove(|item| *item == 1), Some(1));
        assert_eq!(queue.pop(), Some(2));
        queue.push(3).unwrap();
        assert_eq!(queue.close(), [3]);
        assert_eq!((queue.pop(), queue.push(4), queue.push_over_limit(5)), (None, Err(4), Err(5)));
    }

    #[test]
    fn closing_ends_those_who_wait() {
        let queue = Arc::new(Queue::<u8>::new(1));
        let waiting = Arc::clone(&queue);
        let thread = std::thread::spawn(move || waiting.pop());
        queue.close();
        assert_eq!(thread.join().unwrap(), None);
    }
}
