//! Reading.

use super::KEEP_BYTES_MAX;
use crate::protocol::json::{EndFinder, JsonReader, Progress, bytes_min};
use crate::protocol::{Limits, Reader, error, limits::wire_len};
use std::io;
use thrift::protocol::{
    TFieldIdentifier, TInputProtocol, TInputProtocolFactory, TListIdentifier, TMapIdentifier, TMessageIdentifier,
    TSetIdentifier, TStructIdentifier, TType,
};
use thrift::transport::TReadTransport;
use uuid::Uuid;

/// Reads the JSON protocol from a transport, as `TBinaryInputProtocol` does the binary one.
///
/// Each message, or value outside a message, is taken from the transport as a whole before it is parsed, and not a byte
/// more: what a container announces is checked against what has really come before generated code reserves memory for
/// it. Memory is bounded by [`Limits::message_bytes_max`] and by twice the bytes that came. A message that was read in
/// part only is passed over when the next begins. The transport is read byte by byte; let it be one with a buffer.
///
/// ```no_run
/// use bifrost_rpc::compat::{TJsonInputProtocol, TJsonOutputProtocol};
/// use bifrost_rpc::thrift::transport::{TBufferedReadTransport, TBufferedWriteTransport, TIoChannel, TTcpChannel};
///
/// let mut channel = TTcpChannel::new();
/// channel.open("localhost:9090")?;
/// let (read, write) = channel.split()?;
/// let input = TJsonInputProtocol::new(TBufferedReadTransport::new(read));
/// let output = TJsonOutputProtocol::new(TBufferedWriteTransport::new(write));
/// // let mut client = CalculatorSyncClient::new(input, output);
/// # Ok::<(), bifrost_rpc::thrift::Error>(())
/// ```
#[derive(Debug)]
pub struct TJsonInputProtocol<T: TReadTransport> {
    transport: T,
    limits: Limits,
    /// Reads what was taken last.
    reader: JsonReader<Vec<u8>>,
    /// The byte that showed where a bare number ended.
    ahead: Option<u8>,
}

impl<T: TReadTransport> TJsonInputProtocol<T> {
    /// Reads from `transport`, with the default limits.
    pub fn new(transport: T) -> Self {
        Self::with_limits(transport, Limits::DEFAULT)
    }

    /// Reads from `transport`.
    pub fn with_limits(transport: T, limits: Limits) -> Self {
        Self { transport, limits, reader: JsonReader::with_limits(Vec::new(), limits), ahead: None }
    }

    /// Takes the next message or value from the transport.
    fn take(&mut self) -> thrift::Result<()> {
        let empty = JsonReader::with_limits(Vec::new(), self.limits);
        let mut text = std::mem::replace(&mut self.reader, empty).into_message();
        text.clear();
        text.shrink_to(KEEP_BYTES_MAX);
        self.take_into(&mut text)?;
        self.reader = JsonReader::with_limits(text, self.limits);
        Ok(())
    }

