//! Thrift protocols, statically dispatched.
//!
//! [`Writer`] and [`Reader`] say what every Thrift protocol can write and read; [`Encode`] and [`Decode`] are
//! implemented by every type that travels. Generated code is generic over both, so one body of code serves the
//! protocols of this crate without `dyn`, and Apache's `TInputProtocol`/`TOutputProtocol` through the adapters of
//! [`crate::compat`].

use crate::reference::{Content, Passing, Received, Visitor};
use bytes::Bytes;
use std::sync::Arc;
use thrift::protocol::{TMessageType, TType};
use uuid::Uuid;

/// A type with a fixed Thrift wire type.
pub trait ThriftType {
    /// The type byte that announces a value of this type on the wire.
    const TYPE: TType;
    /// Whether values of this type may hold a [`Ref`](crate::reference::Ref). Types that may not cost nothing for it.
    const HAS_REFERENCES: bool = false;
}

/// A value that can be written in any Thrift protocol.
pub trait Encode: ThriftType {
    /// Writes the value.
    ///
    /// # Errors
    ///
    /// What the writer reports: a size limit, or the failure of an underlying transport.
    fn encode<W: Writer>(&self, w: &mut W) -> thrift::Result<()>;

    /// Writes a field of this value.
    ///
    /// # Errors
    ///
    /// As [`Encode::encode`].
    #[inline]
    fn encode_field<W: Writer>(&self, w: &mut W, name: &'static str, id: i16) -> thrift::Result<()> {
        w.field_begin(name, Self::TYPE, id)?;
        self.encode(w)?;
        w.field_end()
    }

    /// As [`Encode::encode_field`], giving the value up.
    ///
    /// # Errors
    ///
    /// As [`Encode::encode`].
    #[inline]
    fn encode_owned_field<W: Writer>(self, w: &mut W, name: &'static str, id: i16) -> thrift::Result<()>
    where
        Self: Sized,
    {
        w.field_begin(name, Self::TYPE, id)?;
        self.encode_owned(w)?;
        w.field_end()
    }

    /// Writes the value and gives it up, so that a writer may take large blocks without copying them.
    ///
    /// # Errors
    ///
    /// As [`Encode::encode`].
    fn encode_owned<W: Writer>(self, w: &mut W) -> thrift::Result<()>
    where
        Self: Sized,
    {
        self.encode(w)
    }

    /// Writes the elements of a list of this type (its header is written already). Fixed-width types write one block.
    ///
    /// # Errors
    ///
    /// As [`Encode::encode`].
    fn encode_elements<W: Writer>(items: &[Self], w: &mut W) -> thrift::Result<()>
    where
        Self: Sized,
    {
        items.iter().try_for_each(|item| item.encode(w))
    }

    /// Writes the elements of a list and gives them up, as [`Encode::encode_owned`] does one value.
    ///
    /// # Errors
    ///
    /// As [`Encode::encode`].
    fn encode_elements_owned<W: Writer>(items: Vec<Self>, w: &mut W) -> thrift::Result<()>
    where
        Self: Sized,
    {
        items.into_iter().try_for_each(|item| item.encode_owned(w))
    }

    /// The type byte that announces these elements of one container: all are written in the same way.
    #[inline]
    fn element_type<'a, W: Writer>(items: impl Iterator<Item = &'a Self>, w: &mut W) -> TType
    where
        Self: Sized + 'a,
    {
        let _ = (items, w);
        Self::TYPE
    }

    /// Writes an element that [`Encode::element_type`] has announced as `element`.
    ///
    /// # Errors
    ///
    /// As [`Encode::encode`].
    #[inline]
    fn encode_element<W: Writer>(&self, element: TType, w: &mut W) -> thrift::Result<()> {
        let _ = element;
        self.encode(w)
    }

