use super::ids::FieldIds;
use super::{
    FALSE, KIND_SHIFT, LONG, PROTOCOL_ID, TRUE, VERSION, VERSION_MASK, bytes_min, type_nibble, type_of, varint,
};
use crate::protocol::input::Input;
use crate::protocol::limits::{self, Guard, Limits};
use crate::protocol::{MessageHeader, MethodName, Reader, error, skip_value};
use crate::reference::Received;
use bytes::Bytes;
use std::sync::Arc;
use thrift::OrderedFloat;
use thrift::protocol::{TMessageType, TType};
use uuid::Uuid;

/// Reads the compact protocol from a message in memory.
#[derive(Debug)]
pub struct CompactReader<'a> {
    input: Input<'a>,
    guard: Guard,
    ids: FieldIds,
    /// The value of a `bool` field that has begun.
    bool_field: Option<bool>,
}

impl<'a> CompactReader<'a> {
    /// A reader of `message`, with the default limits.
    #[must_use]
    pub fn new(message: &'a [u8]) -> Self {
        Self::with_limits(message, Limits::DEFAULT)
    }

    /// A reader of `message`.
    #[must_use]
    pub fn with_limits(message: &'a [u8], limits: Limits) -> Self {
        Self::over(Input::new(message), limits)
    }

    /// A reader whose [`Reader::bytes_shared`] refers to `message` instead of copying from it. A block that is kept
    /// keeps the whole message.
    #[must_use]
    pub fn shared(message: &'a Bytes, limits: Limits) -> Self {
        Self::over(Input::shared(message), limits)
    }

    fn over(input: Input<'a>, limits: Limits) -> Self {
        Self { input, guard: Guard::new(limits), ids: FieldIds::default(), bool_field: None }
    }

