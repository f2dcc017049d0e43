//! What is told of calls that Gatekeeper has to do with, to whoever follows calls.

use crate::daemon::followed::header_of;
use crate::gatekeeper::{Answered, MemoryMessage, Reason};
use bifrost_rpc::follow::{self, CallName};
use bifrost_rpc::wire::PacketType;
use std::collections::BTreeMap;

const PLACE: &str = "gatekeeper";
/// Messages whose answers are told of at most.
const TOLD_MAX: usize = 4096;

/// Which call a message to a memory server was for, and what its answer means.
#[derive(Debug, Default)]
pub(super) struct Followed(BTreeMap<(u8, u64), (CallName, &'static str)>);

impl Followed {
    /// A memory server is told something.
    pub(super) fn told(&mut self, server: u8, sequence: u64, message: &MemoryMessage) {
        if !follow::is_followed() {
            return;
        }
        let (call, asks, means) = match message {
            MemoryMessage::Lease { call, .. } => (call, "asks for leases", "leases are in force"),
            MemoryMessage::Release(call) | MemoryMessage::Reply { call, .. } => {
                (call, "ends leases", "leases have ended")
            }
            _ => return,
        };
        if self.0.len() >= TOLD_MAX {
            self.0.clear();
        }
        let name = CallName { client: call.0, rpc: call.1 };
        follow::tell(PLACE, name, format_args!("{asks} at memory server {server}"));
        self.0.insert((server, sequence), (name, means));
    }

    /// A memory server has answered.
    pub(super) fn answered(&mut self, server: u8, sequence: u64, answered: &Answered) {
        let Some((name, means)) = self.0.remove(&(server, sequence)) else { return };
        match answered {
            Answered::Applied(_) => follow::tell(PLACE, name, format_args!("{means} at memory server {server}")),
            other => follow::tell(PLACE, name, format_args!("memory server {server} refuses: {other:?}")),
        }
    }
}

/// A packet was handed over.
pub(super) fn packet_in(reason: Reason, frame: &[u8]) {
    if follow::is_followed() {
        tell(frame, format_args!("gets, as {reason:?},"));
    }
}

/// A packet leaves.
pub(super) fn packet_out(frame: &[u8]) {
    if follow::is_followed() {
        tell(frame, format_args!("sends"));
    }
}

fn tell(frame: &[u8], does: std::fmt::Arguments<'_>) {
    let Some(header) = header_of(frame).filter(|header| header.rpc != 0) else { return };
    let (kind, name) = (header.kind, CallName::of(&header));
    match kind {
        PacketType::Control | PacketType::Open | PacketType::Opened => {}
        PacketType::Memory => follow::tell_of_memory(PLACE, name, None, format_args!("{does} {kind:?}")),
        _ => follow::tell(PLACE, name, format_args!("{does} {kind:?}")),
    }
}
