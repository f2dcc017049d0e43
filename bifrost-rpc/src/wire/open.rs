//! The bodies of OPEN and OPENED.

use super::{Cursor, WireError};

/// Longest address-validation token in bytes.
pub const TOKEN_BYTES_MAX: usize = 32;
/// Bytes of [`OpenBody`] and [`OpenedBody`].
pub(crate) const OPEN_BODY_BYTES: usize = 128;
const OPEN_FIXED_BYTES: usize = 8 + 32 + 4 + 4 + 1 + TOKEN_BYTES_MAX;
const OPENED_FIXED_BYTES: usize = 8 + 32 + 4 + 4 + 4 + 4 + 1 + 1 + TOKEN_BYTES_MAX;
const _: () = assert!(OPEN_FIXED_BYTES <= OPEN_BODY_BYTES && OPENED_FIXED_BYTES <= OPEN_BODY_BYTES);

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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
        fn any_bytes_are_parsed_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = (OpenBody::parse(&bytes), OpenedBody::parse(&bytes));
        }
    }
}
