//! [`Writer`] and [`Reader`] over Apache's protocol traits.

use crate::protocol::limits::{Guard, Limits, reserve_hint, wire_len};
use crate::protocol::{MessageHeader, MethodName, Reader, Writer, error, skip_value};
use std::fmt;
use thrift::protocol::{
    TFieldIdentifier, TInputProtocol, TListIdentifier, TMapIdentifier, TMessageIdentifier, TMessageType,
    TOutputProtocol, TSetIdentifier, TStructIdentifier, TType,
};
use uuid::Uuid;

/// Writes to an Apache protocol. Field and struct names are passed on for protocols that write them.
pub struct ApacheWriter<'a> {
    inner: &'a mut (dyn TOutputProtocol + 'a),
    guard: Guard,
}

impl<'a> ApacheWriter<'a> {
    /// A writer to `inner` with the default limit on depth.
    #[must_use]
    pub fn new(inner: &'a mut (dyn TOutputProtocol + 'a)) -> Self {
        Self::with_limits(inner, Limits::DEFAULT)
    }

    /// A writer to `inner`; of the limits, those on depth, strings and containers apply.
    #[must_use]
    pub fn with_limits(inner: &'a mut (dyn TOutputProtocol + 'a), limits: Limits) -> Self {
        Self { inner, guard: Guard::new(limits) }
    }

    fn enter(&mut self, len: usize) -> thrift::Result<i32> {
        self.guard.container(len)?;
        self.guard.enter()?;
        wire_len(len)
    }

    fn check_string(&self, len: usize) -> thrift::Result<()> {
        self.guard.string(len)?;
        wire_len(len).map(drop)
    }
}

impl fmt::Debug for ApacheWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApacheWriter").finish_non_exhaustive()
    }
}

impl Writer for ApacheWriter<'_> {
    fn message_begin(&mut self, name: &str, kind: TMessageType, sequence: i32) -> thrift::Result<()> {
        self.inner.write_message_begin(&TMessageIdentifier::new(name, kind, sequence))
    }
    fn message_end(&mut self) -> thrift::Result<()> {
        self.inner.write_message_end()
    }
    fn struct_begin(&mut self, name: &'static str) -> thrift::Result<()> {
        self.guard.enter()?;
        self.inner.write_struct_begin(&TStructIdentifier::new(name))
    }
    fn struct_end(&mut self) -> thrift::Result<()> {
        self.guard.leave();
        self.inner.write_struct_end()
    }
    fn field_begin(&mut self, name: &'static str, field_type: TType, id: i16) -> thrift::Result<()> {
        self.inner.write_field_begin(&TFieldIdentifier::new(name, field_type, id))
    }
    fn field_end(&mut self) -> thrift::Result<()> {
        self.inner.write_field_end()
    }
    fn field_stop(&mut self) -> thrift::Result<()> {
        self.inner.write_field_stop()
    }
    fn list_begin(&mut self, element: TType, len: usize) -> thrift::Result<()> {
        let len = self.enter(len)?;
        self.inner.write_list_begin(&TListIdentifier::new(element, len))
    }
    fn list_end(&mut self) -> thrift::Result<()> {
        self.guard.leave();
        self.inner.write_list_end()
    }
    fn set_begin(&mut self, element: TType, len: usize) -> thrift::Result<()> {
        let len = self.enter(len)?;
        self.inner.write_set_begin(&TSetIdentifier::new(element, len))
    }
    fn set_end(&mut self) -> thrift::Result<()> {
        self.guard.leave();
        self.inner.write_set_end()
    }
    fn map_begin(&mut self, key: TType, value: TType, len: usize) -> thrift::Result<()> {
        let len = self.enter(len)?;
        self.inner.write_map_begin(&TMapIdentifier::new(key, value, len))
    }
    fn map_end(&mut self) -> thrift::Result<()> {
        self.guard.leave();
        self.inner.write_map_end()
    }
    fn bool(&mut self, value: bool) -> thrift::Result<()> {
        self.inner.write_bool(value)
    }
    fn i8(&mut self, value: i8) -> thrift::Result<()> {
        self.inner.write_i8(value)
    }
    fn i16(&mut self, value: i16) -> thrift::Result<()> {
        self.inner.write_i16(value)
    }
    fn i32(&mut self, value: i32) -> thrift::Result<()> {
        self.inner.write_i32(value)
    }
    fn i64(&mut self, value: i64) -> thrift::Result<()> {
        self.inner.write_i64(value)
    }
    fn double(&mut self, value: f64) -> thrift::Result<()> {
        self.inner.write_double(value)
    }
    fn uuid(&mut self, value: &Uuid) -> thrift::Result<()> {
        self.inner.write_uuid(value)
    }
    fn string(&mut self, value: &str) -> thrift::Result<()> {
        self.check_string(value.len())?;
        self.inner.write_string(value)
    }
    fn bytes(&mut self, value: &[u8]) -> thrift::Result<()> {
        self.check_string(value.len())?;
        self.inner.write_bytes(value)
    }
}

