use super::ValueType;
use crate::protocol::{Encode, Reader, Writer, error};
use thrift::OrderedFloat;
use thrift::protocol::TType;
use uuid::Uuid;

/// Any Thrift value, with all that the wire says of its type.
///
/// The wire does not tell a `string` from a `binary`, nor an enum from an `i32`; JSON says no more of them. The bytes
/// of a value are the same again when it is written in the protocol that it was read from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[allow(missing_docs, reason = "the base types are the Thrift types of their names")]
pub enum Value {
    Bool(bool),
    I8(i8),
    I16(i16),
    I32(i32),
    I64(i64),
    Double(OrderedFloat<f64>),
    Uuid(Uuid),
    /// A `string` or a `binary`.
    Bytes(Vec<u8>),
    /// The fields of a struct, in the order of the wire.
    Struct(Vec<(i16, Value)>),
    /// The type of the elements, and the elements.
    List(ValueType, Vec<Value>),
    /// The type of the elements, and the elements in the order of the wire.
    Set(ValueType, Vec<Value>),
    /// The types of keys and values, and the entries in the order of the wire.
    Map(ValueType, ValueType, Vec<(Value, Value)>),
}

impl Value {
    /// The type byte that announces it.
    #[must_use]
    pub fn wire_type(&self) -> ValueType {
        match self {
            Self::Bool(_) => ValueType::Bool,
            Self::I8(_) => ValueType::I8,
            Self::I16(_) => ValueType::I16,
            Self::I32(_) => ValueType::I32,
            Self::I64(_) => ValueType::I64,
            Self::Double(_) => ValueType::Double,
            Self::Uuid(_) => ValueType::Uuid,
            Self::Bytes(_) => ValueType::Bytes,
            Self::Struct(_) => ValueType::Struct,
            Self::List(..) => ValueType::List,
            Self::Set(..) => ValueType::Set,
            Self::Map(..) => ValueType::Map,
        }
    }

    /// Reads a value whose type byte has been read.
    ///
    /// # Errors
    ///
    /// Malformed input, or a limit of the reader: on depth, on lengths, on the memory of decoded values.
    pub fn decode<R: Reader>(of: TType, r: &mut R) -> thrift::Result<Self> {
        Ok(match of {
            TType::Bool => Self::Bool(r.bool()?),
            TType::I08 => Self::I8(r.i8()?),
            TType::I16 => Self::I16(r.i16()?),
            TType::I32 => Self::I32(r.i32()?),
            TType::I64 => Self::I64(r.i64()?),
            TType::Double => Self::Double(OrderedFloat(r.double()?)),
            TType::Uuid => Self::Uuid(r.uuid()?),
            TType::String | TType::Utf7 => Self::Bytes(r.text_or_bytes()?),
            TType::Struct => Self::Struct(fields(r)?),
            TType::List => {
                let (element, len) = r.list_begin()?;
                let element = ValueType::try_from(element)?;
                let items = elements(r, element, len)?;
                r.list_end()?;
                Self::List(element, items)
            }
            TType::Set => {
                let (element, len) = r.set_begin()?;
                let element = ValueType::try_from(element)?;
                let items = elements(r, element, len)?;
                r.set_end()?;
                Self::Set(element, items)
            }
            TType::Map => {
                let (key, value, len) = r.map_begin()?;
                let (key, value) = (key.try_into()?, value.try_into()?);
                let entries = entries(r, key, value, len)?;
                r.map_end()?;
                Self::Map(key, value, entries)
            }
            other => return Err(error::unsuitable_type(other)),
        })
    }

    /// Writes the value.
    ///
    /// # Errors
    ///
    /// A limit of the writer, the failure of an underlying transport, or a container with an element that is not of
    /// the type that it names.
    pub fn encode<W: Writer>(&self, w: &mut W) -> thrift::Result<()> {
        match self {
            Self::Bool(value) => value.encode(w),
            Self::I8(value) => value.encode(w),
            Self::I16(value) => value.encode(w),
            Self::I32(value) => value.encode(w),
            Self::I64(value) => value.encode(w),
            Self::Double(value) => value.encode(w),
            Self::Uuid(value) => value.encode(w),
            Self::Bytes(value) => w.text_or_bytes(value),
            Self::Struct(fields) => {
                w.struct_begin("unknown")?;
                fields.iter().try_for_each(|(id, value)| value.encode_field(*id, w))?;
                w.field_stop()?;
                w.struct_end()
            }
            Self::List(element, items) => {
                w.list_begin((*element).into(), items.len())?;
                items.iter().try_for_each(|item| item.encode_as(*element, w))?;
                w.list_end()
            }
            Self::Set(element, items) => {
                w.set_begin((*element).into(), items.len())?;
                items.iter().try_for_each(|item| item.encode_as(*element, w))?;
                w.set_end()
            }
            Self::Map(key_type, value_type, entries) => {
                w.map_begin((*key_type).into(), (*value_type).into(), entries.len())?;
                for (key, value) in entries {
                    key.encode_as(*key_type, w)?;
                    value.encode_as(*value_type, w)?;
                }
                w.map_end()
            }
        }
    }

    /// Writes the value as a field.
    pub(super) fn encode_field<W: Writer>(&self, id: i16, w: &mut W) -> thrift::Result<()> {
        w.field_begin("unknown", self.wire_type().into(), id)?;
        self.encode(w)?;
        w.field_end()
    }

    fn encode_as<W: Writer>(&self, expected: ValueType, w: &mut W) -> thrift::Result<()> {
        match self.wire_type() {
            found if found == expected => self.encode(w),
            found => Err(error::element_type(expected.into(), found.into())),
        }
    }
}

fn fields<R: Reader>(r: &mut R) -> thrift::Result<Vec<(i16, Value)>> {
    let mut fields = Vec::new();
    r.struct_begin()?;
    loop {
        let (of, id) = r.field_begin()?;
        if of == TType::Stop {
            r.struct_end()?;
            return Ok(fields);
        }
        r.charge(size_of::<(i16, Value)>())?;
        fields.push((id, Value::decode(of, r)?));
        r.field_end()?;
    }
}

fn elements<R: Reader>(r: &mut R, of: ValueType, len: usize) -> thrift::Result<Vec<Value>> {
    r.charge(len.saturating_mul(size_of::<Value>()))?;
    let mut items = Vec::with_capacity(r.reserve_hint(len, size_of::<Value>()));
    for _ in 0..len {
        items.push(Value::decode(of.into(), r)?);
    }
    Ok(items)
}

fn entries<R: Reader>(r: &mut R, key: ValueType, value: ValueType, len: usize) -> thrift::Result<Vec<(Value, Value)>> {
    r.charge(len.saturating_mul(size_of::<(Value, Value)>()))?;
    let mut entries = Vec::with_capacity(r.reserve_hint(len, size_of::<(Value, Value)>()));
    for _ in 0..len {
        entries.push((Value::decode(key.into(), r)?, Value::decode(value.into(), r)?));
    }
    Ok(entries)
}
