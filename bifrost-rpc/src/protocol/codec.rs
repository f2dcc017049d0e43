//! The protocols of this crate as types, and how to tell which one a message is in.

use super::json::is_space;
use super::{
    BinaryReader, BinaryWriter, CompactReader, CompactWriter, JsonReader, JsonWriter, Limits, MessageHeader, Reader,
    Writer, error,
};
use crate::buffer::MessageBuffer;
use bytes::Bytes;

/// A protocol that reads from and writes to memory.
pub trait Codec {
    /// Writes the protocol.
    type Writer<'a>: Writer;
    /// Reads the protocol.
    type Reader<'a>: Reader;

    /// A writer that appends to `out`.
    fn writer_with_limits(out: &mut MessageBuffer, limits: Limits) -> Self::Writer<'_>;
    /// A reader of `message`.
    fn reader_with_limits(message: &[u8], limits: Limits) -> Self::Reader<'_>;
    /// A reader of `message` whose [`Reader::bytes_shared`] refers to it instead of copying from it.
    fn shared_reader(message: &Bytes, limits: Limits) -> Self::Reader<'_>;

    /// A writer that appends to `out`, with the default limits.
    fn writer(out: &mut MessageBuffer) -> Self::Writer<'_> {
        Self::writer_with_limits(out, Limits::DEFAULT)
    }
    /// A reader of `message`, with the default limits.
    fn reader(message: &[u8]) -> Self::Reader<'_> {
        Self::reader_with_limits(message, Limits::DEFAULT)
    }
}

/// The binary protocol.
#[derive(Debug, Clone, Copy)]
pub struct Binary;

impl Codec for Binary {
    type Writer<'a> = BinaryWriter<'a>;
    type Reader<'a> = BinaryReader<'a>;

    fn writer_with_limits(out: &mut MessageBuffer, limits: Limits) -> BinaryWriter<'_> {
        BinaryWriter::with_limits(out, limits)
    }
    fn reader_with_limits(message: &[u8], limits: Limits) -> BinaryReader<'_> {
        BinaryReader::with_limits(message, limits)
    }
    fn shared_reader(message: &Bytes, limits: Limits) -> BinaryReader<'_> {
        BinaryReader::shared(message, limits)
    }
}

/// The compact protocol.
#[derive(Debug, Clone, Copy)]
pub struct Compact;

impl Codec for Compact {
    type Writer<'a> = CompactWriter<'a>;
    type Reader<'a> = CompactReader<'a>;

    fn writer_with_limits(out: &mut MessageBuffer, limits: Limits) -> CompactWriter<'_> {
        CompactWriter::with_limits(out, limits)
    }
    fn reader_with_limits(message: &[u8], limits: Limits) -> CompactReader<'_> {
        CompactReader::with_limits(message, limits)
    }
    fn shared_reader(message: &Bytes, limits: Limits) -> CompactReader<'_> {
        CompactReader::shared(message, limits)
    }
}

/// The JSON protocol. Its messages hold no block as it is, so that [`Codec::shared_reader`] shares nothing.
#[derive(Debug, Clone, Copy)]
pub struct Json;

impl Codec for Json {
    type Writer<'a> = JsonWriter<&'a mut MessageBuffer>;
    type Reader<'a> = JsonReader<&'a [u8]>;

    fn writer_with_limits(out: &mut MessageBuffer, limits: Limits) -> JsonWriter<&mut MessageBuffer> {
        JsonWriter::with_limits(out, limits)
    }
    fn reader_with_limits(message: &[u8], limits: Limits) -> JsonReader<&[u8]> {
        JsonReader::with_limits(message, limits)
    }
    fn shared_reader(message: &Bytes, limits: Limits) -> JsonReader<&[u8]> {
        JsonReader::with_limits(message, limits)
    }
}

/// The protocol that a message is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WireProtocol {
    /// The binary protocol, with strict or old headers.
    Binary,
    /// The compact protocol.
    Compact,
    /// The JSON protocol.
    Json,
}

/// Evaluates an expression with a [`Codec`] that is known only at run time: `in_protocol!(protocol, C => C::reader(…))`.
macro_rules! in_protocol {
    ($protocol:expr, $codec:ident => $value:expr) => {
        match $protocol {
            $crate::protocol::WireProtocol::Binary => {
                type $codec = $crate::protocol::Binary;
                $value
            }
            $crate::protocol::WireProtocol::Compact => {
                type $codec = $crate::protocol::Compact;
                $value
            }
            $crate::protocol::WireProtocol::Json => {
                type $codec = $crate::protocol::Json;
                $value
            }
        }
    };
}
pub(crate) use in_protocol;

impl WireProtocol {
    /// Tells the protocol of a message by its first byte; before a JSON message there may be white space.
    ///
    /// # Errors
    ///
    /// No known protocol starts so.
    pub fn detect(message: &[u8]) -> thrift::Result<Self> {
        match message.first() {
            // Old headers start with the length of a name under 16 MiB.
            Some(0x80 | 0) => Ok(Self::Binary),
            Some(0x82) => Ok(Self::Compact),
            Some(b'[') => Ok(Self::Json),
            Some(space) if is_space(*space) && is_json(message) => Ok(Self::Json),
            _ => Err(error::bad_version(message.get(..4).unwrap_or(message))),
        }
    }

    /// Reads the header of a message, for instance to route it by name.
    ///
    /// # Errors
    ///
    /// The message has no header of a known protocol.
    pub fn header(message: &[u8]) -> thrift::Result<MessageHeader> {
        // What follows the header is not looked at, so that it may be as long as it likes.
        let limits = Limits::DEFAULT.with_message_bytes_max(usize::MAX);
        in_protocol!(Self::detect(message)?, C => C::reader_with_limits(message, limits).message_begin())
    }
}

fn is_json(message: &[u8]) -> bool {
    message.iter().find(|byte| !is_space(**byte)) == Some(&b'[')
}
