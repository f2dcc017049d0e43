//! The bodies of transport-only packets. Unknown trailing bytes are ignored, so that later versions can add fields.

use super::{Cursor, WireError};

/// Longest address-validation token in bytes.
pub const TOKEN_BYTES_MAX: usize = 32;
/// Ranges in one acknowledgement at most.
pub(crate) const RANGES_MAX: usize = 64;

/// OPEN: what the client offers and asks for. 128 bytes, at least as long as any answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenBody {
    /// The session that this one replaces, 0 for none.
    pub previous: u64,
    /// Fresh random value for key derivation.
    pub random: [u8; 32],
    /// Largest datagram (UDP payload) the client sends and takes, in bytes.
    pub datagram_bytes: u32,
    /// Largest message the client takes, in bytes.
    pub message_bytes_max: u32,
    /// The token of an earlier answer, empty at first.
    pub token: Vec<u8>,
}

/// Bytes of [`OpenBody`] and [`OpenedBody`].
pub(crate) const OPEN_BODY_BYTES: usize = 128;
const OPEN_FIXED_BYTES: usize = 8 + 32 + 4 + 4 + 1 + TOKEN_BYTES_MAX;
const OPENED_FIXED_BYTES: usize = 8 + 32 + 4 + 4 + 4 + 4 + 1 + 1 + TOKEN_BYTES_MAX;
const _: () = assert!(OPEN_FIXED_BYTES <= OPEN_BODY_BYTES && OPENED_FIXED_BYTES <= OPEN_BODY_BYTES);

impl OpenBody {
    /// The body on the wire, zero-padded.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(OPEN_BODY_BYTES);
        out.extend_from_slice(&self.previous.to_be_bytes());
        out.extend_from_slice(&self.random);
        out.extend_from_slice(&self.datagram_bytes.to_be_bytes());
        out.extend_from_slice(&self.message_bytes_max.to_be_bytes());
        put_token(&mut out, &self.token);
        out.resize(OPEN_BODY_BYTES, 0);
        out
    }

    /// Reads the body.
    ///
    /// # Errors
    ///
    /// It is shorter than 128 bytes, or the token's length is out of range.
    pub fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        let mut from = Cursor::new(bytes, OPEN_BODY_BYTES)?;
        Ok(Self {
            previous: from.u64(),
            random: from.array(),
            datagram_bytes: from.u32(),
            message_bytes_max: from.u32(),
            token: token(&mut from)?,
        })
    }
}

/// OPENED: the session, or (with session 0 in the header) only a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedBody {
    /// The server's epoch: random, new each time a server starts.
    pub epoch: u64,
    /// Fresh random value for key derivation.
    pub random: [u8; 32],
    /// A session silent for longer is forgotten, in ms.
    pub lease_ms: u32,
    /// Calls the client may have outstanding.
    pub calls_max: u32,
    /// Largest datagram for this session, in bytes.
    pub datagram_bytes: u32,
    /// Largest message the server takes, in bytes.
    pub message_bytes_max: u32,
    /// Whether the session named as the previous one is still known.
    pub previous_known: bool,
    /// Proves the client's address in a later OPEN.
    pub token: Vec<u8>,
}

impl OpenedBody {
    /// The body on the wire, zero-padded.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(OPEN_BODY_BYTES);
        out.extend_from_slice(&self.epoch.to_be_bytes());
        out.extend_from_slice(&self.random);
        out.extend_from_slice(&self.lease_ms.to_be_bytes());
        out.extend_from_slice(&self.calls_max.to_be_bytes());
        out.extend_from_slice(&self.datagram_bytes.to_be_bytes());
        out.extend_from_slice(&self.message_bytes_max.to_be_bytes());
        out.push(u8::from(self.previous_known));
        put_token(&mut out, &self.token);
        out.resize(OPEN_BODY_BYTES, 0);
        out
    }

    /// Reads the body.
    ///
    /// # Errors
    ///
    /// It is shorter than 128 bytes, or the token's length is out of range.
    pub fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        let mut from = Cursor::new(bytes, OPEN_BODY_BYTES)?;
        Ok(Self {
            epoch: from.u64(),
            random: from.array(),
            lease_ms: from.u32(),
            calls_max: from.u32(),
            datagram_bytes: from.u32(),
            message_bytes_max: from.u32(),
            previous_known: from.u8() != 0,
            token: token(&mut from)?,
        })
    }
}

fn put_token(out: &mut Vec<u8>, token: &[u8]) {
    let token = &token[..token.len().min(TOKEN_BYTES_MAX)];
    out.push(u8::try_from(token.len()).unwrap_or(0));
    out.extend_from_slice(token);
    out.resize(out.len() + TOKEN_BYTES_MAX - token.len(), 0);
}

fn token(from: &mut Cursor<'_>) -> Result<Vec<u8>, WireError> {
    let len = usize::from(from.u8());
    let bytes = from.array::<TOKEN_BYTES_MAX>();
    bytes.get(..len).map(<[u8]>::to_vec).ok_or(WireError::Field("token length"))
}

