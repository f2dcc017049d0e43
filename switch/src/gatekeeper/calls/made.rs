//! Packets that the control plane makes: HELD, REFUSED and CANCEL.

use bifrost_rpc::control::{CONTROL_NONCE_BYTES, SessionControlSeal};
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

/// A packet of the control plane's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    header: Header,
    body: Vec<u8>,
    addresses: FrameAddresses,
}

impl Made {
    /// The packet in a frame, as it is.
    #[must_use]
    pub fn frame(&self) -> Vec<u8> {
        let body_len = u16::try_from(self.body.len()).unwrap_or(0);
        let header = Header { body_len, ..self.header };
        self.around(&[&header.to_bytes(), &self.body[..]].concat())
    }

    /// The packet in a frame, sealed under a number and a nonce that no other has.
    #[must_use]
    pub fn sealed(&self, seal: &SessionControlSeal, number: u64, nonce: [u8; CONTROL_NONCE_BYTES]) -> Vec<u8> {
        // A body of 16 bytes at most can be sealed.
        let packet = seal.to_datagram(self.header, &self.body, number, nonce).unwrap_or_default();
        self.around(&packet)
    }

    fn around(&self, packet: &[u8]) -> Vec<u8> {
        let mut sum = Sum::default();
        sum.add(packet);
        // A packet of 184 bytes at most fits every frame.
        let headers = self.addresses.headers(packet.len(), sum).unwrap_or([0; _]);
        [&headers[..], packet].concat()
    }
}

/// HELD, in answer to a packet of a call.
pub(super) fn held(of: &Header, at: &FrameAddresses) -> Made {
    let header = Header { flags: Flags(0), ..answer(PacketType::Held, of) };
    Made { header, body: Vec::new(), addresses: back(at) }
}

/// REFUSED, in answer to a packet of a call.
pub(super) fn refused(of: &Header, at: &FrameAddresses, why: Denial) -> Made {
    let header = Header { method: of.method, ..answer(PacketType::Refused, of) };
    Made { header, body: why.body().to_vec(), addresses: back(at) }
}

/// CANCEL, which follows a call to its callee.
pub(super) fn cancel(of: &Header, at: &FrameAddresses) -> Made {
    let flags = Flags::TO_CALLEE.with(Flags::LEASED);
    let header = Header { flags, incarnation: of.incarnation, ..answer(PacketType::Cancel, of) };
    Made { header, body: Vec::new(), addresses: *at }
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
