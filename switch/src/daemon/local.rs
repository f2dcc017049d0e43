//! Ports whose other end is in the same process: tests, benchmarks, and the control plane's port.

use super::counts::Tally;
use super::fabric::{Fabric, Link};
use super::forwarder::Forwarder;
use super::frames::Frames;
use super::queue::Queue;
use bifrost_rpc::{FramePort, Taker};
use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

impl Link for Queue {
    fn send(&self, frames: &mut Frames) -> Tally {
        let taken = self.push(frames);
        let mut lost = Tally::default();
        frames.iter().skip(taken).for_each(|frame| lost.add(frame));
        lost
    }

    fn settle(&self, may_take: bool) {
        Self::settle(self, may_take);
    }
}

/// The other end of an in-process port. A thread that sends carries its frames through the switch itself; what leaves by the
/// port waits here until it is taken. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LocalPort(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    number: u32,
    forwarder: Mutex<Forwarder>,
    queue: Arc<Queue>,
    inbox: Mutex<Inbox>,
    /// Memory for what is shown to a link.
    spare: Mutex<Frames>,
}

/// Frames taken from the queue, of which some are left.
#[derive(Debug, Default)]
struct Inbox {
    frames: Frames,
    next: usize,
}

impl LocalPort {
    pub(crate) fn new(number: u32, fabric: &Arc<Fabric>, queue: Arc<Queue>) -> Self {
        let forwarder = Mutex::new(Forwarder::of_guest(Arc::clone(fabric)));
        Self(Arc::new(Inner { number, forwarder, queue, inbox: Mutex::default(), spare: Mutex::default() }))
    }

    /// The port's number.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.0.number
    }

    /// Sends a frame into the switch. Once the switch is shut down it is lost.
    pub fn send(&self, frame: &[u8]) {
        self.send_all([frame]);
    }

    /// Sends frames into the switch, in batches.
    pub fn send_all<'a>(&self, frames: impl IntoIterator<Item = &'a [u8]>) {
        let mut forwarder = self.0.forwarder.lock().unwrap_or_else(PoisonError::into_inner);
        forwarder.forward(self.0.number, frames);
    }

    /// Waits until whoever is sending has noticed that the switch has stopped.
    pub(crate) fn wait_idle(&self) {
        drop(self.0.forwarder.lock());
    }

    /// Does something with the frames that wait: a look at what is there, and another after `wait` if that was nothing.
    fn with_inbox<T>(&self, wait: Duration, take: impl Fn(&mut Inbox) -> Option<T>) -> Option<T> {
        let look = || {
            let mut inbox = self.0.inbox.lock().unwrap_or_else(PoisonError::into_inner);
            if inbox.next >= inbox.frames.len() {
                inbox.next = 0;
                self.0.queue.swap(&mut inbox.frames);
            }
            take(&mut inbox)
        };
        look().or_else(|| {
            if wait.is_zero() {
                return None;
            }
            // Others that receive at the same time do not wait for this thread.
            self.0.queue.wait(wait);
            look()
        })
    }

    /// Takes the next frame; waits so long at most for it. Once the switch is shut down it no longer waits.
    #[must_use]
    pub fn receive(&self, wait: Duration) -> Option<Vec<u8>> {
        self.with_inbox(wait, |inbox| {
            let frame = inbox.frames.get(inbox.next)?.to_vec();
            inbox.next += 1;
            Some(frame)
        })
    }

    /// Takes all frames that wait, in exchange for memory; waits so long at most for the first. Says whether more can come: not
    /// once the switch is shut down and its last frames were taken.
    pub fn receive_all(&self, into: &mut Frames, wait: Duration) -> bool {
        into.clear();
        let into = RefCell::new(into);
        let taken = self.with_inbox(wait, |inbox| {
            if inbox.frames.is_empty() {
                return None;
            }
            let mut into = into.borrow_mut();
            if inbox.next == 0 {
                std::mem::swap(*into, &mut inbox.frames);
            } else {
                inbox.frames.iter().skip(inbox.next).for_each(|frame| into.push(frame));
            }
            inbox.frames.clear();
            inbox.next = 0;
            Some(())
        });
        taken.is_some() || self.0.queue.is_open()
    }
}

/// A node in this process has its cable in this port: [`LinkBuilder::in_process`].
///
/// [`LinkBuilder::in_process`]: bifrost_rpc::LinkBuilder::in_process
impl FramePort for LocalPort {
    fn send(&self, frames: &mut dyn Iterator<Item = &[u8]>) {
        self.send_all(frames);
    }

    fn receive(&self, wait: Duration, take: &mut dyn FnMut(&[u8])) -> bool {
        let mut frames = std::mem::take(&mut *self.0.spare.lock().unwrap_or_else(PoisonError::into_inner));
        let is_open = self.receive_all(&mut frames, wait);
        frames.iter().for_each(&mut *take);
        *self.0.spare.lock().unwrap_or_else(PoisonError::into_inner) = frames;
        is_open
    }

    fn wake(&self) -> bool {
        self.0.queue.wake();
        true
    }

    fn set_taker(&self, taker: Option<Taker>) -> bool {
        self.0.queue.set_taker(taker);
        true
    }
}
