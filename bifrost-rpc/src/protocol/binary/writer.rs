use super::{VERSION, type_byte};
use crate::buffer::MessageBuffer;
use crate::protocol::Writer;
use crate::protocol::limits::{Guard, Limits, wire_len};
use crate::protocol::output::put_fixed;
use crate::reference::Passing;
use bytes::Bytes;
use thrift::OrderedFloat;
use thrift::protocol::{TMessageType, TType};
use uuid::Uuid;

/// Writes the binary protocol, with strict message headers, to the end of a [`MessageBuffer`].
///
/// Only values that no reader would take are refused: lengths over `i32::MAX`, nesting and messages over the
/// [`Limits`].
#[derive(Debug)]
pub struct BinaryWriter<'a> {
    out: &'a mut MessageBuffer,
    guard: Guard,
}

impl<'a> BinaryWriter<'a> {
    /// A writer with the default limits.
    #[must_use]
    pub fn new(out: &'a mut MessageBuffer) -> Self {
        Self::with_limits(out, Limits::DEFAULT)
    }

    /// A writer with limits on depth and message size.
    #[must_use]
    pub fn with_limits(out: &'a mut MessageBuffer, limits: Limits) -> Self {
        Self { out, guard: Guard::new(limits) }
    }

    /// Nothing but these bytes.
    pub(crate) fn raw(&mut self, bytes: Vec<u8>) {
        self.out.put_whole(bytes);
    }

    /// The same, shared.
    pub(crate) fn raw_shared(&mut self, bytes: Bytes) {
        self.out.put_whole_shared(bytes);
    }

    #[inline]
    fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        self.out.tail_mut().extend_from_slice(&bytes);
    }

    /// The header of a field and its first `N` bytes, appended at once. `M` is three more than `N`.
    #[inline]
    fn put_field<const N: usize, const M: usize>(&mut self, field_type: TType, id: i16, value: [u8; N]) {
        const { assert!(M == N + 3) };
        let [high, low] = id.to_be_bytes();
        let mut field = [0; M];
        field[0] = type_byte(field_type);
        field[1] = high;
        field[2] = low;
        field[3..].copy_from_slice(&value);
        self.put(field);
    }

    #[inline]
    fn put_len(&mut self, len: usize) -> thrift::Result<()> {
        self.put(wire_len(len)?.to_be_bytes());
        Ok(())
    }
}

impl Writer for BinaryWriter<'_> {
    fn passing(&mut self) -> Option<&mut Passing> {
        self.out.passing()
    }
    #[inline]
    fn message_begin(&mut self, name: &str, kind: TMessageType, sequence: i32) -> thrift::Result<()> {
        let [high, low] = VERSION;
        self.put([high, low, 0, kind.into()]);
        self.string(name)?;
        self.i32(sequence)
    }
    #[inline]
    fn message_end(&mut self) -> thrift::Result<()> {
        self.guard.message(self.out.len())
    }
    #[inline]
    fn struct_begin(&mut self, _name: &'static str) -> thrift::Result<()> {
        self.guard.enter()
    }
    #[inline]
    fn struct_end(&mut self) -> thrift::Result<()> {
        self.guard.leave();
        Ok(())
    }
    #[inline]
    fn field_begin(&mut self, _name: &'static str, field_type: TType, id: i16) -> thrift::Result<()> {
        let [high, low] = id.to_be_bytes();
        self.put([type_byte(field_type), high, low]);
        Ok(())
    }
    #[inline]
    fn field_end(&mut self) -> thrift::Result<()> {
        Ok(())
    }
    #[inline]
    fn field_stop(&mut self) -> thrift::Result<()> {
        self.put([type_byte(TType::Stop)]);
        Ok(())
    }
    #[inline]
    fn list_begin(&mut self, element: TType, len: usize) -> thrift::Result<()> {
        self.guard.enter()?;
        let [a, b, c, d] = wire_len(len)?.to_be_bytes();
        self.put([type_byte(element), a, b, c, d]);
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
        let [a, b, c, d] = wire_len(len)?.to_be_bytes();
        self.put([type_byte(key), type_byte(value), a, b, c, d]);
        Ok(())
    }
    #[inline]
    fn map_end(&mut self) -> thrift::Result<()> {
        self.list_end()
    }
    #[inline]
    fn bool(&mut self, value: bool) -> thrift::Result<()> {
        self.put([u8::from(value)]);
        Ok(())
    }
    #[inline]
    fn i8(&mut self, value: i8) -> thrift::Result<()> {
        self.put(value.to_be_bytes());
        Ok(())
    }
    #[inline]
    fn i16(&mut self, value: i16) -> thrift::Result<()> {
        self.put(value.to_be_bytes());
        Ok(())
    }
    #[inline]
    fn i32(&mut self, value: i32) -> thrift::Result<()> {
        self.put(value.to_be_bytes());
        Ok(())
    }
    #[inline]
    fn i64(&mut self, value: i64) -> thrift::Result<()> {
        self.put(value.to_be_bytes());
        Ok(())
    }
    #[inline]
    fn double(&mut self, value: f64) -> thrift::Result<()> {
        self.put(value.to_be_bytes());
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
    #[inline]
    fn i8_field(&mut self, _name: &'static str, id: i16, value: i8) -> thrift::Result<()> {
        self.put_field::<1, 4>(TType::I08, id, value.to_be_bytes());
        Ok(())
    }
    #[inline]
    fn i16_field(&mut self, _name: &'static str, id: i16, value: i16) -> thrift::Result<()> {
        self.put_field::<2, 5>(TType::I16, id, value.to_be_bytes());
        Ok(())
    }
    #[inline]
    fn i32_field(&mut self, _name: &'static str, id: i16, value: i32) -> thrift::Result<()> {
        self.put_field::<4, 7>(TType::I32, id, value.to_be_bytes());
        Ok(())
    }
    #[inline]
    fn i64_field(&mut self, _name: &'static str, id: i16, value: i64) -> thrift::Result<()> {
        self.put_field::<8, 11>(TType::I64, id, value.to_be_bytes());
        Ok(())
    }
    #[inline]
    fn double_field(&mut self, _name: &'static str, id: i16, value: f64) -> thrift::Result<()> {
        self.put_field::<8, 11>(TType::Double, id, value.to_be_bytes());
        Ok(())
    }
    #[inline]
    fn bool_field(&mut self, _name: &'static str, id: i16, value: bool) -> thrift::Result<()> {
        self.put_field::<1, 4>(TType::Bool, id, [value.into()]);
        Ok(())
    }
    #[inline]
    fn string_field(&mut self, _name: &'static str, id: i16, value: &str) -> thrift::Result<()> {
        self.put_field::<4, 7>(TType::String, id, wire_len(value.len())?.to_be_bytes());
        self.out.put_slice(value.as_bytes());
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
        put_fixed(self.out.tail_mut(), values, i16::to_be_bytes);
        Ok(())
    }
    #[inline]
    fn i32_elements(&mut self, values: &[i32]) -> thrift::Result<()> {
        put_fixed(self.out.tail_mut(), values, i32::to_be_bytes);
        Ok(())
    }
    #[inline]
    fn i64_elements(&mut self, values: &[i64]) -> thrift::Result<()> {
        put_fixed(self.out.tail_mut(), values, i64::to_be_bytes);
        Ok(())
    }
    #[inline]
    fn double_elements(&mut self, values: &[OrderedFloat<f64>]) -> thrift::Result<()> {
        put_fixed(self.out.tail_mut(), values, |value| value.0.to_be_bytes());
        Ok(())
    }
}
