//! Messages out of the bytes of a stream.

use crate::io::Transport;
use crate::protocol::scan::{Encoding, ScanError, Scanner};
use crate::protocol::{Limits, WireProtocol};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of the length before a framed message.
pub(crate) const FRAME_BYTES: usize = 4;
/// Bytes received at once at first.
const READ_BYTES_MIN: usize = 2 << 10;
/// Bytes received at once at most.
const READ_BYTES_MAX: usize = 256 << 10;
/// Memory kept for the next message.
const KEEP_BYTES_MAX: usize = 64 << 10;

/// Why no further message can be told apart on a stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadStream {
    #[error("a message of {len} bytes, over the limit of {limit}")]
    TooLarge { len: usize, limit: usize },
    #[error("no Thrift message: {0}")]
    Malformed(#[from] ScanError),
    #[error("no Thrift message begins with {0:#04x}")]
    Unknown(u8),
    #[error("a frame without a message in it")]
    Empty,
    #[error("no memory is left for arriving messages")]
    Memory,
}

/// Memory that many streams may take together.
#[derive(Debug)]
pub(crate) struct Budget {
    left: AtomicUsize,
}

impl Budget {
    pub(crate) fn new(bytes: usize) -> Arc<Self> {
        Arc::new(Self { left: AtomicUsize::new(bytes) })
    }

    fn take(&self, bytes: usize) -> bool {
        let taken = self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(bytes));
        taken.is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.left.fetch_add(bytes, Ordering::AcqRel);
    }

    #[cfg(test)]
    pub(crate) fn left(&self) -> usize {
        self.left.load(Ordering::Acquire)
    }
}

/// Takes the bytes of a stream as they come, and tells its messages apart. Memory is taken for bytes that have come,
/// never for a length that merely announces them.
#[derive(Debug)]
pub(crate) struct Incoming {
    transport: Transport,
    limits: Limits,
    budget: Arc<Budget>,
    /// Content, and room behind it.
    bytes: Vec<u8>,
    content: Range<usize>,
    /// The length of the frame whose message is coming.
    frame: Option<usize>,
    /// Where the unframed message that is coming ends.
    scanner: Option<Scanner>,
}

impl Incoming {
    pub(crate) fn new(transport: Transport, limits: Limits, budget: Arc<Budget>) -> Self {
        Self { transport, limits, budget, bytes: Vec::new(), content: 0..0, frame: None, scanner: None }
    }

    /// The content that belongs to no message yet.
    pub(crate) fn content(&self) -> &[u8] {
        self.bytes.get(self.content.clone()).unwrap_or_default()
    }

    /// The first message that is whole.
    pub(crate) fn message(&mut self) -> Result<Option<&[u8]>, BadStream> {
        let len = match self.transport {
            Transport::Framed => self.framed_len()?,
            Transport::Buffered => self.scanned_len()?,
        };
        Ok(len.and_then(|len| self.content().get(..len)))
    }

    /// Forgets the message of `len` bytes that was there.
    pub(crate) fn consume(&mut self, len: usize) {
        (self.frame, self.scanner) = (None, None);
        self.content.start = (self.content.start + len).min(self.content.end);
        if self.content.is_empty() {
            self.content = 0..0;
            self.shrink();
        }
    }

    /// Forgets the first bytes of the message that is there, and with `is_last` that it was there.
    pub(crate) fn pass(&mut self, len: usize, is_last: bool) {
        if is_last {
            self.consume(len);
        } else {
            self.content.start = (self.content.start + len).min(self.content.end);
        }
    }

    /// The message of `len` bytes that was there; its memory, if it is large and nothing else is in it.
    pub(crate) fn take(&mut self, len: usize) -> Vec<u8> {
        if len <= KEEP_BYTES_MAX || self.content != (0..len) {
            let message = self.content().get(..len).unwrap_or_default().to_vec();
            self.consume(len);
            return message;
        }
        self.budget.give_back(self.bytes.len());
        let mut message = std::mem::take(&mut self.bytes);
        message.truncate(len);
        self.content = 0..0;
        (self.frame, self.scanner) = (None, None);
        message
    }

