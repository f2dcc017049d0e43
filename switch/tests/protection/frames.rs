//! Frames of nodes and memory servers.

use bifrost_rpc::wire::frame::{FrameAddresses, Sum};
use bifrost_rpc::wire::{Flags, Header, MemoryFields, MemoryOp, MemoryStatus, MethodField, PacketType, Pointer};
use std::net::Ipv6Addr;

pub(crate) const PREFIX: u8 = 0xfd;
const SWITCH: [u8; 6] = [2, 0xb1, 0xf0, 0, 0, 1];

/// What names a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) client: u64,
    pub(crate) rpc: u64,
    pub(crate) session: u64,
    pub(crate) instance: u32,
}

pub(crate) fn address(node: usize) -> Ipv6Addr {
    Ipv6Addr::new(0xfd00, 0xb1f0, 0, 1, 0, 0, 0, u16::try_from(node).unwrap() + 1)
}

pub(crate) fn header(kind: PacketType, named: Named, incarnation: u32, flags: Flags) -> Header {
    let to_callee = matches!(kind, PacketType::Call | PacketType::Oneway | PacketType::Cancel);
    let is_message = matches!(kind, PacketType::Call | PacketType::Oneway | PacketType::Reply | PacketType::Exception);
    let flags = if to_callee { flags.with(Flags::TO_CALLEE) } else { flags };
    Header {
        flags: if is_message { flags.with(Flags::FIRST) } else { flags },
        method: MethodField::new("Test", "run"),
        client: named.client,
        rpc: named.rpc,
        session: named.session,
        instance: named.instance,
        incarnation,
        ..Header::new(kind)
    }
}

/// A frame with a packet.
pub(crate) fn frame(header: Header, pointers: &[Pointer], body: &[u8], from: Ipv6Addr, to: Ipv6Addr) -> Vec<u8> {
    let mut header = header;
    header.set_pointers(pointers);
    let further: Vec<u8> = pointers.iter().skip(1).flat_map(|pointer| pointer.to_bytes()).collect();
    header.body_len = u16::try_from(further.len() + body.len()).unwrap();
    let packet = [&header.to_bytes()[..], &further, body].concat();
    let addresses = FrameAddresses {
        source_mac: [2, 0, 0, 0, 0, from.octets()[15]],
        destination_mac: SWITCH,
        source: from,
        destination: to,
        source_port: 7400,
        destination_port: 7400,
    };
    let mut sum = Sum::default();
    sum.add(&packet);
    [&addresses.headers(packet.len(), sum).unwrap()[..], &packet].concat()
}

/// A frame taken apart: addresses, header, pointers, body.
pub(crate) fn parse(frame: &[u8]) -> (FrameAddresses, Header, Vec<Pointer>, Vec<u8>) {
    let (addresses, datagram) = FrameAddresses::parse(frame).unwrap();
    let header = Header::parse(datagram).unwrap();
    (addresses, header, header.pointers_of(datagram).unwrap(), datagram[128..].to_vec())
}

/// A request to a memory server.
pub(crate) fn request(op: MemoryOp, object: Pointer, named: Named, incarnation: u32, from: Ipv6Addr) -> Vec<u8> {
    let pointer = object.with_operation(op as u8, 0);
    let mut header = header(PacketType::Call, named, incarnation, Flags::default());
    let len = if op == MemoryOp::Alloc { 8 } else { 0 };
    let fields = MemoryFields { pointer, offset: 0, len, previous_write: 0, is_batch: false, status: MemoryStatus::Ok };
    fields.put(&mut header, false);
    header.method = MethodField::NONE;
    frame(header, &[], &[], from, pointer.address())
}

/// Its answer. A new object goes where an ALLOC's does.
pub(crate) fn answer(request: &[u8], made: Option<Pointer>, status: MemoryStatus) -> Vec<u8> {
    let (addresses, asked, _, _) = parse(request);
    let mut header = Header { flags: Flags::FIRST, incarnation: 0, ..asked };
    let (offset, len) = made.map_or((asked.memory_offset, asked.memory_len), |made| {
        let bits = u128::from_be_bytes(made.to_bytes());
        (u64::try_from(bits >> 64).unwrap(), made.object())
    });
    let pointer = Pointer::from_bytes(asked.pointer);
    MemoryFields { pointer, offset, len, previous_write: 0, is_batch: false, status }.put(&mut header, true);
    frame(header, &[], &[], addresses.destination, addresses.source)
}
