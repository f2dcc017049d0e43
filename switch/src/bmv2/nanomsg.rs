//! nanomsg's PAIR protocol over a Unix socket, as far as `simple_switch --packet-in` speaks it. No socket: bytes in, messages out.
//!
//! Each side greets with eight bytes. A message is a byte 1, its length in eight bytes, big endian, and its content. The content here
//! is three little-endian numbers of 32 bits (type, port, bytes of the frame) and the frame.

use super::PROGRAM_NAME;

/// Largest message that is taken: no frame is longer than 64 KiB.
pub const MESSAGE_BYTES_MAX: usize = 12 + (64 << 10);

/// Protocol 16 is PAIR.
pub(super) const GREETING: [u8; 8] = [0, b'S', b'P', 0, 0, 16, 0, 0];

const PREFIX_BYTES: usize = 9;
const HEADER_BYTES: usize = 12;
const TO_SWITCH: u32 = 3;
const FROM_SWITCH: u32 = 4;

/// What comes is not what `simple_switch` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FramingError {
    /// Another protocol, or another version of it.
    #[error("no {PROGRAM_NAME} at this socket: it greets with {0:02x?}")]
    Greeting([u8; 8]),
    /// A message of another kind.
    #[error("a message of kind {0} where 1 is expected")]
    Kind(u8),
    /// Too long, or too short for a header.
    #[error("a message of {0} bytes")]
    Length(u64),
    /// The header says another length.
    #[error("a message that says it holds {0} bytes and does not")]
    Frame(u32),
}

/// Appends a frame that comes in by a port of the switch.
pub(super) fn encode(port: u32, frame: &[u8], into: &mut Vec<u8>) {
    let bytes = u32::try_from(frame.len()).unwrap_or(u32::MAX);
    into.push(1);
    into.extend_from_slice(&((HEADER_BYTES + frame.len()) as u64).to_be_bytes());
    for number in [TO_SWITCH, port, bytes] {
        into.extend_from_slice(&number.to_le_bytes());
    }
    into.extend_from_slice(frame);
}

/// Takes the stream apart that comes from the switch.
#[derive(Debug, Default)]
pub struct Decoder {
    bytes: Vec<u8>,
    /// What of `bytes` was given out.
    taken: usize,
    is_greeted: bool,
}

impl Decoder {
    /// Takes what was received. It keeps less than a message more than it was given since [`Self::poll`] had no more.
    pub fn push(&mut self, received: &[u8]) {
        self.bytes.drain(..self.taken);
        self.taken = 0;
        self.bytes.extend_from_slice(received);
    }

    /// The next frame and the port that it leaves by. Messages that hold no frame are passed over.
    ///
    /// # Errors
    ///
    /// The stream is of no use from here on.
    pub fn poll(&mut self) -> Result<Option<(u32, &[u8])>, FramingError> {
        if !self.is_greeted {
            let Some(&greeting) = self.rest().first_chunk() else { return Ok(None) };
            if greeting != GREETING {
                return Err(FramingError::Greeting(greeting));
            }
            (self.is_greeted, self.taken) = (true, self.taken + GREETING.len());
        }
        while let Some(message) = self.message()? {
            let (start, end) = (self.taken - message, self.taken);
            if let Some(port) = port(self.bytes.get(start..end).unwrap_or_default())? {
                return Ok(Some((port, self.bytes.get(start + HEADER_BYTES..end).unwrap_or_default())));
            }
        }
        Ok(None)
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.taken..).unwrap_or_default()
    }

    /// Passes the next message, and says how long it is.
    fn message(&mut self) -> Result<Option<usize>, FramingError> {
        let Some(&[kind, ref length @ ..]) = self.rest().first_chunk::<PREFIX_BYTES>() else { return Ok(None) };
        if kind != 1 {
            return Err(FramingError::Kind(kind));
        }
        let length = u64::from_be_bytes(*length);
        let bytes = usize::try_from(length).ok().filter(|bytes| (HEADER_BYTES..=MESSAGE_BYTES_MAX).contains(bytes));
        let bytes = bytes.ok_or(FramingError::Length(length))?;
        if self.rest().len() < PREFIX_BYTES + bytes {
            return Ok(None);
        }
        self.taken += PREFIX_BYTES + bytes;
        Ok(Some(bytes))
    }
}

