//! Ports whose other end is in the same process: tests, benchmarks, and the control plane's port.

use super::counts::Tally;
use super::fabric::{Fabric, Forwarder, Link};
use super::frames::Frames;
use super::queue::Queue;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

impl Link for Queue {
    fn send(&self, frames: &mut Frames) -> Tally {
        let taken = self.push(frames);
        let mut lost = Tally::default();
        frames.iter().skip(taken).for_each(|frame| lost.add(frame));
        lost
    }
}

/// The other end of an in-process port. A thread that sends carries its frames through the switch itself; what leaves by the
/// port waits here until it is taken.
#[derive(Debug)]
pub struct LocalPort {
    number: u32,
    forwarder: Mutex<Forwarder>,
    queue: Arc<Queue>,
    inbox: Mutex<Inbox>,
}

/// Frames taken from the queue, of which some are left.
#[derive(Debug, Default)]
struct Inbox {
    frames: Frames,
    next: usize,
}

impl LocalPort {
    pub(crate) fn new(number: u32, fabric: &Arc<Fabric>, queue: Arc<Queue>) -> Self {
        let forwarder = Mutex::new(Forwarder::new(Arc::clone(fabric)));
        Self { number, forwarder, queue, inbox: Mutex::default() }
    }

    /// The port's number.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Sends a frame into the switch. Once the switch is shut down it is lost.
    pub fn send(&self, frame: &[u8]) {
        self.send_all([frame]);
    }

    /// Sends frames into the switch, in batches.
    pub fn send_all<'a>(&self, frames: impl IntoIterator<Item = &'a [u8]>) {
        let mut forwarder = self.forwarder.lock().unwrap_or_else(PoisonError::into_inner);
        forwarder.forward(self.number, frames);
    }

    /// Waits until whoever is sending has noticed that the switch has stopped.
    pub(crate) fn wait_idle(&self) {
        drop(self.forwarder.lock());
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the next frame; waits so long at most for it. Once the switch is shut down it no longer waits.
    pub fn receive(&self, wait: Duration) -> Option<Vec<u8>> {
        let mut inbox = self.inbox();
        let Inbox { frames, next } = &mut *inbox;
        if *next >= frames.len() {
            *next = 0;
            self.queue.swap(frames, wait);
        }
        let frame = frames.get(*next)?.to_vec();
        *next += 1;
        Some(frame)
    }

    /// Takes all frames that wait, in exchange for memory; waits so long at most for the first. Says whether the switch runs.
    ///
    /// Frames that [`LocalPort::receive`] has not reached come first.
    pub fn receive_all(&self, into: &mut Frames, wait: Duration) -> bool {
        let mut inbox = self.inbox();
        let Inbox { frames, next } = &mut *inbox;
        let left = std::mem::take(next);
        if left >= frames.len() {
            drop(inbox);
            return self.queue.swap(into, wait);
        }
        into.clear();
        frames.iter().skip(left).for_each(|frame| into.push(frame));
        frames.clear();
        true
    }
}
