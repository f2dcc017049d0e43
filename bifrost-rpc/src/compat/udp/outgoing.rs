//! What has been written, and the messages in it.

use crate::buffer::MessageBuffer;
use crate::protocol::json::is_space;
use crate::protocol::scan::{Encoding, ScanError, Scanner};
use crate::protocol::{Limits, MessageHeader, WireProtocol};

/// Bytes of the length before a framed message.
pub(super) const FRAME_BYTES: usize = 4;
/// Memory kept for the next message.
const KEEP_BYTES_MAX: usize = 64 << 10;

/// Why what was written cannot be sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    #[error("no Thrift message in the binary, the compact or the JSON protocol, framed or not, begins with {0:02x?}")]
    Unknown(Vec<u8>),
    #[error("what was written is no Thrift message: {0}")]
    Malformed(#[from] ScanError),
    #[error("the frame of {frame} bytes does not hold one message exactly")]
    Frame { frame: usize },
    #[error("a message of more than {limit} bytes, which is the limit")]
    TooLarge { limit: usize },
    #[error("the header of the message cannot be read: {0}")]
    Header(thrift::Error),
}

/// A whole message.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) header: MessageHeader,
    pub(super) protocol: WireProtocol,
    /// Whether it came in a frame; so must its answer.
    pub(super) is_framed: bool,
    pub(super) message: MessageBuffer,
}

/// Bytes written and not sent.
#[derive(Debug)]
pub(super) struct Outgoing {
    bytes: Vec<u8>,
    /// The message that the bytes begin with, as far as it is known.
    current: Option<Current>,
    limits: Limits,
}

#[derive(Debug)]
struct Current {
    frame: Option<usize>,
    scanner: Scanner,
}

impl Outgoing {
    /// Takes messages within `limits`.
    pub(super) fn new(limits: Limits) -> Self {
        Self { bytes: Vec::new(), current: None, limits }
    }

    /// Appends what was written.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        let limit = self.limits.message_bytes_max;
        if self.bytes.len() + bytes.len() > limit.saturating_add(FRAME_BYTES) {
            return Err(WriteError::TooLarge { limit });
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// The first message, once it is whole.
    pub(super) fn next(&mut self) -> Result<Option<Whole>, WriteError> {
        let Some(end) = self.end()? else { return Ok(None) };
        let is_framed = self.current.take().is_some_and(|current| current.frame.is_some());
        let start = if is_framed { FRAME_BYTES } else { 0 };
        let content = self.bytes.get(start..end).unwrap_or_default();
        let header = WireProtocol::header(content).map_err(WriteError::Header)?;
        let protocol = WireProtocol::detect(content).map_err(WriteError::Header)?;
        let mut message = MessageBuffer::new();
        if end == self.bytes.len() && end > KEEP_BYTES_MAX {
            message.put_shared(bytes::Bytes::from(std::mem::take(&mut self.bytes)).slice(start..));
        } else {
            message.put_slice(content);
            self.bytes.drain(..end);
        }
        Ok(Some(Whole { header, protocol, is_framed, message }))
    }

    /// Where the first message ends, frame included.
    fn end(&mut self) -> Result<Option<usize>, WriteError> {
        let current = match &mut self.current {
            Some(current) => current,
            none => match begin(&self.bytes, &self.limits)? {
                Some(begun) => none.insert(begun),
                None => return Ok(None),
            },
        };
        let Some(frame) = current.frame else {
            let end = current.scanner.advance(&self.bytes)?;
            return match end {
                Some(end) if end > self.limits.message_bytes_max => {
                    Err(WriteError::TooLarge { limit: self.limits.message_bytes_max })
                }
                end => Ok(end),
            };
        };
        let Some(content) = self.bytes.get(FRAME_BYTES..FRAME_BYTES + frame) else { return Ok(None) };
        match current.scanner.advance(content)? {
            Some(end) if end == frame => Ok(Some(FRAME_BYTES + frame)),
            _ => Err(WriteError::Frame { frame }),
        }
    }
}

fn begins_json(byte: u8) -> bool {
    byte == b'[' || is_space(byte)
}

/// Tells by its first bytes what has been written; `None` if there are too few.
///
/// A frame's length and the length of the name that a header of old begins with look alike, but what follows does
/// not: the one is followed by a version, by another length or by the bracket of a JSON message, the other by a name.
/// Frames of 150 MiB and more, which no server takes, begin like JSON messages.
fn begin(bytes: &[u8], limits: &Limits) -> Result<Option<Current>, WriteError> {
    let bare = |encoding| Current { frame: None, scanner: Scanner::new(encoding, limits) };
    let unknown = || WriteError::Unknown(bytes.iter().take(8).copied().collect());
    match bytes.first() {
        None => return Ok(None),
        Some(0x80) => return Ok(Some(bare(Encoding::Strict))),
        Some(0x82) => return Ok(Some(bare(Encoding::Compact))),
        Some(0x81..) => return Err(unknown()),
        Some(first) if begins_json(*first) => return Ok(Some(bare(Encoding::Json))),
        Some(_) => {}
    }
    let Some((length, [first, ..])) = bytes.split_first_chunk() else { return Ok(None) };
    let encoding = match first {
        0x80 => Encoding::Strict,
        0x82 => Encoding::Compact,
        0 => Encoding::Old,
        first if begins_json(*first) => Encoding::Json,
        _ if bytes.starts_with(&[0]) => return Ok(Some(bare(Encoding::Old))),
        _ => return Err(unknown()),
    };
    match usize::try_from(u32::from_be_bytes(*length)) {
        Ok(0) => Err(unknown()),
        Ok(frame) if frame <= limits.message_bytes_max => {
            Ok(Some(Current { frame: Some(frame), scanner: Scanner::new(encoding, limits) }))
        }
        _ => Err(WriteError::TooLarge { limit: limits.message_bytes_max }),
    }
}
