//! Control messages that a node sends.

use crate::counts::Count;
use crate::frames::{ROOT, addresses, frame, packet};
use crate::rights::{SECRET, Theft};
use bifrost_rpc::wire::frame::FrameAddresses;
use bifrost_rpc::wire::{Flags, Header, MEMORY_CONTROL_PORT, MethodField, PacketType};

/// A call of the memory server's control service.
pub(crate) fn grant(client: u64) -> Header {
    Header {
        flags: Flags::FIRST.with(Flags::TO_CALLEE),
        method: MethodField::new("MemoryControl", "grant"),
        client,
        rpc: 1,
        incarnation: 1,
        message_len: 4,
        ..Header::new(PacketType::Call)
    }
}

#[test]
fn a_node_does_not_grant() {
    let Theft { rack, owner, object, thief, .. } = Theft::begin();
    let controls = rack.memory.daemon.memory().metrics().controls;
    let to = FrameAddresses { destination_port: MEMORY_CONTROL_PORT, ..addresses(2, ROOT.address()) };
    let call = packet(grant(7), b"call");
    rack.counted(Count::Verdict("dropped_pointer"), || thief.send(&frame(&to, &call)));
    let with_pointer = Header { pointers: 1, pointer: ROOT.to_bytes(), ..grant(7) };
    rack.counted(Count::Verdict("dropped_misfit"), || thief.send(&frame(&to, &packet(with_pointer, b"call"))));
    let elsewhere = FrameAddresses { source_port: 50_000, ..to };
    rack.counted(Count::Verdict("dropped_to_memory"), || thief.send(&frame(&elsewhere, &call)));
    let control = Header { pointers: 0, ..Header::new(PacketType::Control) };
    for port in [MEMORY_CONTROL_PORT, 7400] {
        let to = FrameAddresses { destination_port: port, ..to };
        rack.counted(Count::Verdict("dropped_control"), || thief.send(&frame(&to, &packet(control, b"grant"))));
    }
    assert_eq!(rack.memory.daemon.memory().metrics().controls, controls, "a control message was applied");
    rack.assert_unchanged(&owner, object, SECRET);
}

/// A packet that opens a session passes; what it would be used for does not, nor does one that comes behind it.
#[test]
fn a_node_has_no_session_for_grants() {
    let Theft { rack, owner, object, mut thief, .. } = Theft::begin();
    let to = FrameAddresses { destination_port: MEMORY_CONTROL_PORT, ..addresses(2, ROOT.address()) };
    let ping = Header {
        flags: Flags::TO_CALLEE,
        pointers: 1,
        pointer: ROOT.to_bytes(),
        client: 7,
        ..Header::new(PacketType::Ping)
    };
    let open = Header { kind: PacketType::Open, ..grant(7) };
    let behind = [packet(ping, &[0; 8]), packet(open, &[0; 128])].concat();
    rack.counted(Count::Odd, || thief.send(&frame(&to, &behind)));
    // What the server says to an OPEN of the control service does not come back: it has no pointer.
    let pointed = Header { pointers: 1, pointer: ROOT.to_bytes(), ..open };
    rack.counted(Count::Verdict("dropped_pointer"), || thief.send(&frame(&to, &packet(pointed, &[0; 128]))));
    assert!(!thief.has_heard(|heard| heard.header.client == 7));
    rack.assert_unchanged(&owner, object, SECRET);
}
