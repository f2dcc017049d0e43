//! Memory that live pointers take in the state machine, the rules that it wants in the switch included.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bifrost_switch::gatekeeper::Reason;

use super::packets;
use super::world::World;
use crate::cases::Subject;
use crate::rack::part::Part;

/// Time to make them all.
const WITHIN: Duration = Duration::from_secs(300);

/// Has a process of its own measure: one in which there has been nothing else.
pub(super) struct Bytes {
    pub(super) pointers: usize,
    pub(super) core: Option<usize>,
}

impl Subject for Bytes {
    fn sample(&mut self) -> Result<f64> {
        let line = Part::Bytes(self.pointers).start(self.core)?.read_line(WITHIN)?;
        line.trim().parse().context("the process that measures has told no figure")
    }
}

/// How much more of this process's memory is resident after a node has made so many objects, for each of them.
pub(in crate::rack) fn measure(pointers: usize) -> Result<f64> {
    let mut world = World::joined()?;
    world.ignore_frames();
    let before = resident_bytes()?;
    for number in 1..=pointers as u64 {
        let [asked, made] = packets::alloc(number)?;
        world.packet(Reason::Alloc, 1, &asked);
        world.packet(Reason::Alloc, 3, &made);
    }
    let grown = resident_bytes()?.saturating_sub(before);
    let objects = world.gatekeeper.objects(None).count();
    ensure!(objects == pointers, "{objects} of {pointers} objects are there");
    Ok(grown as f64 / pointers as f64)
}

/// Resident memory of this process.
fn resident_bytes() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status").context("cannot read /proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no resident memory is told")?;
    let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kilobytes << 10)
}
