//! Packets that the control plane makes: HELD, REFUSED and CANCEL.

use bifrost_rpc::wire::frame::{FrameAddresses, Sum};
use bifrost_rpc::wire::{Flags, Header, PacketType};

/// What a caller is told of a call that does not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Denial {
    /// Whether it ran is unknown.
    UnknownSession,
    /// It did not run; the same call may come again after so many µs.
    Busy(u32),
    /// It never ran, and never will.
    NeverReleased,
    /// The same: it passes what its caller may not pass.
    NoRight,
}

impl Denial {
    /// The body of REFUSED: `docs/protocol.md`, section 4.5.
    fn body(self) -> [u8; 16] {
        let (reason, detail) = match self {
            Self::UnknownSession => (1, 0),
            Self::Busy(us) => (2, us),
            Self::NeverReleased => (9, 0),
            Self::NoRight => (11, 0),
        };
        let mut out = [0; 16];
        out[0] = reason;
        out[4..8].copy_from_slice(&u32::to_be_bytes(detail));
        out
    }
}

/// HELD, in answer to a packet of a call.
pub(super) fn held(of: &Header, at: &FrameAddresses) -> Vec<u8> {
    let header = Header { flags: Flags(0), ..answer(PacketType::Held, of) };
    frame(header, &[], back(at))
}

/// REFUSED, in answer to a packet of a call.
pub(super) fn refused(of: &Header, at: &FrameAddresses, why: Denial) -> Vec<u8> {
    let header = Header { method: of.method, ..answer(PacketType::Refused, of) };
    frame(header, &why.body(), back(at))
}

/// CANCEL, which follows a call to its callee.
pub(super) fn cancel(of: &Header, at: &FrameAddresses) -> Vec<u8> {
    let flags = Flags::TO_CALLEE.with(Flags::LEASED);
    frame(Header { flags, incarnation: of.incarnation, ..answer(PacketType::Cancel, of) }, &[], *at)
}

/// A header that names the call of another.
fn answer(kind: PacketType, of: &Header) -> Header {
    let flags = if of.flags.has(Flags::LEASED) { Flags::LEASED } else { Flags(0) };
    Header { flags, client: of.client, rpc: of.rpc, instance: of.instance, session: of.session, ..Header::new(kind) }
}

/// The way back of a frame: to the Ethernet address that it came from, so that it can leave by the port that it came in by.
fn back(at: &FrameAddresses) -> FrameAddresses {
    FrameAddresses {
        source_mac: at.destination_mac,
        destination_mac: at.source_mac,
        source: at.destination,
        destination: at.source,
        source_port: at.destination_port,
        destination_port: at.source_port,
    }
}

fn frame(mut header: Header, body: &[u8], addresses: FrameAddresses) -> Vec<u8> {
    header.body_len = u16::try_from(body.len()).unwrap_or(0);
    let packet = [&header.to_bytes(), body].concat();
    let mut sum = Sum::default();
    sum.add(&packet);
    // A packet of 144 bytes at most fits every frame.
    let headers = addresses.headers(packet.len(), sum).unwrap_or([0; _]);
    [&headers[..], &packet].concat()
}
