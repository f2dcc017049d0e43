//! One packet through the engine.

use std::time::Duration;

use anyhow::{Result, ensure};
use bifrost_switch::SharedEngine;
use bifrost_switch::engine::{Engine, Outputs};
use bifrost_switch::runtime::{Runtime, Settings};

use super::super::rack::{self, CLIENT, Frame};
use super::Subject;
use crate::clock;

/// Packets of a sample: short beside what the system lets a thread run.
const PACKETS: u32 = 100;
/// Changes that are made at a time.
const CHANGES: usize = 1024;

/// An engine whose `memory_access` has so many entries, of objects drawn at random; each packet is for another of them.
#[derive(Debug)]
pub(super) struct Cost {
    engine: SharedEngine,
    entries: u64,
    next: u64,
    frame: Frame,
    out: Outputs,
}

impl Cost {
    pub(super) fn new(entries: u64) -> Result<Self> {
        let engine = SharedEngine::new(Engine::load(bifrost_switch::PROGRAM, 1)?);
        let runtime = Runtime::new(engine.clone(), bifrost_switch::PROGRAM, Settings::default());
        rack::install(&runtime)?;
        let objects: Vec<u64> = (0..entries).collect();
        for some in objects.chunks(CHANGES) {
            let updates: Vec<_> = some.iter().map(|&number| rack::access(scatter(number))).collect();
            rack::apply(&runtime, &updates)?;
        }
        Ok(Self { engine, entries, next: 1, frame: rack::there()?, out: Outputs::default() })
    }
}

/// A number's object: all differ, in no order. It is computed, so that no memory is read for it.
fn scatter(number: u64) -> u64 {
    let mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ mixed >> 31).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ mixed >> 29
}

impl Subject for Cost {
    fn sample(&mut self) -> Result<f64> {
        let Self { engine, entries, next, frame, out } = self;
        let (time, delivered) = engine.with(|engine| {
            let start = clock::now();
            let mut delivered = 0;
            for _ in 0..PACKETS {
                *next = next.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                frame.set_object(scatter((*next >> 33) % *entries));
                engine.process(0, CLIENT, &frame.bytes, out);
                delivered += out.packets().len();
            }
            (clock::now() - start, delivered)
        });
        ensure!(delivered == PACKETS as usize, "{delivered} of {PACKETS} packets were delivered");
        Ok(nanoseconds(time) / f64::from(PACKETS))
    }
}

fn nanoseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9
}
