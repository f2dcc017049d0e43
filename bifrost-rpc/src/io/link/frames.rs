//! Frames between a node and a switch in one process: a pair of bounded queues.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Ethernet frames one after the other. Reusable.
#[derive(Debug, Default)]
pub struct Frames {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Frames {
    /// None.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: Vec::new(), ends: Vec::new() }
    }

    /// Appends a frame that consists of these parts.
    pub fn push(&mut self, parts: &[&[u8]]) {
        parts.iter().for_each(|part| self.bytes.extend_from_slice(part));
        self.ends.push(self.bytes.len());
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of all together.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The frames in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.bytes[start..*end])
    }

    /// Empties it; its memory is kept.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }
}

#[derive(Debug, Default)]
struct Waiting {
    frames: Frames,
    is_closed: bool,
    readers: usize,
}

#[derive(Debug)]
struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    bytes_max: usize,
}

impl Queue {
    fn new(bytes_max: usize) -> Arc<Self> {
        Arc::new(Self { waiting: Mutex::default(), changed: Condvar::new(), bytes_max })
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }
}

/// One end of a cable between a node and a switch in the same process. The other end is made with it, by [`FramePort::pair`].
/// Frames that find the queue full are lost, as in any switch. Dropping an end closes the cable.
#[derive(Debug)]
pub struct FramePort {
    to_peer: Arc<Queue>,
    from_peer: Arc<Queue>,
}

impl FramePort {
    /// Both ends of a cable; `bytes_max`: what each of its two queues holds at most, in bytes.
    #[must_use]
    pub fn pair(bytes_max: usize) -> (Self, Self) {
        let (there, back) = (Queue::new(bytes_max), Queue::new(bytes_max));
        let near = Self { to_peer: Arc::clone(&there), from_peer: Arc::clone(&back) };
        (near, Self { to_peer: back, from_peer: there })
    }

    /// What each queue holds at most, in bytes.
    #[must_use]
    pub fn bytes_max(&self) -> usize {
        self.from_peer.bytes_max
    }

    /// Sends frames; returns how many were taken.
    pub fn send<'a>(&self, frames: impl IntoIterator<Item = &'a [u8]>) -> usize {
        self.put(|queue| frames.into_iter().filter(|frame| queue.push(&[frame])).count())
    }

    /// Lets `put` push frames, and then wakes who waits for them.
    pub(super) fn put<T>(&self, put: impl FnOnce(&mut Sending<'_>) -> T) -> T {
        let mut waiting = self.to_peer.lock();
        let room = if waiting.is_closed { 0 } else { self.to_peer.bytes_max.saturating_sub(waiting.frames.bytes()) };
        let result = put(&mut Sending { frames: &mut waiting.frames, room });
        let wakes = waiting.readers > 0 && !waiting.frames.is_empty();
        drop(waiting);
        if wakes {
            self.to_peer.changed.notify_one();
        }
        result
    }

    /// Waits for frames, for `timeout` at most (`None`: for as long as it takes), and puts all that are there in the place of
    /// those in `into`. `false`: the cable is closed, and nothing is left in it.
    pub fn receive(&self, into: &mut Frames, timeout: Option<Duration>) -> bool {
        into.clear();
        let mut waiting = self.from_peer.lock();
        if waiting.frames.is_empty() && !waiting.is_closed && timeout != Some(Duration::ZERO) {
            waiting.readers += 1;
            let is_idle = |waiting: &mut Waiting| waiting.frames.is_empty() && !waiting.is_closed;
            waiting = match timeout {
                None => self.from_peer.changed.wait_while(waiting, is_idle).unwrap_or_else(PoisonError::into_inner),
                Some(timeout) => {
                    let waited = self.from_peer.changed.wait_timeout_while(waiting, timeout, is_idle);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
            waiting.readers -= 1;
        }
        std::mem::swap(&mut waiting.frames, into);
        !(into.is_empty() && waiting.is_closed)
    }
}

impl Drop for FramePort {
    fn drop(&mut self) {
        self.to_peer.close();
        self.from_peer.close();
    }
}

/// Frames being put into a queue.
pub(super) struct Sending<'a> {
    frames: &'a mut Frames,
    room: usize,
}

impl Sending<'_> {
    /// Appends a frame of these parts, if there is room.
    pub(super) fn push(&mut self, parts: &[&[u8]]) -> bool {
        let bytes: usize = parts.iter().map(|part| part.len()).sum();
        let fits = bytes <= self.room;
        if fits {
            self.room -= bytes;
            self.frames.push(parts);
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_cross_in_order_and_full_queues_lose() {
        let (near, far) = FramePort::pair(10);
        assert_eq!(near.send([&b"abcd"[..], b"", b"efghi", b"jk", b"l"]), 4);
        let mut frames = Frames::new();
        assert!(far.receive(&mut frames, Some(Duration::ZERO)));
        assert_eq!(frames.iter().collect::<Vec<_>>(), [&b"abcd"[..], b"", b"efghi", b"l"]);
        assert!(far.receive(&mut frames, Some(Duration::ZERO)));
        assert!(frames.is_empty());
        assert_eq!(far.send([&b"back"[..]]), 1);
        drop(far);
        assert_eq!(near.send([&b"x"[..]]), 0);
        assert!(near.receive(&mut frames, None));
        assert_eq!(frames.iter().collect::<Vec<_>>(), [b"back"]);
        assert!(!near.receive(&mut frames, None));
    }

    #[test]
    fn a_reader_is_woken() {
        let (near, far) = FramePort::pair(100);
        let reader = std::thread::spawn(move || {
            let mut frames = Frames::new();
            assert!(far.receive(&mut frames, None));
            frames.iter().map(<[u8]>::to_vec).collect::<Vec<_>>()
        });
        near.send([&b"frame"[..]]);
        assert_eq!(reader.join().unwrap(), [b"frame"]);
    }
}