    /// Bytes of the message that have not been read.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.input.remaining()
    }

    /// A varint of at most `bytes_max` bytes; bits beyond the 64th are dropped.
    #[inline]
    fn varint(&mut self, bytes_max: usize) -> thrift::Result<u64> {
        match self.input.peek() {
            Some(&[byte]) if byte < 0x80 => {
                self.input.pass(1);
                return Ok(byte.into());
            }
            _ => {}
        }
        self.several_bytes(bytes_max)
    }

    /// A varint, without a faster way for one byte.
    #[inline]
    fn several_bytes(&mut self, bytes_max: usize) -> thrift::Result<u64> {
        match self.input.peek().map(|bytes| varint::decode_word(*bytes)) {
            Some(Some((value, len))) if len <= bytes_max => {
                self.input.pass(len);
                Ok(value)
            }
            _ => self.long_varint(bytes_max),
        }
    }

    /// A varint byte by byte: one of more than eight bytes, at the end of the message, or too long.
    #[inline(never)]
    fn long_varint(&mut self, bytes_max: usize) -> thrift::Result<u64> {
        let mut value = 0;
        for index in 0..bytes_max {
            let byte = self.input.byte()?;
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(error::invalid("a variable-length integer is too long"))
    }

    /// Bits beyond the 32nd are dropped, as Apache's readers do.
    #[inline]
    fn varint32(&mut self) -> thrift::Result<u32> {
        self.varint(5).map(low_word)
    }

    #[inline]
    fn len(&mut self) -> thrift::Result<usize> {
        let len = self.varint32()?.cast_signed();
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

    /// The elements of a list of `len` varints. Their lengths cannot be foreseen, so even the shortest are not told apart.
    #[inline]
    fn varints<T>(&mut self, len: usize, bytes_max: usize, read: impl Fn(u64) -> T) -> thrift::Result<Vec<T>> {
        let mut items = Vec::with_capacity(self.reserve_hint(len, size_of::<T>()));
        for _ in 0..len {
            items.push(read(self.several_bytes(bytes_max)?));
        }
        Ok(items)
    }

    /// Enters a container of `len` elements or entries, each of at least `element_bytes` bytes.
    #[inline]
    fn enter(&mut self, len: usize, element_bytes: usize) -> thrift::Result<()> {
        self.guard.container_in(len, element_bytes, self.input.remaining())?;
        self.guard.enter()
    }
}

#[inline]
fn low_word(value: u64) -> u32 {
    let [a, b, c, d, ..] = value.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

#[inline]
fn low_half(value: i32) -> i16 {
    let [a, b, ..] = value.to_le_bytes();
    i16::from_le_bytes([a, b])
}

#[inline]
fn unzigzag32(value: u32) -> i32 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

#[inline]
fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

impl Reader for CompactReader<'_> {
    fn received(&self) -> Option<&Arc<Received>> {
        self.guard.received.as_ref()
    }
    fn set_received(&mut self, received: Option<Arc<Received>>) {
        self.guard.received = received;
    }
    fn message_begin(&mut self) -> thrift::Result<MessageHeader> {
        self.guard.message(self.input.remaining())?;
        let first = self.input.take()?;
        let [id, kind_and_version] = first;
        if id != PROTOCOL_ID || kind_and_version & VERSION_MASK != VERSION {
            return Err(error::bad_version(&first));
        }
        let sequence = self.varint32()?.cast_signed();
        Ok(MessageHeader {
            kind: TMessageType::try_from(kind_and_version >> KIND_SHIFT)?,
            name: MethodName::from(self.str()?),
            sequence,
        })
    }
    #[inline]
    fn message_end(&mut self) -> thrift::Result<()> {
        Ok(())
    }
    #[inline]
    fn struct_begin(&mut self) -> thrift::Result<()> {
        self.guard.enter()?;
        self.ids.enter();
        Ok(())
    }
    #[inline]
    fn struct_end(&mut self) -> thrift::Result<()> {
        self.guard.leave();
        self.ids.leave();
        Ok(())
    }
    // Inlined, because what it returns would otherwise go through memory, for every field.
    #[inline(always)]
    fn field_begin(&mut self) -> thrift::Result<(TType, i16)> {
        let header = self.input.byte()?;
        let (delta, nibble) = (header >> 4, header & 0x0f);
        let field_type = type_of(nibble)?;
        if field_type == TType::Stop {
            return Ok((TType::Stop, 0));
        }
        self.bool_field = (field_type == TType::Bool).then_some(nibble == TRUE);
        self.ids.last = if delta == 0 {
            self.i16()?
        } else {
            self.ids.last.checked_add(delta.into()).ok_or_else(|| error::invalid("a field id is too large"))?
        };
        Ok((field_type, self.ids.last))
    }
    #[inline(always)]
    fn field_is(&mut self, field_type: TType, id: i16) -> bool {
        let (Some(&[header]), Ok(expected)) = (self.input.peek(), type_nibble(field_type)) else {
            return false;
        };
        let (delta, nibble) = (header >> 4, header & 0x0f);
        let is_bool = field_type == TType::Bool && nibble == FALSE;
        let is_next = delta != 0 && self.ids.last.checked_add(delta.into()) == Some(id);
        if !is_next || !(nibble == expected || is_bool) {
            return false;
        }
        self.input.pass(1);
        self.ids.last = id;
        self.bool_field = (field_type == TType::Bool).then_some(nibble == TRUE);
        true
    }
    #[inline]
    fn field_end(&mut self) -> thrift::Result<()> {
        Ok(())
    }
    #[inline]
    fn list_begin(&mut self) -> thrift::Result<(TType, usize)> {
        let header = self.input.byte()?;
        let element = type_of(header & 0x0f)?;
        let mut len = usize::from(header >> 4);
        if len == LONG {
            len = self.len()?;
        }
        self.enter(len, bytes_min(element))?;
        Ok((element, len))
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
        let len = self.len()?;
        if len == 0 {
            self.enter(0, 0)?;
            return Ok((TType::Stop, TType::Stop, 0));
        }
        let types = self.input.byte()?;
        let (key, value) = (type_of(types >> 4)?, type_of(types & 0x0f)?);
        self.enter(len, bytes_min(key) + bytes_min(value))?;
        Ok((key, value, len))
    }
    #[inline]
    fn map_end(&mut self) -> thrift::Result<()> {
        self.list_end()
    }
    #[inline]
    fn bool(&mut self) -> thrift::Result<bool> {
        if let Some(value) = self.bool_field.take() {
            return Ok(value);
        }
        match self.input.byte()? {
            TRUE => Ok(true),
            // An early specification had zero for false.
            FALSE | 0 => Ok(false),
            _ => Err(error::invalid("a bool is neither true nor false")),
        }
    }
    #[inline]
    fn i8(&mut self) -> thrift::Result<i8> {
        self.input.byte().map(u8::cast_signed)
    }
    #[inline]
    fn i16(&mut self) -> thrift::Result<i16> {
        self.i32().map(low_half)
    }
    #[inline]
    fn i32(&mut self) -> thrift::Result<i32> {
        self.varint32().map(unzigzag32)
    }
    #[inline]
    fn i64(&mut self) -> thrift::Result<i64> {
        self.varint(10).map(unzigzag)
    }
    #[inline]
    fn double(&mut self) -> thrift::Result<f64> {
        self.input.take().map(f64::from_le_bytes)
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
        skip_value(self, field_type, |reader| reader.block().map(drop))
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
        self.input.fixed(len, i8::from_le_bytes)
    }
    #[inline]
    fn i16_elements(&mut self, len: usize) -> thrift::Result<Vec<i16>> {
        self.varints(len, 5, |value| low_half(unzigzag32(low_word(value))))
    }
    #[inline]
    fn i32_elements(&mut self, len: usize) -> thrift::Result<Vec<i32>> {
        self.varints(len, 5, |value| unzigzag32(low_word(value)))
    }
    #[inline]
    fn i64_elements(&mut self, len: usize) -> thrift::Result<Vec<i64>> {
        self.varints(len, 10, unzigzag)
    }
    #[inline]
    fn double_elements(&mut self, len: usize) -> thrift::Result<Vec<OrderedFloat<f64>>> {
        self.input.fixed(len, |bytes| OrderedFloat(f64::from_le_bytes(bytes)))
    }
}