    /// As [`Encode::encode_element`], giving the element up.
    ///
    /// # Errors
    ///
    /// As [`Encode::encode`].
    #[inline]
    fn encode_owned_element<W: Writer>(self, element: TType, w: &mut W) -> thrift::Result<()>
    where
        Self: Sized,
    {
        let _ = element;
        self.encode_owned(w)
    }

    /// Shows the references in the value to a visitor.
    ///
    /// # Errors
    ///
    /// What the visitor reports.
    fn visit_references(&mut self, visitor: &mut dyn Visitor) -> thrift::Result<()> {
        let _ = visitor;
        Ok(())
    }

    /// As [`Encode::visit_references`], for the elements of one container.
    ///
    /// # Errors
    ///
    /// What the visitor reports.
    fn visit_elements<'a>(items: impl Iterator<Item = &'a mut Self>, visitor: &mut dyn Visitor) -> thrift::Result<()>
    where
        Self: Sized + 'a,
    {
        let mut items = items;
        items.try_for_each(|item| item.visit_references(visitor))
    }

    /// Bytes that the value takes as an object of global memory.
    ///
    /// # Errors
    ///
    /// As [`Encode::encode`].
    fn object_len(&self) -> thrift::Result<usize> {
        crate::reference::encoded_len(|w| self.encode(w))
    }

    /// Writes the value as an object of global memory holds it: in the binary protocol, or as nothing but its bytes or
    /// elements where it is a `binary`, a `string` or a list of elements of fixed width.
    ///
    /// # Errors
    ///
    /// As [`Encode::encode`].
    fn encode_object(self, w: &mut BinaryWriter<'_>) -> thrift::Result<()>
    where
        Self: Sized,
    {
        self.encode_owned(w)
    }
}

/// A value that can be read in any Thrift protocol.
pub trait Decode: ThriftType + Sized {
    /// Reads the value; its type byte has been checked by the caller.
    ///
    /// # Errors
    ///
    /// Malformed input, a limit of the reader, or the failure of an underlying transport.
    fn decode<R: Reader>(r: &mut R) -> thrift::Result<Self>;

    /// Reads `len` elements of a list of this type. Memory reserved in advance is bounded by the bytes that are
    /// really there.
    ///
    /// # Errors
    ///
    /// As [`Decode::decode`].
    fn decode_elements<R: Reader>(r: &mut R, len: usize) -> thrift::Result<Vec<Self>> {
        let mut items = Vec::with_capacity(r.reserve_hint(len, size_of::<Self>()));
        for _ in 0..len {
            items.push(Self::decode(r)?);
        }
        Ok(items)
    }

    /// Whether a value of this type may be announced as one of type `found`.
    #[inline]
    #[must_use]
    fn accepts(found: TType) -> bool {
        found == Self::TYPE
    }

    /// As [`Decode::decode`], of a value that was announced as one of type `found`, which this type accepts.
    ///
    /// # Errors
    ///
    /// As [`Decode::decode`].
    #[inline]
    fn decode_as<R: Reader>(found: TType, r: &mut R) -> thrift::Result<Self> {
        let _ = found;
        Self::decode(r)
    }

    /// As [`Decode::decode_elements`], of elements that were announced as of type `found`.
    ///
    /// # Errors
    ///
    /// As [`Decode::decode`].
    #[inline]
    fn decode_elements_as<R: Reader>(found: TType, r: &mut R, len: usize) -> thrift::Result<Vec<Self>> {
        let _ = found;
        Self::decode_elements(r, len)
    }

    /// Reads what an object of global memory holds, as [`Encode::encode_object`] wrote it.
    ///
    /// # Errors
    ///
    /// The object holds no such value, or exceeds a limit.
    fn decode_object(object: Content) -> thrift::Result<Self> {
        object.decode()
    }
}

/// The header of a Thrift message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageHeader {
    /// Method name; for a multiplexed call without its service prefix.
    pub name: MethodName,
    /// CALL, REPLY, EXCEPTION or ONEWAY.
    pub kind: TMessageType,
    /// The sequence id, which a reply repeats.
    pub sequence: i32,
}

