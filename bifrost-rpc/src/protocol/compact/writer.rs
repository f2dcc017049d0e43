use super::ids::FieldIds;
use super::{FALSE, KIND_SHIFT, LONG, PROTOCOL_ID, TRUE, VERSION, type_nibble, varint};
use crate::buffer::MessageBuffer;
use crate::protocol::limits::{Guard, Limits, wire_len};
use crate::protocol::output::put_fixed;
use crate::protocol::{Writer, error};
use crate::reference::Passing;
use bytes::Bytes;
use thrift::OrderedFloat;
use thrift::protocol::{TMessageType, TType};
use uuid::Uuid;

/// Fewer numbers than this are written one by one.
const FEW: usize = 32;
/// Bytes of numbers that are gathered before they are appended.
const BLOCK_BYTES: usize = 1024;

/// Writes the compact protocol to the end of a [`MessageBuffer`].
#[derive(Debug)]
pub struct CompactWriter<'a> {
    out: &'a mut MessageBuffer,
    guard: Guard,
    ids: FieldIds,
    /// A `bool` field that has begun: its value goes with its header.
    bool_field: Option<i16>,
}

impl<'a> CompactWriter<'a> {
    /// A writer with the default limits.
    #[must_use]
    pub fn new(out: &'a mut MessageBuffer) -> Self {
        Self::with_limits(out, Limits::DEFAULT)
    }

    /// A writer with limits on depth and message size.
    #[must_use]
    pub fn with_limits(out: &'a mut MessageBuffer, limits: Limits) -> Self {
        Self { out, guard: Guard::new(limits), ids: FieldIds::default(), bool_field: None }
    }

    #[inline]
    fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        self.out.tail_mut().extend_from_slice(&bytes);
    }

    #[inline]
    fn varint(&mut self, value: u64) {
        if value < 0x80 {
            let [byte, ..] = value.to_le_bytes();
            self.put([byte]);
        } else if value < varint::WORD_END {
            let (bytes, len) = varint::encode_word(value);
            let out = self.out.tail_mut();
            let end = out.len() + len;
            out.extend_from_slice(&bytes);
            out.truncate(end);
        } else {
            self.long_varint(value);
        }
    }

    /// A varint of nine or ten bytes: the lowest seven bits, and what follows them.
    #[inline(never)]
    fn long_varint(&mut self, value: u64) {
        let [low, ..] = value.to_le_bytes();
        self.put([low | 0x80]);
        self.varint(value >> 7);
    }

    #[inline]
    fn zigzag(&mut self, value: i64) {
        self.varint(zigzag(value));
    }

    /// The elements of a list of numbers: a block is filled and then appended.
    #[inline]
    fn zigzags<T: Copy + Into<i64>>(&mut self, values: &[T]) {
        if values.len() < FEW {
            return values.iter().for_each(|value| self.zigzag((*value).into()));
        }
        self.out.tail_mut().reserve(values.len());
        let mut block = [0; BLOCK_BYTES + 8];
        for part in values.chunks(BLOCK_BYTES / 8) {
            let mut end = 0;
            for value in part {
                let value = zigzag((*value).into());
                if value >= varint::WORD_END {
                    self.out.put_slice(block.get(..end).unwrap_or_default());
                    end = 0;
                    self.long_varint(value);
                    continue;
                }
                let (bytes, len) = varint::encode_word(value);
                if let Some(room) = block.get_mut(end..).and_then(|rest| rest.first_chunk_mut()) {
                    *room = bytes;
                }
                end += len;
            }
            self.out.put_slice(block.get(..end).unwrap_or_default());
        }
    }

    #[inline]
    fn put_len(&mut self, len: usize) -> thrift::Result<()> {
        self.varint(u64::from(wire_len(len)?.cast_unsigned()));
        Ok(())
    }

    #[inline]
    fn field_header(&mut self, nibble: u8, id: i16) {
        let delta = id.checked_sub(self.ids.last).map(u8::try_from);
        match delta {
            // Fifteen would fit; Apache's writers stop at fourteen.
            Some(Ok(delta @ 1..=14)) => self.put([delta << 4 | nibble]),
            _ => {
                self.put([nibble]);
                self.zigzag(id.into());
            }
        }
        self.ids.last = id;
    }
}

/// Small magnitudes first: 0, -1, 1, -2, …
#[inline]
fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

