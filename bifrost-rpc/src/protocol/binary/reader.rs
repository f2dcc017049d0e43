use super::{VERSION, bytes_min, fixed_bytes, type_byte, type_of};
use crate::protocol::input::Input;
use crate::protocol::limits::{self, Guard, Limits};
use crate::protocol::{MessageHeader, MethodName, Reader, error};
use crate::reference::Received;
use bytes::Bytes;
use std::sync::Arc;
use thrift::OrderedFloat;
use thrift::protocol::{TMessageType, TType};
use uuid::Uuid;

/// Reads the binary protocol, with strict or old message headers, from a message in memory.
#[derive(Debug)]
pub struct BinaryReader<'a> {
    input: Input<'a>,
    guard: Guard,
}

impl<'a> BinaryReader<'a> {
    /// A reader of `message`, with the default limits.
    #[must_use]
    pub fn new(message: &'a [u8]) -> Self {
        Self::with_limits(message, Limits::DEFAULT)
    }

    /// A reader of `message`.
    #[must_use]
    pub fn with_limits(message: &'a [u8], limits: Limits) -> Self {
        Self { input: Input::new(message), guard: Guard::new(limits) }
    }

    /// A reader whose [`Reader::bytes_shared`] refers to `message` instead of copying from it. A block that is kept
    /// keeps the whole message.
    #[must_use]
    pub fn shared(message: &'a Bytes, limits: Limits) -> Self {
        Self { input: Input::shared(message), guard: Guard::new(limits) }
    }

    /// Bytes of the message that have not been read.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.input.remaining()
    }

    #[inline]
    fn len(&mut self) -> thrift::Result<usize> {
        let len = i32::from_be_bytes(self.input.take()?);
        usize::try_from(len).map_err(|_| error::negative(len))
    }

    #[inline]
    fn block(&mut self) -> thrift::Result<&'a [u8]> {
        let len = self.len()?;
        self.guard.string(len)?;
        self.input.slice(len)
    }

    #[inline]
    fn str(&mut self) -> thrift::Result<&'a str> {
        std::str::from_utf8(self.block()?).map_err(error::not_utf8)
    }

    /// Enters a container of `len` elements or entries, each of at least `element_bytes` bytes.
    #[inline]
    fn container(&mut self, element_bytes: usize) -> thrift::Result<usize> {
        let len = self.len()?;
        self.guard.container_in(len, element_bytes, self.input.remaining())?;
        self.guard.enter()?;
        Ok(len)
    }

    /// A field's header that the message may end in, which is that of the last field, or an error.
    fn last_field(&mut self) -> thrift::Result<(TType, i16)> {
        match type_of(self.input.byte()?)? {
            TType::Stop => Ok((TType::Stop, 0)),
            _ => Err(error::truncated()),
        }
    }

    fn skip_elements(&mut self, element: TType, len: usize) -> thrift::Result<()> {
        match fixed_bytes(element) {
            Some(bytes) => self.input.slice(bytes.saturating_mul(len)).map(drop),
            None => (0..len).try_for_each(|_| self.skip(element)),
        }
    }
}

