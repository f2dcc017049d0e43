//! Shows the ways of packets through a running switch.

use crate::engine::Event;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Mutex, PoisonError};

/// Packets whose ways wait to be taken; further ones go unseen.
pub const WATCH_PACKETS_MAX: usize = 1024;

/// Where the ways of packets go, if anybody looks on.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// So that nobody pays who is not watched.
    is_open: AtomicBool,
    to: Mutex<Option<SyncSender<Vec<Event>>>>,
}

impl Watch {
    /// Whether somebody looks on.
    pub(crate) fn is_open(&self) -> bool {
        self.is_open.load(Ordering::Relaxed)
    }

    /// From here on the ways of packets come out here, until it is dropped or somebody else looks on.
    pub(crate) fn open(&self) -> Receiver<Vec<Event>> {
        let (to, from) = sync_channel(WATCH_PACKETS_MAX);
        *self.to.lock().unwrap_or_else(PoisonError::into_inner) = Some(to);
        self.is_open.store(true, Ordering::Relaxed);
        from
    }

    pub(crate) fn note(&self, events: Vec<Event>) {
        let mut to = self.to.lock().unwrap_or_else(PoisonError::into_inner);
        if to.as_ref().is_some_and(|to| matches!(to.try_send(events), Err(TrySendError::Disconnected(_)))) {
            *to = None;
            self.is_open.store(false, Ordering::Relaxed);
        }
    }

    /// Nobody looks on any more.
    pub(crate) fn close(&self) {
        *self.to.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.is_open.store(false, Ordering::Relaxed);
    }
}
