//! Digests on their way to the control plane.
//!
//! Samples are put into buffers, one list each. A buffer that is full, or whose first sample has waited long enough, becomes a
//! notification. A sample that equals one that was not acknowledged is not sent again.

use super::limits::{NOTIFICATIONS_MAX, SAMPLES_MAX, UNACKNOWLEDGED_MAX};
use super::program::LearnList;
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;

/// Samples of one list that go to the control plane together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// The list's id.
    pub list: u64,
    /// Names the buffer when it is acknowledged.
    pub buffer: u64,
    /// How many samples.
    pub samples: u32,
    /// The samples one after the other, each its fields in whole bytes.
    pub bytes: Vec<u8>,
}

/// Why an operation on digests was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LearnError {
    /// No list has this id.
    #[error("no such learn list")]
    InvalidId = 1,
    /// No list has this name.
    #[error("no such learn list")]
    InvalidName = 2,
    /// A number below zero, or too large.
    #[error("the number is out of range")]
    Other = 3,
}

impl LearnError {
    /// The number that BMv2's runtime API has for it.
    pub fn code(self) -> i32 {
        self as i32
    }
}

/// Samples of a buffer until it is as full as in BMv2.
const SAMPLES: usize = 16;
/// How long a sample waits for others, as in BMv2.
const WAIT_US: u64 = 1_000_000;

type Sample = Arc<[u8]>;

/// The samples of one list.
#[derive(Clone, Debug)]
struct List {
    id: u64,
    full: usize,
    /// 0: until the buffer is full.
    wait_us: u64,
    /// Sent or about to be, and not acknowledged.
    known: HashSet<Sample>,
    filling: Vec<Sample>,
    /// When the first of them came.
    began: u64,
    buffer: u64,
    sent: BTreeMap<u64, Vec<Option<Sample>>>,
}

/// The samples of all lists. Off until somebody wants them.
#[derive(Clone, Debug)]
pub(crate) struct Learner {
    is_on: bool,
    lists: Vec<List>,
    ready: VecDeque<Notification>,
    has_news: bool,
}

impl Learner {
    pub(crate) fn new(lists: &[LearnList]) -> Self {
        let lists = lists.iter().map(|list| List::new(list.id)).collect();
        Self { is_on: false, lists, ready: VecDeque::new(), has_news: false }
    }

    /// Begins or ends to collect.
    pub(crate) fn set_on(&mut self, is_on: bool) {
        if self.is_on && !is_on {
            self.lists.iter_mut().for_each(List::forget);
            self.ready.clear();
        }
        self.is_on = is_on;
    }

    pub(crate) fn is_on(&self) -> bool {
        self.is_on
    }

    /// Takes a sample of a list.
    pub(crate) fn learn(&mut self, list: u64, sample: &[u8], now: u64) {
        if !self.is_on {
            return;
        }
        let Some(list) = self.lists.iter_mut().find(|found| found.id == list) else { return };
        if !list.take(sample, now) {
            return;
        }
        self.has_news |= list.filling.len() == 1;
        if list.filling.len() >= list.full {
            let notification = list.flush();
            self.has_news = true;
            self.push(notification);
        }
    }

    /// One more to be sent. Where nobody takes them they are lost, and so that they come again, forgotten.
    fn push(&mut self, notification: Notification) {
        if self.ready.len() < NOTIFICATIONS_MAX {
            self.ready.push_back(notification);
        } else if let Some(list) = self.lists.iter_mut().find(|list| list.id == notification.list) {
            list.acknowledge(notification.buffer, None);
        }
    }

    /// Whether something changed for whoever waits for notifications, since this was last asked.
    pub(crate) fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.has_news)
    }

    /// The next notification.
    pub(crate) fn poll(&mut self, now: u64) -> Option<Notification> {
        let due = |list: &mut List| (list.due()? <= now).then(|| list.flush());
        let late: Vec<_> = self.lists.iter_mut().filter_map(due).collect();
        late.into_iter().for_each(|notification| self.push(notification));
        self.ready.pop_front()
    }

    /// When the next notification is due.
    pub(crate) fn due(&self) -> Option<u64> {
        if self.ready.is_empty() { self.lists.iter().filter_map(List::due).min() } else { Some(0) }
    }

    fn list(&mut self, id: u64) -> Result<&mut List, LearnError> {
        self.lists.iter_mut().find(|list| list.id == id).ok_or(LearnError::InvalidId)
    }

    /// A buffer's samples have arrived; `samples` names some of them, by their places.
    pub(crate) fn acknowledge(&mut self, list: u64, buffer: u64, samples: Option<&[usize]>) -> Result<(), LearnError> {
        self.list(list)?.acknowledge(buffer, samples);
        Ok(())
    }

    pub(crate) fn set_wait(&mut self, list: u64, wait_us: u64) -> Result<(), LearnError> {
        self.list(list)?.wait_us = wait_us;
        self.has_news = true;
        Ok(())
    }

    pub(crate) fn set_full(&mut self, list: u64, samples: usize) -> Result<(), LearnError> {
        let found = self.list(list)?;
        if samples > SAMPLES_MAX {
            return Err(LearnError::Other);
        }
        found.full = samples;
        if !found.filling.is_empty() && found.filling.len() >= samples {
            let notification = found.flush();
            self.has_news = true;
            self.push(notification);
        }
        Ok(())
    }
}

impl List {
    fn new(id: u64) -> Self {
        let (known, filling, sent) = (HashSet::new(), Vec::new(), BTreeMap::new());
        Self { id, full: SAMPLES, wait_us: WAIT_US, known, filling, began: 0, buffer: 0, sent }
    }

    fn forget(&mut self) {
        *self = Self { full: self.full, wait_us: self.wait_us, ..Self::new(self.id) };
    }

    /// Whether the sample is new.
    fn take(&mut self, sample: &[u8], now: u64) -> bool {
        if self.known.contains(sample) {
            return false;
        }
        while self.known.len() >= UNACKNOWLEDGED_MAX {
            // Nobody acknowledges: the oldest may come again.
            let Some((_, samples)) = self.sent.pop_first() else { return false };
            samples.iter().flatten().for_each(|sample| {
                self.known.remove(sample);
            });
        }
        let sample: Sample = sample.into();
        self.known.insert(Arc::clone(&sample));
        if self.filling.is_empty() {
            self.began = now;
        }
        self.filling.push(sample);
        true
    }

    fn due(&self) -> Option<u64> {
        (!self.filling.is_empty() && self.wait_us > 0).then(|| self.began.saturating_add(self.wait_us))
    }

    fn flush(&mut self) -> Notification {
        let samples = std::mem::take(&mut self.filling);
        let notification = Notification {
            list: self.id,
            buffer: self.buffer,
            samples: u32::try_from(samples.len()).unwrap_or(u32::MAX),
            bytes: samples.concat(),
        };
        self.sent.insert(self.buffer, samples.into_iter().map(Some).collect());
        self.buffer += 1;
        notification
    }

    fn acknowledge(&mut self, buffer: u64, places: Option<&[usize]>) {
        let Some(samples) = self.sent.get_mut(&buffer) else { return };
        let known = &mut self.known;
        let mut done = |sample: &mut Option<Sample>| {
            if let Some(sample) = sample.take() {
                known.remove(&sample);
            }
        };
        match places {
            Some(places) => places.iter().for_each(|&place| {
                if let Some(sample) = samples.get_mut(place) {
                    done(sample);
                }
            }),
            None => samples.iter_mut().for_each(done),
        }
        if samples.iter().all(Option::is_none) {
            self.sent.remove(&buffer);
        }
    }
}

#[cfg(test)]
mod tests;
