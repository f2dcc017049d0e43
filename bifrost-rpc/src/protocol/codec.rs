//! The protocols of this crate as types, and how to tell which one a message is in.

use super::{
    BinaryReader, BinaryWriter, CompactReader, CompactWriter, MessageHeader, Reader, Writer, error,
};
use crate::buffer::MessageBuffer;

/// A protocol that reads from and writes to memory, with the default limits.
pub trait Codec {
    /// Writes the protocol.
    type Writer<'a>: Writer;
    /// Reads the protocol.
    type Reader<'a>: Reader;

    /// A writer that appends to `out`.
    fn writer(out: &mut MessageBuffer) -> Self::Writer<'_>;
    /// A reader of `message`.
    fn reader(message: &[u8]) -> Self::Reader<'_>;
}

/// The binary protocol.
#[derive(Debug, Clone, Copy)]
pub struct Binary;

impl Codec for Binary {
    type Writer<'a> = BinaryWriter<'a>;
    type Reader<'a> = BinaryReader<'a>;

    fn writer(out: &mut MessageBuffer) -> BinaryWriter<'_> {
        BinaryWriter::new(out)
    }
    fn reader(message: &[u8]) -> BinaryReader<'_> {
        BinaryReader::new(message)
    }
}

/// The compact protocol.
#[derive(Debug, Clone, Copy)]
pub struct Compact;

impl Codec for Compact {
    type Writer<'a> = CompactWriter<'a>;
    type Reader<'a> = CompactReader<'a>;

    fn writer(out: &mut MessageBuffer) -> CompactWriter<'_> {
        CompactWriter::new(out)
    }
    fn reader(message: &[u8]) -> CompactReader<'_> {
        CompactReader::new(message)
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
        match Self::detect(message)? {
            Self::Binary => Binary::reader(message).message_begin(),
            Self::Compact => Compact::reader(message).message_begin(),
        }
    }
}