impl Reader for BinaryReader<'_> {
    fn received(&self) -> Option<&Arc<Received>> {
        self.guard.received.as_ref()
    }
    fn set_received(&mut self, received: Option<Arc<Received>>) {
        self.guard.received = received;
    }
    fn message_begin(&mut self) -> thrift::Result<MessageHeader> {
        self.guard.message(self.input.remaining())?;
        let (kind, name) = match self.input.peek() {
            Some(&[high, low, _, kind]) if [high, low] == VERSION => {
                self.input.take::<4>()?;
                (kind, self.str()?)
            }
            Some(first @ [high, ..]) if *high >= 0x80 => return Err(error::bad_version(first)),
            // The header of old: the name's length comes first, the kind after the name.
            _ => {
                let name = self.str()?;
                (self.input.byte()?, name)
            }
        };
        Ok(MessageHeader { kind: TMessageType::try_from(kind)?, name: MethodName::from(name), sequence: self.i32()? })
    }
    #[inline]
    fn message_end(&mut self) -> thrift::Result<()> {
        Ok(())
    }
    #[inline]
    fn struct_begin(&mut self) -> thrift::Result<()> {
        self.guard.enter()
    }
    #[inline]
    fn struct_end(&mut self) -> thrift::Result<()> {
        self.guard.leave();
        Ok(())
    }
    // Inlined, because what it returns would otherwise go through memory, for every field.
    #[inline(always)]
    fn field_begin(&mut self) -> thrift::Result<(TType, i16)> {
        match self.input.peek() {
            Some(&[field_type, high, low]) if field_type != type_byte(TType::Stop) => {
                self.input.pass(3);
                Ok((type_of(field_type)?, i16::from_be_bytes([high, low])))
            }
            _ => self.last_field(),
        }
    }
    #[inline(always)]
    fn field_is(&mut self, field_type: TType, id: i16) -> bool {
        let [high, low] = id.to_be_bytes();
        let is_next = self.input.peek() == Some(&[type_byte(field_type), high, low]);
        if is_next {
            self.input.pass(3);
        }
        is_next
    }
    #[inline]
    fn field_end(&mut self) -> thrift::Result<()> {
        Ok(())
    }
    #[inline]
    fn list_begin(&mut self) -> thrift::Result<(TType, usize)> {
        let element = type_of(self.input.byte()?)?;
        Ok((element, self.container(bytes_min(element))?))
    }
    #[inline]
    fn list_end(&mut self) -> thrift::Result<()> {
        self.guard.leave();
        Ok(())
    }
    #[inline]
    fn set_begin(&mut self) -> thrift::Result<(TType, usize)> {
        self.list_begin()
    }
    #[inline]
    fn set_end(&mut self) -> thrift::Result<()> {
        self.list_end()
    }
    #[inline]
    fn map_begin(&mut self) -> thrift::Result<(TType, TType, usize)> {
        let [key, value] = self.input.take()?;
        let (key, value) = (type_of(key)?, type_of(value)?);
        let len = self.container(bytes_min(key) + bytes_min(value))?;
        Ok((key, value, len))
    }
    #[inline]
    fn map_end(&mut self) -> thrift::Result<()> {
        self.list_end()
    }
    #[inline]
    fn bool(&mut self) -> thrift::Result<bool> {
        Ok(self.input.byte()? != 0)
    }
    #[inline]
    fn i8(&mut self) -> thrift::Result<i8> {
        self.input.take().map(i8::from_be_bytes)
    }
    #[inline]
    fn i16(&mut self) -> thrift::Result<i16> {
        self.input.take().map(i16::from_be_bytes)
    }
    #[inline]
    fn i32(&mut self) -> thrift::Result<i32> {
        self.input.take().map(i32::from_be_bytes)
    }
    #[inline]
    fn i64(&mut self) -> thrift::Result<i64> {
        self.input.take().map(i64::from_be_bytes)
    }
    #[inline]
    fn double(&mut self) -> thrift::Result<f64> {
        self.input.take().map(f64::from_be_bytes)
    }
    #[inline]
    fn uuid(&mut self) -> thrift::Result<Uuid> {
        self.input.take().map(Uuid::from_bytes)
    }
    #[inline]
    fn string(&mut self) -> thrift::Result<String> {
        self.str().map(str::to_owned)
    }
    #[inline]
    fn bytes(&mut self) -> thrift::Result<Vec<u8>> {
        self.block().map(<[u8]>::to_vec)
    }
    fn skip(&mut self, field_type: TType) -> thrift::Result<()> {
        match field_type {
            TType::String | TType::Utf7 => self.block().map(drop),
            TType::Struct => {
                self.struct_begin()?;
                loop {
                    let (field_type, _) = self.field_begin()?;
                    if field_type == TType::Stop {
                        return self.struct_end();
                    }
                    self.skip(field_type)?;
                }
            }
            TType::List | TType::Set => {
                let (element, len) = self.list_begin()?;
                self.skip_elements(element, len)?;
                self.list_end()
            }
            TType::Map => {
                let (key, value, len) = self.map_begin()?;
                for _ in 0..len {
                    self.skip(key)?;
                    self.skip(value)?;
                }
                self.map_end()
            }
            other => match fixed_bytes(other) {
                Some(bytes) => self.input.slice(bytes).map(drop),
                None => Err(error::unsuitable_type(other)),
            },
        }
    }
    #[inline]
    fn reserve_hint(&self, len: usize, size: usize) -> usize {
        limits::reserve_hint(len, size, self.input.remaining())
    }
    #[inline]
    fn charge(&mut self, bytes: usize) -> thrift::Result<()> {
        self.guard.charge(bytes)
    }
    #[inline]
    fn bytes_shared(&mut self) -> thrift::Result<Bytes> {
        let block = self.block()?;
        Ok(self.input.block(block))
    }
    #[inline]
    fn i8_elements(&mut self, len: usize) -> thrift::Result<Vec<i8>> {
        self.input.fixed(len, i8::from_be_bytes)
    }
    #[inline]
    fn i16_elements(&mut self, len: usize) -> thrift::Result<Vec<i16>> {
        self.input.fixed(len, i16::from_be_bytes)
    }
    #[inline]
    fn i32_elements(&mut self, len: usize) -> thrift::Result<Vec<i32>> {
        self.input.fixed(len, i32::from_be_bytes)
    }
    #[inline]
    fn i64_elements(&mut self, len: usize) -> thrift::Result<Vec<i64>> {
        self.input.fixed(len, i64::from_be_bytes)
    }
    #[inline]
    fn double_elements(&mut self, len: usize) -> thrift::Result<Vec<OrderedFloat<f64>>> {
        self.input.fixed(len, |bytes| OrderedFloat(f64::from_be_bytes(bytes)))
    }
}