/// How far a message has come at its receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum AckStatus {
    /// Some fragments are there.
    Partial = 0,
    /// All of it is there.
    Complete = 1,
    /// Nothing is there (any more): fragments acknowledged earlier were discarded, all are to be sent again.
    Discarded = 2,
}

/// ACK with an RPC id: which bytes of the message have arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AckBody {
    /// How far the message has come.
    pub status: AckStatus,
    /// The highest packet number received in the session.
    pub largest_packet: u64,
    /// Received bytes, `[start, end)`, ascending, at most 64 ranges.
    pub ranges: Vec<(u32, u32)>,
}

impl AckBody {
    /// The body on the wire. Ranges beyond the 64th are left out.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let ranges = &self.ranges[..self.ranges.len().min(RANGES_MAX)];
        let mut out = Vec::with_capacity(12 + 8 * ranges.len());
        out.push(self.status as u8);
        out.push(0);
        out.extend_from_slice(&u16::try_from(ranges.len()).unwrap_or(0).to_be_bytes());
        out.extend_from_slice(&self.largest_packet.to_be_bytes());
        for (start, end) in ranges {
            out.extend_from_slice(&start.to_be_bytes());
            out.extend_from_slice(&end.to_be_bytes());
        }
        out
    }

    /// Reads the body.
    ///
    /// # Errors
    ///
    /// It is too short, has an unknown status, too many ranges, or ranges that are empty or out of order.
    pub fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        let mut from = Cursor::new(bytes, 12)?;
        let status = match from.u8() {
            0 => AckStatus::Partial,
            1 => AckStatus::Complete,
            2 => AckStatus::Discarded,
            _ => return Err(WireError::Field("acknowledgement status")),
        };
        let _reserved = from.u8();
        let count = range_count(from.u16())?;
        let largest_packet = from.u64();
        let mut from = Cursor::new(from.0, count * 8)?;
        let ranges: Vec<(u32, u32)> = (0..count).map(|_| (from.u32(), from.u32())).collect();
        ascending(&ranges)?;
        Ok(Self { status, largest_packet, ranges })
    }
}

/// ACK with RPC id 0: calls above the header's lowest outstanding one that have ended for the client.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FinishedBody {
    /// RPC ids, `[start, end)`, ascending, at most 64 ranges.
    pub ranges: Vec<(u64, u64)>,
}

impl FinishedBody {
    /// The body on the wire. Ranges beyond the 64th are left out.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let ranges = &self.ranges[..self.ranges.len().min(RANGES_MAX)];
        let mut out = Vec::with_capacity(2 + 16 * ranges.len());
        out.extend_from_slice(&u16::try_from(ranges.len()).unwrap_or(0).to_be_bytes());
        for (start, end) in ranges {
            out.extend_from_slice(&start.to_be_bytes());
            out.extend_from_slice(&end.to_be_bytes());
        }
        out
    }

    /// Reads the body.
    ///
    /// # Errors
    ///
    /// It is too short, or has too many ranges, or ranges that are empty or out of order.
    pub fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        let mut from = Cursor::new(bytes, 2)?;
        let count = range_count(from.u16())?;
        let mut from = Cursor::new(from.0, count * 16)?;
        let ranges: Vec<(u64, u64)> = (0..count).map(|_| (from.u64(), from.u64())).collect();
        ascending(&ranges)?;
        Ok(Self { ranges })
    }
}

fn range_count(count: u16) -> Result<usize, WireError> {
    Some(usize::from(count)).filter(|count| *count <= RANGES_MAX).ok_or(WireError::Field("number of ranges"))
}

fn ascending<T: Ord + Copy>(ranges: &[(T, T)]) -> Result<(), WireError> {
    let filled = ranges.iter().all(|(start, end)| start < end);
    let ordered = ranges.windows(2).all(|pair| pair[0].1 <= pair[1].0);
    if filled && ordered { Ok(()) } else { Err(WireError::Field("ranges")) }
}

/// Why a packet is refused. Whoever refuses a call promises about running it what the variant says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The session is not (or no longer) known here. Says nothing about calls sent in it earlier.
    UnknownSession,
    /// The queue is full; this copy of the call was not run. Try again after that many µs.
    Busy {
        /// When to try again, in µs.
        retry_us: u32,
    },
    /// The message is longer than the receiver takes; never run.
    TooLarge {
        /// What it takes, in bytes.
        limit: u32,
    },
    /// No such method here; never run.
    UnknownMethod,
    /// The server has as many sessions as it may.
    TooManySessions,
    /// The server is shutting down; the call is not and will not be run.
    Draining,
    /// The packet is not sealed with the key that the receiver has.
    WrongKey,
    /// The receiver speaks another version of the protocol.
    WrongVersion {
        /// The version it speaks.
        speaks: u8,
    },
    /// The control plane held the call and never released it; it is not and will not be run.
    NeverReleased,
    /// A memory operation that makes no sense, or none that the server knows; never done.
    BadOperation,
}

