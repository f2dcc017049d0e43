//! Writing.

use super::KEEP_BYTES_MAX;
use crate::buffer::MessageBuffer;
use crate::protocol::json::JsonWriter;
use crate::protocol::{Limits, Writer, error};
use thrift::protocol::{
    TFieldIdentifier, TListIdentifier, TMapIdentifier, TMessageIdentifier, TOutputProtocol, TOutputProtocolFactory,
    TSetIdentifier, TStructIdentifier, TType,
};
use thrift::transport::TWriteTransport;
use uuid::Uuid;

/// Writes the JSON protocol to a transport, as `TBinaryOutputProtocol` does the binary one. See
/// [`TJsonInputProtocol`](super::TJsonInputProtocol).
///
/// Each element goes to the transport when it is written, in one or several pieces; let it be one with a buffer. Of the
/// limits those on depth and message size are enforced; of a message that exceeds them a part may have been written.
#[derive(Debug)]
pub struct TJsonOutputProtocol<T: TWriteTransport> {
    transport: T,
    writer: JsonWriter<MessageBuffer>,
    limits: Limits,
    /// Bytes of the current message or value that the transport has.
    written: usize,
}

impl<T: TWriteTransport> TJsonOutputProtocol<T> {
    /// Writes to `transport`, with the default limits.
    pub fn new(transport: T) -> Self {
        Self::with_limits(transport, Limits::DEFAULT)
    }

    /// Writes to `transport`.
    pub fn with_limits(transport: T, limits: Limits) -> Self {
        let writer = JsonWriter::with_limits(MessageBuffer::new(), limits);
        Self { transport, writer, limits, written: 0 }
    }

    /// Passes on to the transport what `write` writes.
    fn write(
        &mut self,
        write: impl FnOnce(&mut JsonWriter<MessageBuffer>) -> thrift::Result<()>,
    ) -> thrift::Result<()> {
        self.writer.out().clear();
        write(&mut self.writer)?;
        let bytes = self.writer.out().tail_mut();
        self.written = self.written.saturating_add(bytes.len());
        if self.written > self.limits.message_bytes_max {
            return Err(error::too_large("message", self.written));
        }
        self.transport.write_all(bytes)?;
        bytes.clear();
        bytes.shrink_to(KEEP_BYTES_MAX);
        if self.writer.is_at_end() {
            self.written = 0;
        }
        Ok(())
    }
}

fn len(size: i32) -> thrift::Result<usize> {
    usize::try_from(size).map_err(|_| error::negative(size))
}

impl<T: TWriteTransport> TOutputProtocol for TJsonOutputProtocol<T> {
    fn write_message_begin(&mut self, identifier: &TMessageIdentifier) -> thrift::Result<()> {
        let TMessageIdentifier { name, message_type, sequence_number } = identifier;
        self.written = 0;
        self.write(|writer| writer.message_begin(name, *message_type, *sequence_number))
    }
    fn write_message_end(&mut self) -> thrift::Result<()> {
        self.write(Writer::message_end)
    }
    fn write_struct_begin(&mut self, _: &TStructIdentifier) -> thrift::Result<()> {
        self.write(|writer| writer.struct_begin(""))
    }
    fn write_struct_end(&mut self) -> thrift::Result<()> {
        self.write(Writer::struct_end)
    }
    fn write_field_begin(&mut self, field: &TFieldIdentifier) -> thrift::Result<()> {
        let id = field.id.ok_or_else(|| error::invalid("a field without an id"))?;
        self.write(|writer| writer.field_begin("", field.field_type, id))
    }
    fn write_field_end(&mut self) -> thrift::Result<()> {
        self.write(Writer::field_end)
    }
    fn write_field_stop(&mut self) -> thrift::Result<()> {
        self.write(Writer::field_stop)
    }
    fn write_bool(&mut self, value: bool) -> thrift::Result<()> {
        self.write(|writer| writer.bool(value))
    }
    fn write_bytes(&mut self, value: &[u8]) -> thrift::Result<()> {
        self.write(|writer| writer.bytes(value))
    }
    fn write_i8(&mut self, value: i8) -> thrift::Result<()> {
        self.write(|writer| writer.i8(value))
    }
    fn write_i16(&mut self, value: i16) -> thrift::Result<()> {
        self.write(|writer| writer.i16(value))
    }
    fn write_i32(&mut self, value: i32) -> thrift::Result<()> {
        self.write(|writer| writer.i32(value))
    }
    fn write_i64(&mut self, value: i64) -> thrift::Result<()> {
        self.write(|writer| writer.i64(value))
    }
    fn write_double(&mut self, value: f64) -> thrift::Result<()> {
        self.write(|writer| writer.double(value))
    }
    fn write_uuid(&mut self, value: &Uuid) -> thrift::Result<()> {
        self.write(|writer| writer.uuid(value))
    }
    fn write_string(&mut self, value: &str) -> thrift::Result<()> {
        self.write(|writer| writer.string(value))
    }
    fn write_list_begin(&mut self, list: &TListIdentifier) -> thrift::Result<()> {
        let len = len(list.size)?;
        self.write(|writer| writer.list_begin(list.element_type, len))
    }
    fn write_list_end(&mut self) -> thrift::Result<()> {
        self.write(Writer::list_end)
    }
    fn write_set_begin(&mut self, set: &TSetIdentifier) -> thrift::Result<()> {
        let len = len(set.size)?;
        self.write(|writer| writer.set_begin(set.element_type, len))
    }
    fn write_set_end(&mut self) -> thrift::Result<()> {
        self.write(Writer::set_end)
    }
    fn write_map_begin(&mut self, map: &TMapIdentifier) -> thrift::Result<()> {
        let (key, value) = (map.key_type.unwrap_or(TType::Stop), map.value_type.unwrap_or(TType::Stop));
        let len = len(map.size)?;
        self.write(|writer| writer.map_begin(key, value, len))
    }
    fn write_map_end(&mut self) -> thrift::Result<()> {
        self.write(Writer::map_end)
    }
    /// Does nothing within a message: `write_application_error_to_out_protocol` of Apache's crate flushes before the end
    /// of the message is written, and a framed transport would cut the message in two.
    fn flush(&mut self) -> thrift::Result<()> {
        if self.writer.is_at_end() { self.transport.flush().map_err(From::from) } else { Ok(()) }
    }
    fn write_byte(&mut self, byte: u8) -> thrift::Result<()> {
        self.transport.write_all(&[byte]).map_err(From::from)
    }
}

/// Makes [`TJsonOutputProtocol`]s, for instance for Apache's `TServer`.
#[derive(Debug, Clone, Default)]
pub struct TJsonOutputProtocolFactory {
    limits: Limits,
}

impl TJsonOutputProtocolFactory {
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

impl TOutputProtocolFactory for TJsonOutputProtocolFactory {
    fn create(&self, transport: Box<dyn TWriteTransport + Send>) -> Box<dyn TOutputProtocol + Send> {
        Box::new(TJsonOutputProtocol::with_limits(transport, self.limits))
    }
}