    fn take_into(&mut self, text: &mut Vec<u8>) -> thrift::Result<()> {
        let mut end = EndFinder::new();
        // White space counts, too, so that none goes on for ever.
        for _ in 0..=self.limits.message_bytes_max {
            let byte = match self.next_byte() {
                Ok(byte) => byte,
                Err(error) if end.is_number() && error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            match end.push(byte)? {
                Progress::Before => continue,
                Progress::Within => text.push(byte),
                Progress::Last => {
                    text.push(byte);
                    return Ok(());
                }
                Progress::Past => {
                    self.ahead = Some(byte);
                    return Ok(());
                }
            }
        }
        Err(error::too_large("message", self.limits.message_bytes_max.saturating_add(1)))
    }

    fn next_byte(&mut self) -> io::Result<u8> {
        if let Some(byte) = self.ahead.take() {
            return Ok(byte);
        }
        let mut byte = [0];
        self.transport.read_exact(&mut byte)?;
        let [byte] = byte;
        Ok(byte)
    }

    /// The reader, with something to read.
    fn reader(&mut self) -> thrift::Result<&mut JsonReader<Vec<u8>>> {
        if self.reader.is_at_end() {
            self.take()?;
        }
        Ok(&mut self.reader)
    }
}

impl<T: TReadTransport> TInputProtocol for TJsonInputProtocol<T> {
    fn read_message_begin(&mut self) -> thrift::Result<TMessageIdentifier> {
        self.take()?;
        let header = self.reader.message_begin()?;
        Ok(TMessageIdentifier::new(header.name.as_str(), header.kind, header.sequence))
    }
    fn read_message_end(&mut self) -> thrift::Result<()> {
        self.reader.message_end()
    }
    fn read_struct_begin(&mut self) -> thrift::Result<Option<TStructIdentifier>> {
        self.reader()?.struct_begin().map(|()| None)
    }
    fn read_struct_end(&mut self) -> thrift::Result<()> {
        self.reader.struct_end()
    }
    fn read_field_begin(&mut self) -> thrift::Result<TFieldIdentifier> {
        let (field_type, id) = self.reader.field_begin()?;
        Ok(TFieldIdentifier::new::<Option<String>, String, i16>(None, field_type, id))
    }
    fn read_field_end(&mut self) -> thrift::Result<()> {
        self.reader.field_end()
    }
    fn read_bool(&mut self) -> thrift::Result<bool> {
        self.reader()?.bool()
    }
    fn read_bytes(&mut self) -> thrift::Result<Vec<u8>> {
        self.reader()?.bytes()
    }
    fn read_i8(&mut self) -> thrift::Result<i8> {
        self.reader()?.i8()
    }
    fn read_i16(&mut self) -> thrift::Result<i16> {
        self.reader()?.i16()
    }
    fn read_i32(&mut self) -> thrift::Result<i32> {
        self.reader()?.i32()
    }
    fn read_i64(&mut self) -> thrift::Result<i64> {
        self.reader()?.i64()
    }
    fn read_double(&mut self) -> thrift::Result<f64> {
        self.reader()?.double()
    }
    fn read_uuid(&mut self) -> thrift::Result<Uuid> {
        self.reader()?.uuid()
    }
    fn read_string(&mut self) -> thrift::Result<String> {
        self.reader()?.string()
    }
    fn read_list_begin(&mut self) -> thrift::Result<TListIdentifier> {
        let (element, len) = self.reader()?.list_begin()?;
        Ok(TListIdentifier::new(element, wire_len(len)?))
    }
    fn read_list_end(&mut self) -> thrift::Result<()> {
        self.reader.list_end()
    }
    fn read_set_begin(&mut self) -> thrift::Result<TSetIdentifier> {
        let (element, len) = self.reader()?.set_begin()?;
        Ok(TSetIdentifier::new(element, wire_len(len)?))
    }
    fn read_set_end(&mut self) -> thrift::Result<()> {
        self.reader.set_end()
    }
    fn read_map_begin(&mut self) -> thrift::Result<TMapIdentifier> {
        let (key, value, len) = self.reader()?.map_begin()?;
        Ok(TMapIdentifier::new(key, value, wire_len(len)?))
    }
    fn read_map_end(&mut self) -> thrift::Result<()> {
        self.reader.map_end()
    }
    /// A `string` is no base64, which `read_bytes` would expect.
    fn skip_binary(&mut self) -> thrift::Result<()> {
        self.reader()?.skip_string()
    }
    /// The next byte as it is, of what was taken last or of the transport.
    fn read_byte(&mut self) -> thrift::Result<u8> {
        match self.reader.byte() {
            Some(byte) => Ok(byte),
            None => Ok(self.next_byte()?),
        }
    }
    fn min_serialized_size(&self, field_type: TType) -> usize {
        bytes_min(field_type)
    }
}

/// Makes [`TJsonInputProtocol`]s, for instance for Apache's `TServer`.
#[derive(Debug, Clone, Default)]
pub struct TJsonInputProtocolFactory {
    limits: Limits,
}

impl TJsonInputProtocolFactory {
    /// A factory of protocols with the default limits.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A factory of protocols with these limits.
    #[must_use]
    pub fn with_limits(limits: Limits) -> Self {
        Self { limits }
    }
}

impl TInputProtocolFactory for TJsonInputProtocolFactory {
    fn create(&self, transport: Box<dyn TReadTransport + Send>) -> Box<dyn TInputProtocol + Send> {
        Box::new(TJsonInputProtocol::with_limits(transport, self.limits))
    }
}
