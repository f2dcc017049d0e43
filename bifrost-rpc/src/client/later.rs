//! What goes with whatever is sent next: operations whose end nobody awaits, and operations that are begun together.

use super::core::Core;
use crate::endpoint::{CallError, CallId, Endpoint, MemoryRequest, Time};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What is put off is sent after this time, if nothing else has been.
const DELAY: Duration = Duration::from_millis(5);
/// So many operations are not put off any longer.
const LATER_MAX: usize = 32;

/// What has not been sent.
#[derive(Debug, Default)]
pub(super) struct Later {
    /// Nobody awaits their end.
    requests: Mutex<Vec<MemoryRequest>>,
    /// How many they are, to be looked at without the lock.
    len: AtomicUsize,
    /// The endpoint has operations that were begun and not sent.
    is_holding: AtomicBool,
}

impl Later {
    fn requests(&self) -> MutexGuard<'_, Vec<MemoryRequest>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_empty(&self) -> bool {
        self.len.load(Ordering::Acquire) == 0
    }

    /// Puts a request off; returns how many there are.
    fn push(&self, request: MemoryRequest) -> usize {
        let mut requests = self.requests();
        requests.push(request);
        self.len.store(requests.len(), Ordering::Release);
        requests.len()
    }

    /// Takes all requests.
    fn take(&self) -> Vec<MemoryRequest> {
        let mut requests = self.requests();
        self.len.store(0, Ordering::Release);
        std::mem::take(&mut *requests)
    }

    /// Takes what is `wanted` of the first requests of which something is, `max` of them; they are forgotten.
    fn take_first<T>(&self, max: usize, wanted: impl Fn(&MemoryRequest) -> Option<T>) -> Vec<T> {
        let mut requests = self.requests();
        let mut taken = Vec::with_capacity(requests.len().min(max));
        requests.retain(|request| {
            let wanted = if taken.len() < max { wanted(request) } else { None };
            let stays = wanted.is_none();
            taken.extend(wanted);
            stays
        });
        self.len.store(requests.len(), Ordering::Release);
        taken
    }
}

impl Core {
    /// Has an operation done whose end nobody awaits: it is sent with whatever is sent next, or in 5 ms. Where the socket has
    /// failed nothing is kept.
    pub(super) fn put_off(&self, request: MemoryRequest) {
        if self.check_socket().is_err() {
            return;
        }
        match self.later.push(request) {
            LATER_MAX.. => self.send_later(),
            1 => self.timer.wake_by(Some(self.port.clock.now().plus(DELAY))),
            // What was put off before goes earlier, and takes this along.
            _ => {}
        }
    }

    /// Takes back what was put off and is wanted, to be done by a batch, if the server's batches may name several objects.
    pub(super) fn take_put_off<T>(&self, max: usize, wanted: impl Fn(&MemoryRequest) -> Option<T>) -> Vec<T> {
        match self.later.is_empty() || !self.may_span_objects(&[]) {
            true => Vec::new(),
            false => self.later.take_first(max, wanted),
        }
    }

    /// Begins what was put off, behind what has been begun: the large first, so that one send takes both.
    pub(super) fn begin_put_off(&self, now: Time, endpoint: &mut Endpoint) {
        if self.later.is_empty() {
            return;
        }
        for request in self.later.take() {
            // Nobody would be told of an error.
            let _ = endpoint.memory(now, self.peer(), request);
        }
    }

    /// Begins an operation that is sent with the next, or when somebody waits.
    pub(super) fn begin_held(&self, request: MemoryRequest) -> Result<CallId, CallError> {
        self.check_socket()?;
        let now = self.port.clock.now();
        self.listen_after_pause(now);
        let mut endpoint = self.port.endpoint();
        let call = endpoint.memory(now, self.peer(), request)?;
        self.expect(call);
        drop(endpoint);
        self.later.is_holding.store(true, Ordering::Release);
        self.timer.wake_by(Some(now.plus(DELAY)));
        Ok(call)
    }

    /// Sends what was begun and held.
    pub(super) fn send_held(&self) {
        if self.later.is_holding.load(Ordering::Acquire) && self.later.is_holding.swap(false, Ordering::AcqRel) {
            self.send_later();
        }
    }

    fn send_later(&self) {
        let now = self.port.clock.now();
        let mut endpoint = self.port.endpoint();
        self.begin_put_off(now, &mut endpoint);
        self.send(now, endpoint);
    }
}