impl Refusal {
    fn to_wire(self) -> (u8, u32) {
        match self {
            Self::UnknownSession => (1, 0),
            Self::Busy { retry_us } => (2, retry_us),
            Self::TooLarge { limit } => (3, limit),
            Self::UnknownMethod => (4, 0),
            Self::TooManySessions => (5, 0),
            Self::Draining => (6, 0),
            Self::WrongKey => (7, 0),
            Self::WrongVersion { speaks } => (8, u32::from(speaks)),
            Self::NeverReleased => (9, 0),
            Self::BadOperation => (10, 0),
        }
    }

    fn from_wire(code: u8, detail: u32) -> Result<Self, WireError> {
        Ok(match code {
            1 => Self::UnknownSession,
            2 => Self::Busy { retry_us: detail },
            3 => Self::TooLarge { limit: detail },
            4 => Self::UnknownMethod,
            5 => Self::TooManySessions,
            6 => Self::Draining,
            7 => Self::WrongKey,
            8 => Self::WrongVersion { speaks: u8::try_from(detail).unwrap_or(u8::MAX) },
            9 => Self::NeverReleased,
            10 => Self::BadOperation,
            _ => return Err(WireError::Field("refusal")),
        })
    }
}

/// REFUSED. Session, RPC id and method of the header are those of the refused packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusedBody {
    /// Why.
    pub refusal: Refusal,
    /// Packet number of the refused packet.
    pub packet: u64,
}

impl RefusedBody {
    /// The body on the wire.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let (code, detail) = self.refusal.to_wire();
        let mut out = vec![code, 0, 0, 0];
        out.extend_from_slice(&detail.to_be_bytes());
        out.extend_from_slice(&self.packet.to_be_bytes());
        out
    }

    /// Reads the body.
    ///
    /// # Errors
    ///
    /// It is too short or names a reason that this version does not know.
    pub fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        let mut from = Cursor::new(bytes, 16)?;
        let code = from.u8();
        let _reserved = from.array::<3>();
        let refusal = Refusal::from_wire(code, from.u32())?;
        Ok(Self { refusal, packet: from.u64() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ranges_from<T: Ord + Copy>(mut points: Vec<T>) -> Vec<(T, T)> {
        points.sort_unstable();
        points.dedup();
        points.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
    }

    proptest! {
        #[test]
        fn open_round_trips(previous: u64, random: [u8; 32], datagram_bytes: u32, message_bytes_max: u32, token in prop::collection::vec(any::<u8>(), 0..=TOKEN_BYTES_MAX)) {
            let body = OpenBody { previous, random, datagram_bytes, message_bytes_max, token };
            prop_assert_eq!(body.to_bytes().len(), OPEN_BODY_BYTES);
            prop_assert_eq!(OpenBody::parse(&body.to_bytes()), Ok(body));
        }

        #[test]
        fn opened_round_trips_and_is_no_longer_than_open(epoch: u64, random: [u8; 32], n: [u32; 4], previous_known: bool, token in prop::collection::vec(any::<u8>(), 0..=TOKEN_BYTES_MAX)) {
            let [lease_ms, calls_max, datagram_bytes, message_bytes_max] = n;
            let body = OpenedBody { epoch, random, lease_ms, calls_max, datagram_bytes, message_bytes_max, previous_known, token };
            prop_assert_eq!(body.to_bytes().len(), OPEN_BODY_BYTES);
            prop_assert_eq!(OpenedBody::parse(&body.to_bytes()), Ok(body));
        }

        #[test]
        fn acknowledgements_round_trip(points in prop::collection::vec(any::<u32>(), 0..=2 * RANGES_MAX), largest_packet: u64) {
            let body = AckBody { status: AckStatus::Partial, largest_packet, ranges: ranges_from(points) };
            prop_assert_eq!(AckBody::parse(&body.to_bytes()), Ok(body));
        }

        #[test]
        fn finished_round_trips(points in prop::collection::vec(any::<u64>(), 0..=2 * RANGES_MAX)) {
            let body = FinishedBody { ranges: ranges_from(points) };
            prop_assert_eq!(FinishedBody::parse(&body.to_bytes()), Ok(body));
        }

        #[test]
        fn refusals_round_trip(code in 1u8..=10, detail: u32, packet: u64) {
            let refusal = Refusal::from_wire(code, detail).unwrap();
            let body = RefusedBody { refusal, packet };
            prop_assert_eq!(RefusedBody::parse(&body.to_bytes()), Ok(body));
        }

        #[test]
        fn any_bytes_are_parsed_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = (OpenBody::parse(&bytes), OpenedBody::parse(&bytes), AckBody::parse(&bytes));
            let _ = (FinishedBody::parse(&bytes), RefusedBody::parse(&bytes));
        }
    }

    #[test]
    fn too_many_or_disordered_ranges_are_refused() {
        let mut bytes = vec![0, 0, 0, 65];
        bytes.resize(12 + 65 * 8, 0);
        assert_eq!(AckBody::parse(&bytes), Err(WireError::Field("number of ranges")));
        let body = AckBody { status: AckStatus::Partial, largest_packet: 0, ranges: vec![(5, 9), (7, 12)] };
        assert_eq!(AckBody::parse(&body.to_bytes()), Err(WireError::Field("ranges")));
    }
}
