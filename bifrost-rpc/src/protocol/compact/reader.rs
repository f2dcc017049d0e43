use super::{FALSE, KIND_SHIFT, LONG, PROTOCOL_ID, TRUE, VERSION, VERSION_MASK, bytes_min, type_of};
use crate::protocol::input::Input;
use crate::protocol::limits::{self, Guard, Limits};
use crate::protocol::{MessageHeader, MethodName, Reader, error, skip_value};
use bytes::Bytes;
use thrift::OrderedFloat;
use thrift::protocol::{TMessageType, TType};
use uuid::Uuid;

/// Reads the compact protocol from a message in memory.
#[derive(Debug)]
pub struct CompactReader<'a> {
    input: Input<'a>,
    guard: Guard,
    /// Ids of the last fields of the structs around the current one.
    outer_ids: Vec<i16>,
    last_id: i16,
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
        Self { input, guard: Guard::new(limits), outer_ids: Vec::new(), last_id: 0, bool_field: None }
    }

    /// Bytes of the message that have not been read.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.input.remaining()
    }

    /// A varint of at most `bytes_max` bytes; bits beyond the 64th are dropped.
    #[inline]
    fn varint(&mut self, bytes_max: u32) -> thrift::Result<u64> {
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
        let [a, b, c, d, ..] = self.varint(5)?.to_le_bytes();
        Ok(u32::from_le_bytes([a, b, c, d]))
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

    /// Enters a container of `len` elements or entries, each of at least `element_bytes` bytes.
    #[inline]
    fn enter(&mut self, len: usize, element_bytes: usize) -> thrift::Result<()> {
        self.guard.container_in(len, element_bytes, self.input.remaining())?;
        self.guard.enter()
    }
}

impl Reader for CompactReader<'_> {
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
        self.outer_ids.push(self.last_id);
        self.last_id = 0;
        Ok(())
    }
    #[inline]
    fn struct_end(&mut self) -> thrift::Result<()> {
        self.guard.leave();
        self.last_id = self.outer_ids.pop().unwrap_or_default();
        Ok(())
    }
    #[inline]
    fn field_begin(&mut self) -> thrift::Result<(TType, i16)> {
        let header = self.input.byte()?;
        let (delta, nibble) = (header >> 4, header & 0x0f);
        let field_type = type_of(nibble)?;
        if field_type == TType::Stop {
            return Ok((TType::Stop, 0));
        }
        self.bool_field = (field_type == TType::Bool).then_some(nibble == TRUE);
        self.last_id = if delta == 0 {
            self.i16()?
        } else {
            self.last_id.checked_add(delta.into()).ok_or_else(|| error::invalid("a field id is too large"))?
        };
        Ok((field_type, self.last_id))
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
        let [a, b, ..] = self.i32()?.to_le_bytes();
        Ok(i16::from_le_bytes([a, b]))
    }
    #[inline]
    fn i32(&mut self) -> thrift::Result<i32> {
        let zigzag = self.varint32()?;
        Ok((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed())
    }
    #[inline]
    fn i64(&mut self) -> thrift::Result<i64> {
        let zigzag = self.varint(10)?;
        Ok((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed())
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
    fn double_elements(&mut self, len: usize) -> thrift::Result<Vec<OrderedFloat<f64>>> {
        self.input.fixed(len, |bytes| OrderedFloat(f64::from_le_bytes(bytes)))
    }
}
