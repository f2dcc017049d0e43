//! What the threads of a switch share: the engine, and the ports by number.

use super::capture::{Capture, Direction};
use super::counts::{Counter, Tally};
use super::frames::Frames;
use super::watch::Watch;
use crate::SharedEngine;
use crate::engine::Outputs;
use std::fmt::Debug;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Ports have the numbers below this; 511 is what programs drop by.
pub const PORTS_MAX: u32 = 511;

/// Frames that go through the engine under one lock.
pub(crate) const BATCH_FRAMES: usize = 64;
/// Bytes that come out of the engine under one lock, but for one frame's copies.
const BATCH_BYTES: usize = 256 << 10;

/// Where frames leave.
pub(crate) trait Link: Debug + Send + Sync {
    /// Sends frames, whose headroom it may use; says what of them was lost.
    fn send(&self, frames: &mut Frames) -> Tally;

    /// Whether there is anybody who could get them.
    fn is_up(&self) -> bool {
        true
    }
}

/// A port: its link, and what it has seen.
#[derive(Debug)]
pub(crate) struct Port {
    /// What it leads to, for people.
    pub(crate) interface: String,
    pub(crate) link: Arc<dyn Link>,
    pub(crate) counter: Counter,
    /// Why it no longer receives.
    pub(crate) fault: Mutex<Option<String>>,
}

/// The engine, the ports, and who looks on.
#[derive(Debug)]
pub(crate) struct Fabric {
    pub(crate) engine: SharedEngine,
    /// By number.
    pub(crate) ports: Vec<Option<Port>>,
    /// What was sent to ports that do not exist.
    pub(crate) nowhere: Counter,
    pub(crate) capture: Option<Capture>,
    pub(crate) watch: Watch,
    pub(crate) is_stopped: AtomicBool,
}

impl Fabric {
    pub(crate) fn port(&self, number: u32) -> Option<&Port> {
        self.ports.get(usize::try_from(number).ok()?)?.as_ref()
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Acquire)
    }

    /// A port has ended before it was told to.
    pub(crate) fn fault(&self, number: u32, error: &io::Error) {
        if let Some(port) = self.port(number) {
            *port.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
        }
    }
}

/// Takes frames through the engine and on to the ports where they leave. One for each thread that receives: it keeps the
/// memory between batches.
#[derive(Debug)]
pub(crate) struct Forwarder {
    fabric: Arc<Fabric>,
    out: Outputs,
    /// What leaves, by port; one more for what leaves nowhere.
    batches: Vec<Frames>,
    /// The ports that have frames in `batches`, in the order of their first.
    touched: Vec<usize>,
}

impl Forwarder {
    pub(crate) fn new(fabric: Arc<Fabric>) -> Self {
        let batches = vec![Frames::new(); fabric.ports.len() + 1];
        Self { fabric, out: Outputs::default(), batches, touched: Vec::new() }
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.fabric.is_stopped()
    }

    /// Microseconds since the switch began.
    pub(crate) fn now(&self) -> u64 {
        self.fabric.engine.now()
    }

    /// Takes in what came by a port, and sends what comes of it.
    pub(crate) fn forward<'a>(&mut self, port: u32, frames: impl IntoIterator<Item = &'a [u8]>) {
        let mut frames = frames.into_iter().peekable();
        while frames.peek().is_some() && !self.fabric.is_stopped() {
            self.process(port, &mut frames);
            self.flush();
        }
    }

    /// Takes some frames through the engine.
    fn process<'a>(&mut self, port: u32, frames: &mut impl Iterator<Item = &'a [u8]>) {
        let Self { fabric, out, batches, touched } = self;
        let now = fabric.engine.now();
        let mut received = Tally::default();
        fabric.engine.with(|engine| {
            let mut bytes = 0;
            for frame in frames.by_ref().take(BATCH_FRAMES) {
                received.add(frame);
                if let Some(capture) = &fabric.capture {
                    capture.note(port, Direction::In, frame);
                }
                if fabric.watch.is_open() {
                    fabric.watch.note(engine.trace(now, port, frame, out));
                } else {
                    engine.process(now, port, frame, out);
                }
                for (to, frame) in out.packets() {
                    bytes += frame.len();
                    sort(batches, touched, to, frame);
                }
                if bytes >= BATCH_BYTES {
                    break;
                }
            }
        });
        if let Some(port) = fabric.port(port) {
            port.counter.received(received);
        }
    }

    /// Sends what came out.
    fn flush(&mut self) {
        for &index in &self.touched {
            let Some(frames) = self.batches.get_mut(index) else { continue };
            let mut sent = Tally::default();
            frames.iter().for_each(|frame| sent.add(frame));
            match self.fabric.ports.get(index).and_then(Option::as_ref) {
                Some(port) => {
                    if let (Some(capture), Ok(number)) = (&self.fabric.capture, u32::try_from(index)) {
                        frames.iter().for_each(|frame| capture.note(number, Direction::Out, frame));
                    }
                    let lost = port.link.send(frames);
                    port.counter.sent(Tally { frames: sent.frames - lost.frames, bytes: sent.bytes - lost.bytes });
                    port.counter.lost(lost);
                }
                None => self.fabric.nowhere.lost(sent),
            }
            frames.clear();
        }
        self.touched.clear();
    }
}

/// Puts a frame to the others that leave by the same port.
fn sort(batches: &mut [Frames], touched: &mut Vec<usize>, port: u32, frame: &[u8]) {
    let nowhere = batches.len().saturating_sub(1);
    let index = usize::try_from(port).unwrap_or(nowhere).min(nowhere);
    let Some(batch) = batches.get_mut(index) else { return };
    if batch.is_empty() {
        touched.push(index);
    }
    batch.push(frame);
}
