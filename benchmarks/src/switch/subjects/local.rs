//! Frames through ports in the same process.

use anyhow::{Context, Result, ensure};
use bifrost_switch::SharedEngine;
use bifrost_switch::daemon::{Frames, LocalPort, PortKind, Switch};
use bifrost_switch::engine::Engine;
use bifrost_switch::runtime::{Runtime, Settings};
use std::time::Duration;

use super::super::rack::{self, CLIENT, MEMORY};
use super::{Subject, per_second};
use crate::clock;

/// Frames that are handed over at once.
const BATCH: usize = 64;
/// Batches of a sample.
const BATCHES: usize = 4;
const WAIT: Duration = Duration::from_secs(5);

/// A switch whose client and memory are this thread.
#[derive(Debug)]
pub(super) struct Flow {
    sender: LocalPort,
    receiver: LocalPort,
    frame: Vec<u8>,
    received: Frames,
    _switch: Switch,
}

impl Flow {
    pub(super) fn new() -> Result<Self> {
        let engine = SharedEngine::new(Engine::load(bifrost_switch::PROGRAM, 1)?);
        rack::install(&Runtime::new(engine.clone(), bifrost_switch::PROGRAM, Settings::default()))?;
        let switch = Switch::builder(engine).port(CLIENT, PortKind::Local).port(MEMORY, PortKind::Local).start()?;
        let port = |number| switch.local(number).context("a port that is not there");
        let (sender, receiver, frame) = (port(CLIENT)?, port(MEMORY)?, rack::there()?.bytes);
        Ok(Self { sender, receiver, frame, received: Frames::new(), _switch: switch })
    }
}

impl Subject for Flow {
    fn sample(&mut self) -> Result<f64> {
        let start = clock::now();
        for _ in 0..BATCHES {
            self.sender.send_all(std::iter::repeat_n(self.frame.as_slice(), BATCH));
            self.receiver.receive_all(&mut self.received, WAIT);
            let received = self.received.len();
            ensure!(received == BATCH, "{received} of {BATCH} frames arrived");
        }
        Ok(per_second(BATCHES * BATCH, start))
    }
}
