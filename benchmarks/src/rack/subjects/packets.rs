//! Frames as nodes and memory servers send them to the state machine.

use std::net::Ipv6Addr;

use anyhow::{Context, Result};
use bifrost_rpc::wire::frame::{FrameAddresses, Sum};
use bifrost_rpc::wire::{
    Flags, Header, MemoryFields, MemoryOp, MemoryStatus, MethodField, PacketType, Pointer, RACK_PORT,
};

pub(super) const PREFIX: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 1, 0, 0, 0, 0);
pub(super) const MEMORY_PREFIX: u8 = 0xfd;
pub(super) const SWITCH: [u8; 6] = [2, 0xb1, 0xf0, 0, 0, 1];
/// What is passed.
pub(super) const OBJECT: Pointer = Pointer::new(MEMORY_PREFIX, 1, 1 << 32 | 1);
pub(super) const INSTANCE: u32 = 7;

/// The address of a node of this number.
pub(super) fn address(n: u8) -> Ipv6Addr {
    Ipv6Addr::from_bits(PREFIX.to_bits() | u128::from(n))
}

/// What stands before a packet of the node or server at this port.
pub(super) fn addresses(n: u8, source: Ipv6Addr, destination: Ipv6Addr) -> FrameAddresses {
    let source_mac = [2, 0, 0, 0, 0, n];
    let (source_port, destination_port) = (RACK_PORT, RACK_PORT);
    FrameAddresses { source_mac, destination_mac: SWITCH, source, destination, source_port, destination_port }
}

fn frame(header: &Header, addresses: &FrameAddresses) -> Result<Vec<u8>> {
    let bytes = header.to_bytes();
    let mut sum = Sum::default();
    sum.add(&bytes);
    let headers = addresses.headers(bytes.len(), sum).context("too long a frame")?;
    Ok([&headers[..], &bytes].concat())
}

/// The call of this number, which passes the object, or the answer to it.
pub(super) fn call(kind: PacketType, rpc: u64) -> Result<Vec<u8>> {
    let is_call = kind == PacketType::Call;
    let flags = Flags::FIRST.with(Flags::LEASED);
    let mut header = Header {
        flags: if is_call { flags.with(Flags::TO_CALLEE) } else { flags },
        method: MethodField::new("Test", "run"),
        client: 77,
        rpc,
        session: 99,
        instance: INSTANCE,
        incarnation: 1,
        lowest: rpc,
        ..Header::new(kind)
    };
    if is_call {
        header.set_pointers(&[OBJECT]);
    }
    let (n, other) = if is_call { (1, 2) } else { (2, 1) };
    frame(&header, &addresses(n, address(n), address(other)))
}

/// The first node's ALLOC of this number, and the answer of the memory server, which is at port 3: a new object.
pub(super) fn alloc(rpc: u64) -> Result<[Vec<u8>; 2]> {
    let pointer = Pointer::new(MEMORY_PREFIX, 1, 0).with_operation(MemoryOp::Alloc as u8, 0);
    let fields =
        MemoryFields { pointer, offset: 0, len: 8, previous_write: 0, is_batch: false, status: MemoryStatus::Ok };
    let flags = Flags::FIRST.with(Flags::TO_CALLEE);
    let mut asked = Header { client: 77, rpc, incarnation: 1, lowest: rpc, flags, ..Header::new(PacketType::Memory) };
    fields.put(&mut asked, false);
    let made = Pointer::new(MEMORY_PREFIX, 1, 1 << 32 | rpc);
    let [high, _] = halves(made);
    let mut answer = Header { flags: Flags::FIRST, incarnation: 0, ..asked };
    MemoryFields { offset: high, len: made.object(), ..fields }.put(&mut answer, true);
    Ok([
        frame(&asked, &addresses(1, address(1), pointer.address()))?,
        frame(&answer, &addresses(3, pointer.address(), address(1)))?,
    ])
}

fn halves(pointer: Pointer) -> [u64; 2] {
    let [a, b, c, d, e, f, g, h, rest @ ..] = pointer.to_bytes();
    [u64::from_be_bytes([a, b, c, d, e, f, g, h]), u64::from_be_bytes(rest)]
}
