//! The body of REFUSED, and the reasons there are.

use super::{Cursor, WireError};

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
    /// A pointer is passed that the sender may not pass; the call is not and will not be run.
    NoRight,
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
            Self::NoRight => (11, 0),
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
            11 => Self::NoRight,
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

    proptest! {
        #[test]
        fn refusals_round_trip(code in 1u8..=11, detail: u32, packet: u64) {
            let refusal = Refusal::from_wire(code, detail).unwrap();
            let body = RefusedBody { refusal, packet };
            prop_assert_eq!(RefusedBody::parse(&body.to_bytes()), Ok(body));
        }

        #[test]
        fn any_bytes_are_parsed_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = RefusedBody::parse(&bytes);
        }
    }
}