pub(crate) mod binary;
mod codec;
mod compact;
mod dynamic;
pub(crate) mod error;
pub(crate) mod impls;
mod input;
pub(crate) mod json;
pub(crate) mod limits;
mod name;
mod output;
pub(crate) mod scan;
mod skip;

pub use binary::{BinaryReader, BinaryWriter};
pub(crate) use codec::in_protocol;
pub use codec::{Binary, Codec, Compact, Json, WireProtocol};
pub use compact::{CompactReader, CompactWriter};
pub use dynamic::{UnknownField, UnknownFields, Value, ValueType};
pub use json::{JsonReader, JsonWriter};
pub use limits::Limits;
pub use name::MethodName;
pub(crate) use skip::skip_value;

/// Writes Thrift values in one protocol.
///
/// The order of calls is that of the Thrift protocol: a struct is `struct_begin`, for each field `field_begin`, the
/// value, `field_end`, then `field_stop`, `struct_end`.
#[allow(missing_docs, reason = "each method writes the Thrift element of its name")]
pub trait Writer {
    fn message_begin(&mut self, name: &str, kind: TMessageType, sequence: i32) -> thrift::Result<()>;
    fn message_end(&mut self) -> thrift::Result<()>;
    fn struct_begin(&mut self, name: &'static str) -> thrift::Result<()>;
    fn struct_end(&mut self) -> thrift::Result<()>;
    fn field_begin(&mut self, name: &'static str, field_type: TType, id: i16) -> thrift::Result<()>;
    fn field_end(&mut self) -> thrift::Result<()>;
    fn field_stop(&mut self) -> thrift::Result<()>;
    fn list_begin(&mut self, element: TType, len: usize) -> thrift::Result<()>;
    fn list_end(&mut self) -> thrift::Result<()>;
    fn set_begin(&mut self, element: TType, len: usize) -> thrift::Result<()>;
    fn set_end(&mut self) -> thrift::Result<()>;
    fn map_begin(&mut self, key: TType, value: TType, len: usize) -> thrift::Result<()>;
    fn map_end(&mut self) -> thrift::Result<()>;
    fn bool(&mut self, value: bool) -> thrift::Result<()>;
    fn i8(&mut self, value: i8) -> thrift::Result<()>;
    fn i16(&mut self, value: i16) -> thrift::Result<()>;
    fn i32(&mut self, value: i32) -> thrift::Result<()>;
    fn i64(&mut self, value: i64) -> thrift::Result<()>;
    fn double(&mut self, value: f64) -> thrift::Result<()>;
    fn uuid(&mut self, value: &Uuid) -> thrift::Result<()>;
    fn string(&mut self, value: &str) -> thrift::Result<()>;
    fn bytes(&mut self, value: &[u8]) -> thrift::Result<()>;

    /// A field that is an `i8`, header and value in one.
    #[inline]
    fn i8_field(&mut self, name: &'static str, id: i16, value: i8) -> thrift::Result<()> {
        field(self, name, TType::I08, id, |w| w.i8(value))
    }
    /// A field that is an `i16`.
    #[inline]
    fn i16_field(&mut self, name: &'static str, id: i16, value: i16) -> thrift::Result<()> {
        field(self, name, TType::I16, id, |w| w.i16(value))
    }
    /// A field that is an `i32` or an enum.
    #[inline]
    fn i32_field(&mut self, name: &'static str, id: i16, value: i32) -> thrift::Result<()> {
        field(self, name, TType::I32, id, |w| w.i32(value))
    }
    /// A field that is an `i64`.
    #[inline]
    fn i64_field(&mut self, name: &'static str, id: i16, value: i64) -> thrift::Result<()> {
        field(self, name, TType::I64, id, |w| w.i64(value))
    }
    /// A field that is a `double`.
    #[inline]
    fn double_field(&mut self, name: &'static str, id: i16, value: f64) -> thrift::Result<()> {
        field(self, name, TType::Double, id, |w| w.double(value))
    }
    /// A field that is a `bool`.
    #[inline]
    fn bool_field(&mut self, name: &'static str, id: i16, value: bool) -> thrift::Result<()> {
        field(self, name, TType::Bool, id, |w| w.bool(value))
    }
    /// A field that is a `string`.
    #[inline]
    fn string_field(&mut self, name: &'static str, id: i16, value: &str) -> thrift::Result<()> {
        field(self, name, TType::String, id, |w| w.string(value))
    }
    /// A `binary` that its owner gives up; a writer may keep it instead of copying it.
    fn bytes_owned(&mut self, value: Vec<u8>) -> thrift::Result<()> {
        self.bytes(&value)
    }
    /// A shared `binary`; a writer may keep a reference instead of copying it.
    fn bytes_shared(&mut self, value: Bytes) -> thrift::Result<()> {
        self.bytes(&value)
    }
    /// A `string` or a `binary`, where nobody knows which of the two. A protocol that writes them differently writes
    /// what its own [`Reader::text_or_bytes`] read as it came.
    fn text_or_bytes(&mut self, value: &[u8]) -> thrift::Result<()> {
        self.bytes(value)
    }
    /// What the message's references are sent with; none where all goes by value.
    fn passing(&mut self) -> Option<&mut Passing> {
        None
    }
    /// The elements of a `list<i8>` (its header is written already).
    fn i8_elements(&mut self, values: &[i8]) -> thrift::Result<()> {
        values.iter().try_for_each(|v| self.i8(*v))
    }
    /// The elements of a `list<i16>`.
    fn i16_elements(&mut self, values: &[i16]) -> thrift::Result<()> {
        values.iter().try_for_each(|v| self.i16(*v))
    }
    /// The elements of a `list<i32>`.
    fn i32_elements(&mut self, values: &[i32]) -> thrift::Result<()> {
        values.iter().try_for_each(|v| self.i32(*v))
    }
    /// The elements of a `list<i64>`.
    fn i64_elements(&mut self, values: &[i64]) -> thrift::Result<()> {
        values.iter().try_for_each(|v| self.i64(*v))
    }
    /// The elements of a `list<double>`.
    fn double_elements(&mut self, values: &[thrift::OrderedFloat<f64>]) -> thrift::Result<()> {
        values.iter().try_for_each(|v| self.double(v.0))
    }
}

#[inline]
fn field<W: Writer + ?Sized>(
    w: &mut W,
    name: &'static str,
    field_type: TType,
    id: i16,
    value: impl FnOnce(&mut W) -> thrift::Result<()>,
) -> thrift::Result<()> {
    w.field_begin(name, field_type, id)?;
    value(w)?;
    w.field_end()
}

/// Reads Thrift values in one protocol. Enforces its own limits on sizes and depth.
#[allow(missing_docs, reason = "each method reads the Thrift element of its name")]
pub trait Reader {
    fn message_begin(&mut self) -> thrift::Result<MessageHeader>;
    fn message_end(&mut self) -> thrift::Result<()>;
    fn struct_begin(&mut self) -> thrift::Result<()>;
    fn struct_end(&mut self) -> thrift::Result<()>;
    /// The next field's type and id; the type is [`TType::Stop`] (and the id 0) after the last.
    fn field_begin(&mut self) -> thrift::Result<(TType, i16)>;
    /// Begins the next field if it is surely this one; false may also mean that a reader cannot tell without
    /// [`Reader::field_begin`]. Fields mostly come in the order of their ids, and asking is faster than being told.
    fn field_is(&mut self, field_type: TType, id: i16) -> bool {
        let _ = (field_type, id);
        false
    }
    fn field_end(&mut self) -> thrift::Result<()>;
    fn list_begin(&mut self) -> thrift::Result<(TType, usize)>;
    fn list_end(&mut self) -> thrift::Result<()>;
    fn set_begin(&mut self) -> thrift::Result<(TType, usize)>;
    fn set_end(&mut self) -> thrift::Result<()>;
    /// Key type, value type, entries. The types of an empty map may be [`TType::Stop`].
    fn map_begin(&mut self) -> thrift::Result<(TType, TType, usize)>;
    fn map_end(&mut self) -> thrift::Result<()>;
    fn bool(&mut self) -> thrift::Result<bool>;
    fn i8(&mut self) -> thrift::Result<i8>;
    fn i16(&mut self) -> thrift::Result<i16>;
    fn i32(&mut self) -> thrift::Result<i32>;
    fn i64(&mut self) -> thrift::Result<i64>;
    fn double(&mut self) -> thrift::Result<f64>;
    fn uuid(&mut self) -> thrift::Result<Uuid>;
    fn string(&mut self) -> thrift::Result<String>;
    fn bytes(&mut self) -> thrift::Result<Vec<u8>>;
    /// Passes over a value of `field_type`, within the reader's depth limit.
    fn skip(&mut self, field_type: TType) -> thrift::Result<()>;
    /// How many of `len` announced elements, each `size` bytes in memory, to reserve for in advance: never more than
    /// the remaining input could hold.
    fn reserve_hint(&self, len: usize, size: usize) -> usize;

    /// Accounts for `bytes` of memory that decoded values are about to take, beyond their strings; a reader with a
    /// limit on it refuses what exceeds the limit. Each implementation of [`Decode`] that allocates calls it.
    fn charge(&mut self, bytes: usize) -> thrift::Result<()> {
        let _ = bytes;
        Ok(())
    }
    /// A `binary` that may share the reader's input instead of being copied.
    fn bytes_shared(&mut self) -> thrift::Result<Bytes> {
        self.bytes().map(Bytes::from)
    }
    /// A `string` or a `binary`, where nobody knows which of the two.
    fn text_or_bytes(&mut self) -> thrift::Result<Vec<u8>> {
        self.bytes()
    }
    /// What the message's pointers have come with.
    fn received(&self) -> Option<&Arc<Received>> {
        None
    }
    /// Says what the message's pointers have come with. A reader that cannot know it gives them without memory.
    fn set_received(&mut self, received: Option<Arc<Received>>) {
        let _ = received;
    }
    /// The elements of a `list<i8>` of `len`.
    fn i8_elements(&mut self, len: usize) -> thrift::Result<Vec<i8>> {
        elements(self, len, Self::i8)
    }
    /// The elements of a `list<i16>` of `len`.
    fn i16_elements(&mut self, len: usize) -> thrift::Result<Vec<i16>> {
        elements(self, len, Self::i16)
    }
    /// The elements of a `list<i32>` of `len`.
    fn i32_elements(&mut self, len: usize) -> thrift::Result<Vec<i32>> {
        elements(self, len, Self::i32)
    }
    /// The elements of a `list<i64>` of `len`.
    fn i64_elements(&mut self, len: usize) -> thrift::Result<Vec<i64>> {
        elements(self, len, Self::i64)
    }
    /// The elements of a `list<double>` of `len`.
    fn double_elements(&mut self, len: usize) -> thrift::Result<Vec<thrift::OrderedFloat<f64>>> {
        elements(self, len, |r| r.double().map(thrift::OrderedFloat))
    }
}

fn elements<R: Reader + ?Sized, T>(
    r: &mut R,
    len: usize,
    mut read: impl FnMut(&mut R) -> thrift::Result<T>,
) -> thrift::Result<Vec<T>> {
    let mut items = Vec::with_capacity(r.reserve_hint(len, size_of::<T>()));
    for _ in 0..len {
        items.push(read(r)?);
    }
    Ok(items)
}

#[cfg(test)]
pub(crate) mod tests;