    /// Where the next bytes of the stream go: as many as have come of the message that is coming, within bounds.
    pub(crate) fn room(&mut self) -> Result<&mut [u8], BadStream> {
        let there = self.content.len();
        let missing = self.frame.map_or(usize::MAX, |frame| frame.saturating_sub(there)).max(1);
        let wanted = there.clamp(READ_BYTES_MIN, READ_BYTES_MAX).min(missing.max(READ_BYTES_MIN));
        if self.content.end == self.bytes.len() {
            self.move_up();
        }
        if self.content.end == self.bytes.len() {
            if !self.budget.take(wanted) {
                return Err(BadStream::Memory);
            }
            self.bytes.resize(self.content.end + wanted, 0);
        }
        // What follows a large message stays in the socket, so that the message can be taken with its memory.
        let until = self.content.end.saturating_add(missing.max(READ_BYTES_MIN)).min(self.bytes.len());
        Ok(self.bytes.get_mut(self.content.end..until).unwrap_or_default())
    }

    /// So many bytes have come into the room.
    pub(crate) fn filled(&mut self, len: usize) {
        self.content.end = (self.content.end + len).min(self.bytes.len());
    }

    fn move_up(&mut self) {
        self.bytes.copy_within(self.content.clone(), 0);
        self.content = 0..self.content.len();
    }

    fn shrink(&mut self) {
        if self.bytes.len() > KEEP_BYTES_MAX {
            self.budget.give_back(self.bytes.len());
            self.bytes = Vec::new();
        }
    }

    fn framed_len(&mut self) -> Result<Option<usize>, BadStream> {
        let frame = match self.frame {
            Some(frame) => frame,
            None => {
                let Some(head) = self.content().first_chunk::<FRAME_BYTES>() else { return Ok(None) };
                let frame = usize::try_from(u32::from_be_bytes(*head)).unwrap_or(usize::MAX);
                self.begin_frame(frame)?;
                frame
            }
        };
        Ok((self.content.len() >= frame).then_some(frame))
    }

    fn begin_frame(&mut self, frame: usize) -> Result<(), BadStream> {
        // Also where it is refused: what it begins with may be a header that can be answered.
        self.content.start += FRAME_BYTES;
        self.frame = Some(frame);
        let limit = self.limits.message_bytes_max;
        match frame {
            0 => Err(BadStream::Empty),
            frame if frame > limit => Err(BadStream::TooLarge { len: frame, limit }),
            frame => {
                if frame > KEEP_BYTES_MAX {
                    self.move_up();
                }
                Ok(())
            }
        }
    }

    fn scanned_len(&mut self) -> Result<Option<usize>, BadStream> {
        let content = self.bytes.get(self.content.clone()).unwrap_or_default();
        let Some(first) = content.first() else { return Ok(None) };
        let scanner = match &mut self.scanner {
            Some(scanner) => scanner,
            none => {
                let encoding = Encoding::of(*first).ok_or(BadStream::Unknown(*first))?;
                none.insert(Scanner::new(encoding, &self.limits))
            }
        };
        let limit = self.limits.message_bytes_max;
        let end = scanner.advance(content)?;
        match end.unwrap_or(content.len()) {
            len if len > limit => Err(BadStream::TooLarge { len, limit }),
            _ => Ok(end),
        }
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes.len());
    }
}

/// Refuses messages in another protocol than the one that an address is for.
pub(crate) fn check_protocol(expected: Option<WireProtocol>, message: &[u8]) -> thrift::Result<()> {
    let found = WireProtocol::detect(message)?;
    match expected {
        Some(expected) if expected != found => Err(thrift::new_protocol_error(
            thrift::ProtocolErrorKind::BadVersion,
            format!("a message in the {found:?} protocol where the {expected:?} protocol is spoken"),
        )),
        _ => Ok(()),
    }
}
