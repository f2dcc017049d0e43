//! Decisions of the state machine: each call passes a pointer, and its answer ends the lease.

use anyhow::{Result, ensure};
use bifrost_rpc::wire::PacketType;
use bifrost_switch::gatekeeper::Reason;

use super::packets;
use super::world::World;
use crate::cases::Subject;
use crate::clock;

/// Calls of a sample: two decisions each.
const CALLS: u64 = 500;

/// A world with an object, and the calls that were made in it.
pub(super) struct Decisions {
    world: World,
    calls: u64,
}

impl Decisions {
    pub(super) fn new() -> Result<Self> {
        let mut world = World::with_object()?;
        world.ignore_frames();
        Ok(Self { world, calls: 0 })
    }
}

impl Subject for Decisions {
    fn sample(&mut self) -> Result<f64> {
        let numbers = self.calls + 1..=self.calls + CALLS;
        let frames =
            numbers.map(|rpc| Ok([packets::call(PacketType::Call, rpc)?, packets::call(PacketType::Reply, rpc)?]));
        let frames: Vec<_> = frames.collect::<Result<_>>()?;
        let start = clock::now();
        for [call, reply] in &frames {
            self.world.packet(Reason::Lease, 1, call);
            self.world.packet(Reason::Lease, 2, reply);
        }
        let time = clock::now() - start;
        self.calls += CALLS;
        let counts = self.world.gatekeeper.call_counts();
        let is_done = (counts.released, counts.ended) == (self.calls, self.calls);
        ensure!(is_done, "not every call was released and has ended: {counts:?}");
        Ok((2 * CALLS) as f64 / time.as_secs_f64())
    }
}
