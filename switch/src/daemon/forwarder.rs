//! From the ports into the data plane.

use super::capture::Direction;
use super::counts::Tally;
use super::fabric::Fabric;
use super::followed;
use super::outlet::Outlet;
use super::outside::Outside;
use super::plane::Plane;
use crate::SharedEngine;
use crate::bmv2::FRAME_BYTES_MAX;
use crate::engine::Outputs;
use bifrost_rpc::follow;
use std::sync::Arc;

/// Frames that go through the engine under one lock, or to BMv2 at once.
pub(crate) const BATCH_FRAMES: usize = 64;

/// Takes frames through the engine and on to the ports where they leave, or into BMv2. One for each thread that receives: it keeps
/// the memory between batches.
#[derive(Debug)]
pub(crate) struct Forwarder {
    fabric: Arc<Fabric>,
    out: Outputs,
    outlet: Outlet,
}

impl Forwarder {
    /// For a thread of the switch.
    pub(crate) fn new(fabric: Arc<Fabric>) -> Self {
        let outlet = Outlet::new(Arc::clone(&fabric), true);
        Self { fabric, out: Outputs::default(), outlet }
    }

    /// For threads that have something else to do than to carry frames.
    pub(crate) fn of_guest(fabric: Arc<Fabric>) -> Self {
        let outlet = Outlet::new(Arc::clone(&fabric), false);
        Self { fabric, out: Outputs::default(), outlet }
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.fabric.is_stopped()
    }

    /// Microseconds since the switch began.
    pub(crate) fn now(&self) -> u64 {
        self.fabric.clock.micros()
    }

    /// Takes in what came by a port, and sends what comes of it.
    pub(crate) fn forward<'a>(&mut self, port: u32, frames: impl IntoIterator<Item = &'a [u8]>) {
        self.gather(port, frames);
        self.flush();
    }

    /// Takes in what came by a port. What comes of it waits to be sent with what comes of other frames, if it is not much.
    pub(crate) fn gather<'a>(&mut self, port: u32, frames: impl IntoIterator<Item = &'a [u8]>) {
        let mut frames = frames.into_iter().peekable();
        while frames.peek().is_some() && !self.fabric.is_closed() {
            let Self { fabric, out, outlet } = self;
            let received = match &fabric.plane {
                Plane::Engine(engine) => process(engine, fabric, port, &mut frames, out, outlet),
                Plane::Outside(outside) => send(outside, fabric, port, &mut frames),
            };
            if let Some(port) = fabric.port(port) {
                port.counter.received(received);
            }
            if outlet.is_full() {
                outlet.flush();
            }
        }
    }

    /// Sends what waits.
    pub(crate) fn flush(&mut self) {
        self.outlet.flush();
    }
}

/// Takes some frames through the engine.
fn process<'a>(
    engine: &SharedEngine,
    fabric: &Fabric,
    port: u32,
    frames: &mut impl Iterator<Item = &'a [u8]>,
    out: &mut Outputs,
    outlet: &mut Outlet,
) -> Tally {
    let (now, is_followed) = (engine.now(), follow::is_followed());
    let mut received = Tally::default();
    engine.with(|engine| {
        for frame in frames.by_ref().take(BATCH_FRAMES) {
            note(fabric, port, frame, &mut received);
            if fabric.watch.is_open() {
                fabric.watch.note(engine.trace(now, port, frame, out));
            } else {
                engine.process(now, port, frame, out);
            }
            if is_followed {
                followed::tell(port, frame, out);
            }
            for (to, frame) in out.packets() {
                outlet.push(to, frame);
            }
            if outlet.is_full() {
                break;
            }
        }
    });
    received
}

/// Sends some frames into BMv2.
fn send<'a>(outside: &Outside, fabric: &Fabric, port: u32, frames: &mut impl Iterator<Item = &'a [u8]>) -> Tally {
    let (mut received, mut refused) = (Tally::default(), Tally::default());
    let batch = frames.by_ref().take(BATCH_FRAMES).filter(|frame| {
        let is_fit = frame.len() <= FRAME_BYTES_MAX;
        if is_fit {
            note(fabric, port, frame, &mut received);
        } else {
            refused.add(frame);
        }
        is_fit
    });
    if outside.sender().send_all(port, batch).is_err() {
        // Whoever receives is told, too, and says why.
        refused += std::mem::take(&mut received);
    }
    fabric.refused.lost(refused);
    received
}

fn note(fabric: &Fabric, port: u32, frame: &[u8], received: &mut Tally) {
    received.add(frame);
    if let Some(capture) = &fabric.capture {
        capture.note(port, Direction::In, frame);
    }
}