/// Reads from an Apache protocol.
///
/// Depth, container lengths and the memory that containers take are limited here as for the protocols of this crate.
/// What is left of the message is not known, so nothing is reserved for more than a kilobyte of elements; and the
/// length of a string is checked after the Apache protocol has read it, under its own limit.
pub struct ApacheReader<'a> {
    inner: &'a mut (dyn TInputProtocol + 'a),
    guard: Guard,
}

impl<'a> ApacheReader<'a> {
    /// A reader from `inner` with the default limits.
    #[must_use]
    pub fn new(inner: &'a mut (dyn TInputProtocol + 'a)) -> Self {
        Self::with_limits(inner, Limits::DEFAULT)
    }

    /// A reader from `inner`. Give the same limits to the Apache protocol, by
    /// [`configuration`](super::configuration): it reads a string before its length can be checked here.
    #[must_use]
    pub fn with_limits(inner: &'a mut (dyn TInputProtocol + 'a), limits: Limits) -> Self {
        Self { inner, guard: Guard::new(limits) }
    }

    fn enter(&mut self, size: i32) -> thrift::Result<usize> {
        let len = usize::try_from(size).map_err(|_| error::negative(size))?;
        self.guard.container(len)?;
        self.guard.enter()?;
        Ok(len)
    }
}

impl fmt::Debug for ApacheReader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApacheReader").finish_non_exhaustive()
    }
}

impl Reader for ApacheReader<'_> {
    fn message_begin(&mut self) -> thrift::Result<MessageHeader> {
        let identifier = self.inner.read_message_begin()?;
        Ok(MessageHeader {
            name: MethodName::from(identifier.name.as_str()),
            kind: identifier.message_type,
            sequence: identifier.sequence_number,
        })
    }
    fn message_end(&mut self) -> thrift::Result<()> {
        self.inner.read_message_end()
    }
    fn struct_begin(&mut self) -> thrift::Result<()> {
        self.guard.enter()?;
        self.inner.read_struct_begin().map(drop)
    }
    fn struct_end(&mut self) -> thrift::Result<()> {
        self.guard.leave();
        self.inner.read_struct_end()
    }
    fn field_begin(&mut self) -> thrift::Result<(TType, i16)> {
        let field = self.inner.read_field_begin()?;
        match (field.field_type, field.id) {
            (TType::Stop, _) => Ok((TType::Stop, 0)),
            (field_type, Some(id)) => Ok((field_type, id)),
            (_, None) => Err(error::invalid("a field without an id")),
        }
    }
    fn field_end(&mut self) -> thrift::Result<()> {
        self.inner.read_field_end()
    }
    fn list_begin(&mut self) -> thrift::Result<(TType, usize)> {
        let list = self.inner.read_list_begin()?;
        Ok((list.element_type, self.enter(list.size)?))
    }
    fn list_end(&mut self) -> thrift::Result<()> {
        self.guard.leave();
        self.inner.read_list_end()
    }
    fn set_begin(&mut self) -> thrift::Result<(TType, usize)> {
        let set = self.inner.read_set_begin()?;
        Ok((set.element_type, self.enter(set.size)?))
    }
    fn set_end(&mut self) -> thrift::Result<()> {
        self.guard.leave();
        self.inner.read_set_end()
    }
    fn map_begin(&mut self) -> thrift::Result<(TType, TType, usize)> {
        let map = self.inner.read_map_begin()?;
        Ok((map.key_type.unwrap_or(TType::Stop), map.value_type.unwrap_or(TType::Stop), self.enter(map.size)?))
    }
    fn map_end(&mut self) -> thrift::Result<()> {
        self.guard.leave();
        self.inner.read_map_end()
    }
    fn bool(&mut self) -> thrift::Result<bool> {
        self.inner.read_bool()
    }
    fn i8(&mut self) -> thrift::Result<i8> {
        self.inner.read_i8()
    }
    fn i16(&mut self) -> thrift::Result<i16> {
        self.inner.read_i16()
    }
    fn i32(&mut self) -> thrift::Result<i32> {
        self.inner.read_i32()
    }
    fn i64(&mut self) -> thrift::Result<i64> {
        self.inner.read_i64()
    }
    fn double(&mut self) -> thrift::Result<f64> {
        self.inner.read_double()
    }
    fn uuid(&mut self) -> thrift::Result<Uuid> {
        self.inner.read_uuid()
    }
    fn string(&mut self) -> thrift::Result<String> {
        let string = self.inner.read_string()?;
        self.guard.string(string.len())?;
        Ok(string)
    }
    fn bytes(&mut self) -> thrift::Result<Vec<u8>> {
        let bytes = self.inner.read_bytes()?;
        self.guard.string(bytes.len())?;
        Ok(bytes)
    }
    fn skip(&mut self, field_type: TType) -> thrift::Result<()> {
        skip_value(self, field_type, |reader| reader.inner.skip_binary())
    }
    fn reserve_hint(&self, len: usize, size: usize) -> usize {
        reserve_hint(len, size, 0)
    }
    fn charge(&mut self, bytes: usize) -> thrift::Result<()> {
        self.guard.charge(bytes)
    }
}
