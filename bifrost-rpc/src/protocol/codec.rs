//! The protocols of this crate as types, and how to tell which one a message is in.

use super::{BinaryReader, BinaryWriter, CompactReader, CompactWriter, Limits, MessageHeader, Reader, Writer, error};
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

/// The protocol that a message is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WireProtocol {
    /// The binary protocol, with strict or old headers.
    Binary,
    /// The compact protocol.
    Compact,
}

impl WireProtocol {
    /// Tells the protocol of a message by its first byte.
    ///
    /// # Errors
    ///
    /// No known protocol starts so.
    pub fn detect(message: &[u8]) -> thrift::Result<Self> {
        match message.first() {
            // Old headers start with the length of a name under 16 MiB.
            Some(0x80 | 0) => Ok(Self::Binary),
            Some(0x82) => Ok(Self::Compact),
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
        match Self::detect(message)? {
            Self::Binary => Binary::reader_with_limits(message, limits).message_begin(),
            Self::Compact => Compact::reader_with_limits(message, limits).message_begin(),
        }
    }
}
