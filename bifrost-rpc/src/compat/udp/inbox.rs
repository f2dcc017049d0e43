//! The answers that wait to be read, and those who wait for them.

use std::collections::VecDeque;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What an answer counts beyond its bytes, so that many small ones are bounded too.
const ANSWER_OVERHEAD_BYTES: usize = 64;

/// Answers in the order of their calls.
#[derive(Debug)]
pub(super) struct Inbox {
    state: Mutex<State>,
    changed: Condvar,
    limit: usize,
}

#[derive(Debug)]
struct State {
    answers: VecDeque<io::Result<Vec<u8>>>,
    /// Bytes of the first answer that have been read.
    read: usize,
    /// What the answers count.
    bytes: usize,
    is_calling: bool,
    /// Parts of the channel that exist: one, or the two halves.
    handles: u8,
    /// Why nothing more can be written.
    broken: Option<String>,
}

impl Inbox {
    /// An inbox of a channel that is one part, for unread answers of about `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        let state = State { answers: VecDeque::new(), read: 0, bytes: 0, is_calling: false, handles: 1, broken: None };
        Self { state: Mutex::new(state), changed: Condvar::new(), limit }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The channel has one more part.
    pub(super) fn add_handle(&self) {
        self.state().handles += 1;
    }

    /// The channel has one part less.
    pub(super) fn remove_handle(&self) {
        self.state().handles -= 1;
        self.changed.notify_all();
    }

    /// Why nothing can be written any more.
    pub(super) fn broken(&self) -> Option<io::Error> {
        self.state().broken.as_deref().map(broken)
    }

    /// Nothing can be written any more.
    pub(super) fn break_off(&self, why: String) {
        self.state().broken = Some(why);
        self.changed.notify_all();
    }

    /// A call is about to be made. Waits for room for its answer.
    pub(super) fn begin_call(&self, wait: Duration) -> io::Result<()> {
        let is_full = |state: &mut State| state.bytes > self.limit && state.handles > 1;
        let waited = self.changed.wait_timeout_while(self.state(), wait, is_full);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if state.bytes > self.limit {
            let message = format!("{} answers were not read", state.answers.len());
            return Err(io::Error::new(io::ErrorKind::QuotaExceeded, message));
        }
        state.is_calling = true;
        Ok(())
    }

    /// The call has ended, with this answer if any.
    pub(super) fn end_call(&self, answer: Option<io::Result<Vec<u8>>>) {
        let mut state = self.state();
        state.is_calling = false;
        if let Some(answer) = answer {
            state.bytes += weight(&answer);
            state.answers.push_back(answer);
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Reads of the first answer. With none there, waits for the call under way, or `wait` for one to be made by the
    /// other half.
    ///
    /// # Errors
    ///
    /// That of the call; or nobody made or can make one.
    pub(super) fn read(&self, into: &mut [u8], wait: Duration) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        let mut state = self.state();
        let mut has_waited = false;
        loop {
            if let Some(read) = state.read(into) {
                drop(state);
                self.changed.notify_all();
                return read;
            }
            if state.is_calling {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            if let Some(why) = &state.broken {
                return Err(broken(why));
            }
            if state.handles < 2 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "read without a call that is to be answered"));
            }
            if has_waited {
                let message = format!("read, but no call was made within {wait:?}");
                return Err(io::Error::new(io::ErrorKind::TimedOut, message));
            }
            let waited = self.changed.wait_timeout_while(state, wait, |state| state.is_idle());
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            has_waited = true;
        }
    }
}

impl State {
    /// Whether nothing has happened that a reader could wait for.
    fn is_idle(&self) -> bool {
        self.answers.is_empty() && !self.is_calling && self.broken.is_none() && self.handles > 1
    }

    /// Reads of the first answer, if there is one.
    fn read(&mut self, into: &mut [u8]) -> Option<io::Result<usize>> {
        let Ok(answer) = self.answers.front()? else {
            return self.take_first().map(|failed| failed.map(|_| 0));
        };
        let rest = answer.get(self.read..).unwrap_or_default();
        let bytes = rest.len().min(into.len());
        into[..bytes].copy_from_slice(&rest[..bytes]);
        self.read += bytes;
        if self.read == answer.len() {
            self.take_first();
        }
        Some(Ok(bytes))
    }

    fn take_first(&mut self) -> Option<io::Result<Vec<u8>>> {
        let first = self.answers.pop_front()?;
        self.read = 0;
        self.bytes -= weight(&first);
        Some(first)
    }
}

fn weight(answer: &io::Result<Vec<u8>>) -> usize {
    ANSWER_OVERHEAD_BYTES + answer.as_ref().map_or(0, Vec::len)
}

fn broken(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, format!("the channel broke off, a new one is needed: {why}"))
}
