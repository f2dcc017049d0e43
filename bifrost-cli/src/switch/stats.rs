//! What passed the ports, for people.

use bifrost_switch::daemon::Report;
use std::collections::BTreeSet;

/// Prints a line for each port, and for what went to none.
pub(crate) fn print(report: &Report) {
    for (number, port) in &report.ports {
        eprintln!("port {number}: {}", port.counts);
    }
    let (nowhere, refused, tunnels) = (report.nowhere, report.refused, report.tunnels);
    if nowhere.frames > 0 {
        eprintln!("to ports that do not exist: {} ({} bytes)", nowhere.frames, nowhere.bytes);
    }
    if refused.frames > 0 {
        eprintln!("not taken by simple_switch: {} ({} bytes)", refused.frames, refused.bytes);
    }
    if tunnels.foreign > 0 || tunnels.malformed > 0 {
        eprintln!("at the tunnels' address: {} frames of strangers, {} malformed", tunnels.foreign, tunnels.malformed);
    }
}

/// The ports that are known to have ended.
#[derive(Debug, Default)]
pub(crate) struct Faults(BTreeSet<u32>);

impl Faults {
    /// Says once of each port that it has ended.
    pub(crate) fn tell(&mut self, report: &Report) {
        for (number, port) in &report.ports {
            if let Some(fault) = port.fault.as_ref().filter(|_| self.0.insert(*number)) {
                eprintln!("warning: port {number} receives no more: {fault}");
            }
        }
    }
}
