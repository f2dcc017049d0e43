//! Where frames leave: batches by port, and their way to the ports' links.

use super::capture::Direction;
use super::counts::Tally;
use super::fabric::Fabric;
use super::frames::Frames;
use std::sync::Arc;

/// Bytes that wait to be sent together at most, but for one frame's copies.
const BATCH_BYTES: usize = 256 << 10;

/// Frames on their way out. One for each thread that has some: it keeps the memory between batches.
#[derive(Debug)]
pub(crate) struct Outlet {
    fabric: Arc<Fabric>,
    /// What leaves, by port; one more for what leaves nowhere.
    batches: Vec<Frames>,
    /// The ports that have frames in `batches`, in the order of their first.
    touched: Vec<usize>,
    /// Of the frames in `batches`.
    bytes: usize,
    /// The thread may take in what it brings to in-process ports.
    may_take: bool,
}

impl Outlet {
    pub(crate) fn new(fabric: Arc<Fabric>, may_take: bool) -> Self {
        let batches = vec![Frames::new(); fabric.ports.len() + 1];
        Self { fabric, batches, touched: Vec::new(), bytes: 0, may_take }
    }

    /// Puts a frame to the others that leave by the same port.
    pub(crate) fn push(&mut self, port: u32, frame: &[u8]) {
        let nowhere = self.batches.len().saturating_sub(1);
        let index = usize::try_from(port).unwrap_or(nowhere).min(nowhere);
        let Some(batch) = self.batches.get_mut(index) else { return };
        if batch.is_empty() {
            self.touched.push(index);
        }
        batch.push(frame);
        self.bytes += frame.len();
    }

    /// Whether so much waits that it is to be sent.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes >= BATCH_BYTES
    }

    /// Sends what was pushed.
    pub(crate) fn flush(&mut self) {
        let Self { fabric, batches, touched, bytes, may_take } = self;
        *bytes = 0;
        for index in &*touched {
            let Some(frames) = batches.get_mut(*index) else { continue };
            send(fabric, *index, frames);
            frames.clear();
        }
        // When all is on its way: this may take a while.
        for index in touched.drain(..) {
            if let Some(port) = fabric.ports.get(index).and_then(Option::as_ref) {
                port.link.settle(*may_take);
            }
        }
    }
}

fn send(fabric: &Fabric, index: usize, frames: &mut Frames) {
    let mut sent = Tally::default();
    frames.iter().for_each(|frame| sent.add(frame));
    let Some(port) = fabric.ports.get(index).and_then(Option::as_ref) else {
        fabric.nowhere.lost(sent);
        return;
    };
    if let (Some(capture), Ok(number)) = (&fabric.capture, u32::try_from(index)) {
        frames.iter().for_each(|frame| capture.note(number, Direction::Out, frame));
    }
    let lost = port.link.send(frames);
    port.counter.sent(Tally { frames: sent.frames - lost.frames, bytes: sent.bytes - lost.bytes });
    port.counter.lost(lost);
}
