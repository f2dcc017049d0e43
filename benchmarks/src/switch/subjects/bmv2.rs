//! BMv2's `simple_switch` with the same program and entries, over its `--packet-in` socket.

use std::time::Duration;

use anyhow::{Context, Result};
use bifrost_switch::bmv2::{Bmv2, PacketReceiver, PacketSender, Settings, find};
use bifrost_switch::runtime::Client;

use super::super::rack::{self, CLIENT, MEMORY};
use super::{Subject, per_second};
use crate::clock;

const WAIT: Duration = Duration::from_secs(5);
/// Frames under way at once: enough for its threads to have something to do, and fewer than make it slower.
const UNDER_WAY: usize = 256;
/// Frames of a sample.
const FRAMES: usize = 2048;

/// The switch in PATH, if there is one, with the rack's entries.
pub(super) fn start() -> Result<Option<Bmv2>> {
    if find().is_none() {
        return Ok(None);
    }
    let switch = Bmv2::start(&Settings::new(bifrost_switch::PROGRAM))?;
    rack::install(&Client::connect(switch.url())?)?;
    Ok(Some(switch))
}

/// The ends, and the frames that go through.
#[derive(Debug)]
struct Link {
    sender: PacketSender,
    receiver: PacketReceiver,
    there: Vec<u8>,
    back: Vec<u8>,
    _switch: Bmv2,
}

impl Link {
    fn new(switch: Bmv2) -> Result<Self> {
        let (sender, receiver) = switch.packets()?;
        Ok(Self { sender, receiver, there: rack::there()?.bytes, back: rack::back()?.bytes, _switch: switch })
    }

    fn receive(&mut self, expected: u32) -> Result<()> {
        let (port, _) = self.receiver.receive(WAIT)?.context("a frame was lost")?;
        anyhow::ensure!(port == expected, "a frame left by port {port}");
        Ok(())
    }
}

/// A frame there and another back. Both ends are this thread.
#[derive(Debug)]
pub(super) struct Ping(Link);

impl Ping {
    pub(super) fn new(switch: Bmv2) -> Result<Self> {
        Link::new(switch).map(Self)
    }
}

impl Subject for Ping {
    fn sample(&mut self) -> Result<f64> {
        let Self(link) = self;
        let start = clock::now();
        link.sender.send(CLIENT, &link.there)?;
        link.receive(MEMORY)?;
        link.sender.send(MEMORY, &link.back)?;
        link.receive(CLIENT)?;
        Ok((clock::now() - start).as_secs_f64() * 1e9)
    }
}

/// Frames in one direction, so many under way.
#[derive(Debug)]
pub(super) struct Flow(Link);

impl Flow {
    pub(super) fn new(switch: Bmv2) -> Result<Self> {
        Link::new(switch).map(Self)
    }
}

impl Subject for Flow {
    fn sample(&mut self) -> Result<f64> {
        let Self(link) = self;
        let start = clock::now();
        for sent in 0..FRAMES {
            if sent >= UNDER_WAY {
                link.receive(MEMORY)?;
            }
            link.sender.send(CLIENT, &link.there)?;
        }
        for _ in 0..UNDER_WAY {
            link.receive(MEMORY)?;
        }
        Ok(per_second(FRAMES, start))
    }
}