/// The port of a message, if it is one that holds a frame.
fn port(message: &[u8]) -> Result<Option<u32>, FramingError> {
    let number =
        |at: usize| message.get(at..).and_then(|bytes| bytes.first_chunk()).map_or(0, |b| u32::from_le_bytes(*b));
    let (kind, port, length) = (number(0), number(4), number(8));
    if kind != FROM_SWITCH {
        return Ok(None);
    }
    if u32::try_from(message.len().saturating_sub(HEADER_BYTES)) != Ok(length) {
        return Err(FramingError::Frame(length));
    }
    Ok(Some(port))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As the switch would send it.
    fn sent(port: u32, bytes: &[u8]) -> Vec<u8> {
        let mut message = Vec::new();
        encode(port, bytes, &mut message);
        message[PREFIX_BYTES] = 4;
        message
    }

    #[test]
    fn a_frame_for_the_switch_is_a_message_of_type_three() {
        let mut message = Vec::new();
        encode(510, b"ab", &mut message);
        assert_eq!(message, b"\x01\0\0\0\0\0\0\0\x0e\x03\0\0\0\xfe\x01\0\0\x02\0\0\0ab");
    }

    #[test]
    fn a_stranger_at_the_socket_is_noticed() {
        let mut decoder = Decoder::default();
        decoder.push(b"HTTP/1.1 400");
        assert_eq!(decoder.poll(), Err(FramingError::Greeting(*b"HTTP/1.1")));
        let after_greeting = |bytes: &[u8]| {
            let mut decoder = Decoder::default();
            decoder.push(&[&GREETING, bytes].concat());
            decoder.poll().map(|frame| frame.is_some())
        };
        assert_eq!(after_greeting(&[2, 0, 0, 0, 0, 0, 0, 0, 12]), Err(FramingError::Kind(2)));
        assert_eq!(after_greeting(&[1, 0, 0, 0, 0, 0, 0, 0, 11]), Err(FramingError::Length(11)));
        assert_eq!(after_greeting(&[1, 0, 0, 0, 0, 0, 1, 0, 13]), Err(FramingError::Length(65549)));
        let mut short = sent(1, b"frame");
        short[PREFIX_BYTES + 8] = 4;
        assert_eq!(after_greeting(&short), Err(FramingError::Frame(4)));
    }

    #[test]
    fn messages_without_a_frame_are_passed_over() {
        let mut other = sent(1, b"frame");
        other[PREFIX_BYTES] = 6;
        let mut decoder = Decoder::default();
        decoder.push(&[&GREETING[..], &other, &sent(2, b"next")].concat());
        assert_eq!(decoder.poll(), Ok(Some((2, &b"next"[..]))));
    }

    proptest! {
        #[test]
        fn frames_come_whole_however_the_stream_is_cut(
            frames in prop::collection::vec((any::<u32>(), prop::collection::vec(any::<u8>(), 0..40)), 0..8),
            cuts in prop::collection::vec(1usize..30, 1..10),
        ) {
            let stream: Vec<u8> =
                GREETING.into_iter().chain(frames.iter().flat_map(|(port, bytes)| sent(*port, bytes))).collect();
            let (mut decoder, mut found, mut rest) = (Decoder::default(), Vec::new(), &stream[..]);
            for cut in cuts.iter().cycle() {
                let (head, tail) = rest.split_at((*cut).min(rest.len()));
                decoder.push(head);
                while let Some((port, frame)) = decoder.poll().unwrap() {
                    found.push((port, frame.to_vec()));
                }
                rest = tail;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(found, frames);
            prop_assert_eq!(decoder.rest().len(), 0);
        }

        #[test]
        fn any_stream_is_taken_or_refused(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..8)) {
            let mut decoder = Decoder::default();
            decoder.push(&GREETING);
            for piece in pieces {
                decoder.push(&piece);
                while let Ok(Some(_)) = decoder.poll() {}
            }
        }
    }
}
