//! Frames by hand.

use bifrost_rpc::wire::frame::{FrameAddresses, Mac, Sum};
use bifrost_rpc::wire::{
    Flags, HEADER_BYTES, Header, MemoryFields, MemoryOp, MemoryStatus, PacketType, Pointer, RACK_PORT,
};
use std::net::Ipv6Addr;

pub(crate) const PREFIX: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xb1f0, 0, 1, 0, 0, 0, 0);
pub(crate) const SWITCH_MAC: Mac = [2, 0xb1, 0xf0, 0, 0, 1];
/// The memory server's own pointer.
pub(crate) const ROOT: Pointer = Pointer::new(0xfd, 1, 0);

pub(crate) fn mac(port: u32) -> Mac {
    [2, 0, 0, 0, 0, u8::try_from(port).unwrap()]
}

pub(crate) fn address(port: u32) -> Ipv6Addr {
    Ipv6Addr::from_bits(PREFIX.to_bits() | u128::from(port))
}

/// A machine's own place, and the address that a frame goes to.
pub(crate) fn addresses(port: u32, to: Ipv6Addr) -> FrameAddresses {
    FrameAddresses {
        source_mac: mac(port),
        destination_mac: SWITCH_MAC,
        source: address(port),
        destination: to,
        source_port: RACK_PORT,
        destination_port: RACK_PORT,
    }
}

/// A packet: the header, which is told the body's length, and the body.
pub(crate) fn packet(header: Header, body: &[u8]) -> Vec<u8> {
    let header = Header { body_len: u16::try_from(body.len()).unwrap(), ..header };
    [&header.to_bytes()[..], body].concat()
}

/// A frame around a datagram.
pub(crate) fn frame(addresses: &FrameAddresses, datagram: &[u8]) -> Vec<u8> {
    let mut sum = Sum::default();
    sum.add(datagram);
    [&addresses.headers(datagram.len(), sum).unwrap()[..], datagram].concat()
}

/// A frame of another protocol than UDP.
pub(crate) fn other_protocol(addresses: &FrameAddresses, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = frame(addresses, &[]);
    bytes.truncate(54);
    bytes[18..20].copy_from_slice(&u16::try_from(payload.len()).unwrap().to_be_bytes());
    bytes[20] = protocol;
    [&bytes[..], payload].concat()
}

/// The Bifröst packet in a frame; `None` if there is none.
pub(crate) fn parse(frame: &[u8]) -> Option<(FrameAddresses, Header, Vec<u8>)> {
    let (addresses, datagram) = FrameAddresses::parse(frame).ok()?;
    let header = Header::parse(datagram).ok()?;
    Some((addresses, header, datagram[HEADER_BYTES..].to_vec()))
}

/// What is asked of a memory server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) op: MemoryOp,
    pub(crate) object: Pointer,
    pub(crate) len: u64,
    pub(crate) data: &'a [u8],
}

impl<'a> Ask<'a> {
    pub(crate) fn read(object: Pointer, len: u64) -> Self {
        Self { op: MemoryOp::Read, object, len, data: &[] }
    }

    pub(crate) fn write(object: Pointer, data: &'a [u8]) -> Self {
        Self { op: MemoryOp::Write, object, len: data.len() as u64, data }
    }

    pub(crate) fn free(object: Pointer) -> Self {
        Self { op: MemoryOp::Free, object, len: 0, data: &[] }
    }

    /// Makes an object of these bytes.
    pub(crate) fn alloc(data: &'a [u8]) -> Self {
        Self { op: MemoryOp::Alloc, object: ROOT, len: data.len() as u64, data }
    }

    /// The pointer with the operation in it.
    pub(crate) fn pointer(&self) -> Pointer {
        self.object.with_operation(self.op as u8, 0)
    }

    /// The header, without what names session and sender.
    pub(crate) fn header(&self) -> Header {
        let mut header = Header::new(PacketType::Memory);
        header.flags = Flags::FIRST.with(Flags::TO_CALLEE);
        header.message_len = u32::try_from(self.data.len()).unwrap();
        let fields = MemoryFields {
            pointer: self.pointer(),
            offset: 0,
            len: self.len,
            previous_write: 0,
            is_batch: false,
            status: MemoryStatus::Ok,
        };
        fields.put(&mut header, false);
        header
    }
}

/// The pointer in the answer to an ALLOC.
pub(crate) fn made(answer: &Header) -> Pointer {
    let fields = MemoryFields::of(answer);
    assert_eq!(fields.status, MemoryStatus::Ok, "no object was made");
    Pointer::from_bytes((u128::from(fields.offset) << 64 | u128::from(fields.len)).to_be_bytes())
}
