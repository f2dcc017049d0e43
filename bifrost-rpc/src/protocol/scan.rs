//! Finds where a Thrift message ends while its bytes still come.
//!
//! On a stream without frames only a message's content says where it ends. So it does for Apache's
//! `TBufferedWriteTransport`, which flushes whenever its buffer is full, in the middle of a message too. Each byte is
//! looked at once, however small the pieces it comes in.

mod lengths;

use self::lengths::LengthScanner;
use super::Limits;
use super::json::{EndFinder, Progress, is_space};

/// Lengths and counts above the limit, unknown types, nesting without end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ScanError {
    #[error("{0:#04x} is no type")]
    Type(u8),
    #[error("a length or count of {0}, over the limit")]
    Length(u64),
    #[error("a variable-length integer does not end")]
    Varint,
    #[error("values are nested too deeply")]
    Depth,
    #[error("brackets or strings that are no JSON")]
    Json,
}

/// How a message begins and its values are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// The binary protocol with a version in its header.
    Strict,
    /// The binary protocol with the header of old: name, kind, sequence.
    Old,
    /// The compact protocol.
    Compact,
    /// The JSON protocol.
    Json,
}

impl Encoding {
    /// The encoding of a message that begins with this byte, by itself and not in a frame.
    pub(crate) fn of(first: u8) -> Option<Self> {
        match first {
            0x80 => Some(Self::Strict),
            0x82 => Some(Self::Compact),
            // The length of a name under 16 MiB.
            0 => Some(Self::Old),
            b'[' => Some(Self::Json),
            space if is_space(space) => Some(Self::Json),
            _ => None,
        }
    }
}

/// Passes over one message.
#[derive(Debug)]
pub(crate) enum Scanner {
    /// In a protocol that says how long its values are.
    Lengths(LengthScanner),
    /// In the JSON protocol.
    Json {
        end: EndFinder,
        /// Bytes passed over.
        at: usize,
    },
}

impl Scanner {
    /// A scanner for one message within `limits`.
    pub(crate) fn new(encoding: Encoding, limits: &Limits) -> Self {
        match encoding {
            Encoding::Strict => Self::Lengths(LengthScanner::strict(limits)),
            Encoding::Old => Self::Lengths(LengthScanner::old(limits)),
            Encoding::Compact => Self::Lengths(LengthScanner::compact(limits)),
            Encoding::Json => Self::Json { end: EndFinder::new(), at: 0 },
        }
    }

    /// Looks at what has come since the last time; `bytes` are all bytes since the message began. Returns where the
    /// message ends, once that is known.
    pub(crate) fn advance(&mut self, bytes: &[u8]) -> Result<Option<usize>, ScanError> {
        let (end, at) = match self {
            Self::Lengths(scanner) => return scanner.advance(bytes),
            Self::Json { end, at } => (end, at),
        };
        for byte in bytes.get(*at..).unwrap_or_default() {
            *at += 1;
            match end.push(*byte).map_err(|_| ScanError::Json)? {
                Progress::Before | Progress::Within => {}
                Progress::Last => return Ok(Some(*at)),
                Progress::Past => return Err(ScanError::Json),
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests;
