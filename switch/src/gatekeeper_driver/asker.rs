//! What other threads tell the driver's, and ask of it.

use super::counts::Counts;
use super::journal::Wrote;
use super::machine::Machine;
use super::waker::Waker;
use crate::gatekeeper::ServerTable;
use bifrost_rpc::endpoint::Time;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

/// Time for somebody who asks to be answered.
const ASK_WAIT: Duration = Duration::from_secs(10);

type Work<M> = Box<dyn FnOnce(&mut M, Time, &Counts) + Send>;
/// Asked again whenever something has been done, until it says that it is over.
pub(super) type Patient<M> = Box<dyn FnMut(&M, Time) -> bool + Send>;

/// What other threads tell the driver.
pub(super) enum Event<M> {
    Wrote(Wrote),
    Tables,
    Table(u8, ServerTable),
    Ask(Work<M>),
    Await(Patient<M>),
}

/// The way of events to the driver.
#[derive(Debug)]
pub(super) struct Events<M> {
    sender: Sender<Event<M>>,
    pub(super) waker: Arc<Waker>,
}

impl<M> Clone for Events<M> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), waker: Arc::clone(&self.waker) }
    }
}

impl<M> Events<M> {
    pub(super) fn new(sender: Sender<Event<M>>, waker: Arc<Waker>) -> Self {
        Self { sender, waker }
    }

    /// Tells the driver; says whether it still runs.
    pub(super) fn tell(&self, event: Event<M>) -> bool {
        let is_told = self.sender.send(event).is_ok();
        self.waker.wake();
        is_told
    }
}

/// Asks a control plane that runs. Cheap to clone.
#[derive(Debug)]
pub struct Asker<M> {
    events: Events<M>,
}

impl<M> Clone for Asker<M> {
    fn clone(&self) -> Self {
        Self { events: self.events.clone() }
    }
}

impl<M: Machine> Asker<M> {
    pub(super) fn new(events: Events<M>) -> Self {
        Self { events }
    }

    /// Has something done with the state machine, in between packets; `None`: the control plane has ended.
    pub fn ask<R: Send + 'static>(&self, work: impl FnOnce(&mut M, Time, &Counts) -> R + Send + 'static) -> Option<R> {
        let (tell, told) = channel();
        let work: Work<M> = Box::new(move |machine, now, counts| {
            // Whoever asked may have given up.
            let _ = tell.send(work(machine, now, counts));
        });
        if self.events.tell(Event::Ask(work)) { told.recv_timeout(ASK_WAIT).ok() } else { None }
    }

    /// Waits for something to come true of the state machine, so long at most; `None`: the control plane has ended.
    pub fn wait_until(&self, limit: Duration, is_true: impl Fn(&M) -> bool + Send + 'static) -> Option<bool> {
        let (tell, told) = channel();
        let mut end = None;
        let patient: Patient<M> = Box::new(move |machine, now| {
            let is_true = is_true(machine);
            let is_over = is_true || *end.get_or_insert(now.plus(limit)) <= now;
            if is_over {
                // Whoever asked may have given up.
                let _ = tell.send(is_true);
            }
            is_over
        });
        if self.events.tell(Event::Await(patient)) { told.recv_timeout(limit + ASK_WAIT).ok() } else { None }
    }
}
