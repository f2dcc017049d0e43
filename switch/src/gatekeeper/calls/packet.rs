//! A frame that the data plane handed over, taken apart.

use super::cause::Cause;
use bifrost_rpc::wire::frame::FrameAddresses;
use bifrost_rpc::wire::{Flags, HEADER_BYTES, Header, PacketType, Pointer, RACK_PORT};

/// A sound packet.
#[derive(Debug)]
pub(super) struct Packet<'a> {
    /// The port that it came in by.
    pub(super) port: u16,
    pub(super) addresses: FrameAddresses,
    pub(super) header: Header,
    /// All pointers of the message.
    pub(super) pointers: Vec<Pointer>,
    /// What follows the header.
    pub(super) body: &'a [u8],
    /// All of it.
    pub(super) frame: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Takes a frame apart that must hold one packet, the whole packet, and nothing but the packet: what stood behind it would have
    /// passed unseen.
    pub(super) fn parse(port: u16, frame: &'a [u8]) -> Result<Self, Cause> {
        let malformed = |_| Cause::Malformed;
        let (addresses, datagram) = FrameAddresses::parse(frame).map_err(|_frame| Cause::Malformed)?;
        let header = Header::parse(datagram).map_err(malformed)?;
        let body = datagram.get(HEADER_BYTES..).unwrap_or_default();
        let is_rack = addresses.source_port == RACK_PORT || addresses.destination_port == RACK_PORT;
        let further = header.further_bytes().map_err(malformed)?;
        if !is_rack || body.len() != usize::from(header.body_len) || body.len() < further || !is_placed(&header) {
            return Err(Cause::Malformed);
        }
        let pointers = header.pointers_of(datagram).map_err(malformed)?;
        Ok(Self { port, addresses, header, pointers, body, frame })
    }

    pub(super) fn is_to_callee(&self) -> bool {
        self.header.flags.has(Flags::TO_CALLEE)
    }

    pub(super) fn is_leased(&self) -> bool {
        self.header.flags.has(Flags::LEASED)
    }
}

/// Whether a fragment of a message is its first, and says so.
fn is_placed(header: &Header) -> bool {
    use PacketType::{Call, Exception, Memory, Oneway, Reply};
    let is_fragment = matches!(header.kind, Call | Oneway | Reply | Exception | Memory);
    !is_fragment || (header.flags.has(Flags::FIRST) && header.offset == 0)
}
