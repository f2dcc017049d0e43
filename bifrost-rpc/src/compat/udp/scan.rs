//! Finds where a Thrift message ends while its bytes still come.
//!
//! Apache's `TBufferedWriteTransport` flushes whenever its buffer is full, in the middle of a message too, so that a
//! flush says nothing about where a message ends; only its content does. Each byte is looked at once, however many
//! flushes it comes in.

mod lengths;

use self::lengths::LengthScanner;
use crate::protocol::json::{EndFinder, Progress};

/// Lengths and counts above the limit, unknown types, nesting without end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum ScanError {
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
pub(super) enum Encoding {
    /// The binary protocol with a version in its header.
    Strict,
    /// The binary protocol with the header of old: name, kind, sequence.
    Old,
    /// The compact protocol.
    Compact,
    /// The JSON protocol.
    Json,
}

/// Passes over one message.
#[derive(Debug)]
pub(super) enum Scanner {
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
    /// A scanner for one message of at most `limit` bytes.
    pub(super) fn new(encoding: Encoding, limit: usize) -> Self {
        match encoding {
            Encoding::Strict => Self::Lengths(LengthScanner::strict(limit)),
            Encoding::Old => Self::Lengths(LengthScanner::old(limit)),
            Encoding::Compact => Self::Lengths(LengthScanner::compact(limit)),
            Encoding::Json => Self::Json { end: EndFinder::new(), at: 0 },
        }
    }

    /// Looks at what has come since the last time; `bytes` are all bytes since the message began. Returns where the
    /// message ends, once that is known.
    pub(super) fn advance(&mut self, bytes: &[u8]) -> Result<Option<usize>, ScanError> {
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
