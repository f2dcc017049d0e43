//! What is told of frames that cross the switch, to whoever follows calls.

use crate::engine::Outputs;
use bifrost_rpc::follow::{self, CallName};
use bifrost_rpc::wire::frame::FrameAddresses;
use bifrost_rpc::wire::{Flags, Header, PacketType};

/// The control plane's port.
const CONTROL_PLANE: u32 = 510;
/// Bytes of what stands before a frame of the control plane's.
const PACKET_OUT_BYTES: usize = 8;

/// Tells what became of a frame, by the ports that it left by. Packets that Gatekeeper has to do with, and those of calls with pointers, are told
/// of to whoever follows calls; others to whoever follows each packet.
pub(super) fn tell(port: u32, frame: &[u8], out: &Outputs) {
    let is_control = port == CONTROL_PLANE;
    let Some(frame) = frame.get(if is_control { PACKET_OUT_BYTES } else { 0 }..) else { return };
    let Some(header) = header_of(frame).filter(|header| header.rpc != 0 && is_of_a_call(header.kind)) else { return };
    let ports: Vec<u32> = out.packets().map(|(to, _)| to).collect();
    let (kind, name) = (header.kind, CallName::of(&header));
    let from = if is_control { "from Gatekeeper".to_owned() } else { format!("from port {port}") };
    let verdict = match ports[..] {
        [] => format!("drops {kind:?} {from}"),
        [CONTROL_PLANE] => format!("hands {kind:?} {from} to Gatekeeper"),
        _ => format!("forwards {kind:?} {from} to port {}", list(&ports)),
    };
    let is_memory = kind == PacketType::Memory;
    let has_pointers = !is_memory && (header.pointers > 0 || header.flags.has(Flags::LEASED));
    let is_told = is_control || ports.contains(&CONTROL_PLANE) || has_pointers;
    match (is_told, is_memory) {
        (false, _) => follow::tell_of_packet("switch", name, format_args!("{verdict}")),
        (true, true) => follow::tell_of_memory("switch", name, None, format_args!("{verdict}")),
        (true, false) => follow::tell("switch", name, format_args!("{verdict}")),
    }
}

/// The packet in a frame.
pub(crate) fn header_of(frame: &[u8]) -> Option<Header> {
    let (_, datagram) = FrameAddresses::parse(frame).ok()?;
    Header::parse(datagram).ok()
}

fn is_of_a_call(kind: PacketType) -> bool {
    !matches!(kind, PacketType::Control | PacketType::Open | PacketType::Opened)
}

fn list(ports: &[u32]) -> String {
    ports.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}
