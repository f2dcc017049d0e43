//! What ports have seen.

use std::fmt;
use std::ops::AddAssign;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Frames and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Frames.
    pub frames: u64,
    /// Their bytes, from the Ethernet header on, without checksum.
    pub bytes: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, frame: &[u8]) {
        self.frames += 1;
        self.bytes += frame.len() as u64;
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.frames += other.frames;
        self.bytes += other.bytes;
    }
}

/// What a port has seen since the switch began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortCounts {
    /// Came in, and went through the program.
    pub received: Tally,
    /// Left.
    pub sent: Tally,
    /// Was to leave, and could not: the queue is full, the link does not take it, nobody is attached.
    pub lost: Tally,
}

/// The same, counted by several threads.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    received: Pair,
    sent: Pair,
    lost: Pair,
}

#[derive(Debug, Default)]
struct Pair {
    frames: AtomicU64,
    bytes: AtomicU64,
}

impl Pair {
    fn add(&self, tally: Tally) {
        if tally.frames > 0 {
            self.frames.fetch_add(tally.frames, Relaxed);
            self.bytes.fetch_add(tally.bytes, Relaxed);
        }
    }

    fn read(&self) -> Tally {
        Tally { frames: self.frames.load(Relaxed), bytes: self.bytes.load(Relaxed) }
    }
}

impl Counter {
    pub(crate) fn received(&self, tally: Tally) {
        self.received.add(tally);
    }

    pub(crate) fn sent(&self, tally: Tally) {
        self.sent.add(tally);
    }

    pub(crate) fn lost(&self, tally: Tally) {
        self.lost.add(tally);
    }

    pub(crate) fn read(&self) -> PortCounts {
        PortCounts { received: self.received.read(), sent: self.sent.read(), lost: self.lost.read() }
    }
}

impl fmt::Display for PortCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { received, sent, lost } = self;
        write!(
            f,
            "received {} ({} bytes), sent {} ({} bytes), lost {} ({} bytes)",
            received.frames, received.bytes, sent.frames, sent.bytes, lost.frames, lost.bytes
        )
    }
}