impl Writer for CompactWriter<'_> {
    fn passing(&mut self) -> Option<&mut Passing> {
        self.out.passing()
    }
    fn message_begin(&mut self, name: &str, kind: TMessageType, sequence: i32) -> thrift::Result<()> {
        self.put([PROTOCOL_ID, u8::from(kind) << KIND_SHIFT | VERSION]);
        self.varint(sequence.cast_unsigned().into());
        self.string(name)
    }
    #[inline]
    fn message_end(&mut self) -> thrift::Result<()> {
        self.guard.message(self.out.len())
    }
    #[inline]
    fn struct_begin(&mut self, _name: &'static str) -> thrift::Result<()> {
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
    #[inline]
    fn field_begin(&mut self, _name: &'static str, field_type: TType, id: i16) -> thrift::Result<()> {
        if field_type == TType::Bool {
            self.bool_field = Some(id);
        } else {
            self.field_header(type_nibble(field_type)?, id);
        }
        Ok(())
    }
    #[inline]
    fn field_end(&mut self) -> thrift::Result<()> {
        match self.bool_field {
            None => Ok(()),
            Some(_) => Err(error::invalid("a bool field without its value")),
        }
    }
    #[inline]
    fn field_stop(&mut self) -> thrift::Result<()> {
        self.put([0]);
        Ok(())
    }
    #[inline]
    fn list_begin(&mut self, element: TType, len: usize) -> thrift::Result<()> {
        self.guard.enter()?;
        let nibble = type_nibble(element)?;
        match u8::try_from(len) {
            Ok(short) if len < LONG => self.put([short << 4 | nibble]),
            _ => {
                self.put([0xf0 | nibble]);
                self.put_len(len)?;
            }
        }
        Ok(())
    }
    #[inline]
    fn list_end(&mut self) -> thrift::Result<()> {
        self.guard.leave();
        Ok(())
    }
    #[inline]
    fn set_begin(&mut self, element: TType, len: usize) -> thrift::Result<()> {
        self.list_begin(element, len)
    }
    #[inline]
    fn set_end(&mut self) -> thrift::Result<()> {
        self.list_end()
    }
    #[inline]
    fn map_begin(&mut self, key: TType, value: TType, len: usize) -> thrift::Result<()> {
        self.guard.enter()?;
        self.put_len(len)?;
        if len > 0 {
            self.put([type_nibble(key)? << 4 | type_nibble(value)?]);
        }
        Ok(())
    }
    #[inline]
    fn map_end(&mut self) -> thrift::Result<()> {
        self.list_end()
    }
    #[inline]
    fn bool(&mut self, value: bool) -> thrift::Result<()> {
        let nibble = if value { TRUE } else { FALSE };
        match self.bool_field.take() {
            Some(id) => self.field_header(nibble, id),
            None => self.put([nibble]),
        }
        Ok(())
    }
    #[inline]
    fn i8(&mut self, value: i8) -> thrift::Result<()> {
        self.put(value.to_le_bytes());
        Ok(())
    }
    #[inline]
    fn i16(&mut self, value: i16) -> thrift::Result<()> {
        self.zigzag(value.into());
        Ok(())
    }
    #[inline]
    fn i32(&mut self, value: i32) -> thrift::Result<()> {
        self.zigzag(value.into());
        Ok(())
    }
    #[inline]
    fn i64(&mut self, value: i64) -> thrift::Result<()> {
        self.zigzag(value);
        Ok(())
    }
    #[inline]
    fn double(&mut self, value: f64) -> thrift::Result<()> {
        self.put(value.to_le_bytes());
        Ok(())
    }
    #[inline]
    fn uuid(&mut self, value: &Uuid) -> thrift::Result<()> {
        self.put(*value.as_bytes());
        Ok(())
    }
    #[inline]
    fn string(&mut self, value: &str) -> thrift::Result<()> {
        self.bytes(value.as_bytes())
    }
    #[inline]
    fn bytes(&mut self, value: &[u8]) -> thrift::Result<()> {
        self.put_len(value.len())?;
        self.out.put_slice(value);
        Ok(())
    }
    fn bytes_owned(&mut self, value: Vec<u8>) -> thrift::Result<()> {
        self.put_len(value.len())?;
        self.out.put_owned(value);
        Ok(())
    }
    fn bytes_shared(&mut self, value: Bytes) -> thrift::Result<()> {
        self.put_len(value.len())?;
        self.out.put_shared(value);
        Ok(())
    }
    #[inline]
    fn i8_elements(&mut self, values: &[i8]) -> thrift::Result<()> {
        let bytes = values.iter().map(|value| value.cast_unsigned());
        self.out.tail_mut().extend(bytes);
        Ok(())
    }
    #[inline]
    fn i16_elements(&mut self, values: &[i16]) -> thrift::Result<()> {
        self.zigzags(values);
        Ok(())
    }
    #[inline]
    fn i32_elements(&mut self, values: &[i32]) -> thrift::Result<()> {
        self.zigzags(values);
        Ok(())
    }
    #[inline]
    fn i64_elements(&mut self, values: &[i64]) -> thrift::Result<()> {
        self.zigzags(values);
        Ok(())
    }
    #[inline]
    fn double_elements(&mut self, values: &[OrderedFloat<f64>]) -> thrift::Result<()> {
        put_fixed(self.out.tail_mut(), values, |value| value.0.to_le_bytes());
        Ok(())
    }
}
