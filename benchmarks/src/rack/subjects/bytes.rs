//! Memory that live pointers take in the state machine, the rules that it wants in the switch included.

use anyhow::{Context, Result, ensure};
use bifrost_switch::gatekeeper::Reason;

use super::world::World;
use super::{Subject, packets};

const OBJECTS: u64 = 1_000_000;

/// A world in which a node makes objects. The process's resident memory before and after is compared, so that it must not have run anything large.
pub(super) struct Bytes;

impl Subject for Bytes {
    fn sample(&mut self) -> Result<f64> {
        let mut world = World::joined()?;
        world.ignore_frames();
        let before = resident_bytes()?;
        for number in 1..=OBJECTS {
            let [asked, made] = packets::alloc(number)?;
            world.packet(Reason::Alloc, 1, &asked);
            world.packet(Reason::Alloc, 3, &made);
        }
        let grown = resident_bytes()?.saturating_sub(before);
        let objects = world.gatekeeper.objects(None).count() as u64;
        ensure!(objects == OBJECTS, "{objects} of {OBJECTS} objects are there");
        Ok(grown as f64 / OBJECTS as f64)
    }
}

/// Resident memory of this process.
fn resident_bytes() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status").context("cannot read /proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no resident memory is told")?;
    let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kilobytes << 10)
}
