//! Any Thrift value, written and read with our traits and with Apache's.

use crate::protocol::{Decode, Encode, Reader, ThriftType, Writer};
use proptest::collection::vec;
use proptest::prelude::*;
use thrift::OrderedFloat;
use thrift::protocol::{
    TFieldIdentifier, TListIdentifier, TMapIdentifier, TOutputProtocol, TSetIdentifier, TStructIdentifier, TType,
};
use uuid::Uuid;

/// A value; the elements of a container have the type that it names.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Bool(bool),
    I8(i8),
    I16(i16),
    I32(i32),
    I64(i64),
    Double(OrderedFloat<f64>),
    Uuid(Uuid),
    Binary(Vec<u8>),
    Struct(Vec<(i16, Value)>),
    List(TType, Vec<Value>),
    Set(TType, Vec<Value>),
    Map(TType, TType, Vec<(Value, Value)>),
}

/// A struct of any fields.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AnyStruct(pub(crate) Value);

impl ThriftType for AnyStruct {
    const TYPE: TType = TType::Struct;
}

impl Encode for AnyStruct {
    fn encode<W: Writer>(&self, w: &mut W) -> thrift::Result<()> {
        self.0.write(w)
    }
}

impl Decode for AnyStruct {
    fn decode<R: Reader>(r: &mut R) -> thrift::Result<Self> {
        Value::read(TType::Struct, r).map(Self)
    }
}

impl Value {
    pub(crate) fn wire_type(&self) -> TType {
        match self {
            Self::Bool(_) => TType::Bool,
            Self::I8(_) => TType::I08,
            Self::I16(_) => TType::I16,
            Self::I32(_) => TType::I32,
            Self::I64(_) => TType::I64,
            Self::Double(_) => TType::Double,
            Self::Uuid(_) => TType::Uuid,
            Self::Binary(_) => TType::String,
            Self::Struct(_) => TType::Struct,
            Self::List(..) => TType::List,
            Self::Set(..) => TType::Set,
            Self::Map(..) => TType::Map,
        }
    }

    pub(crate) fn write<W: Writer>(&self, w: &mut W) -> thrift::Result<()> {
        match self {
            Self::Bool(v) => v.encode(w),
            Self::I8(v) => v.encode(w),
            Self::I16(v) => v.encode(w),
            Self::I32(v) => v.encode(w),
            Self::I64(v) => v.encode(w),
            Self::Double(v) => v.encode(w),
            Self::Uuid(v) => v.encode(w),
            Self::Binary(v) => v.encode(w),
            Self::Struct(fields) => {
                w.struct_begin("Any")?;
                for (id, value) in fields {
                    w.field_begin("field", value.wire_type(), *id)?;
                    value.write(w)?;
                    w.field_end()?;
                }
                w.field_stop()?;
                w.struct_end()
            }
            Self::List(element, items) => {
                w.list_begin(*element, items.len())?;
                items.iter().try_for_each(|item| item.write(w))?;
                w.list_end()
            }
            Self::Set(element, items) => {
                w.set_begin(*element, items.len())?;
                items.iter().try_for_each(|item| item.write(w))?;
                w.set_end()
            }
            Self::Map(key, value, entries) => {
                w.map_begin(*key, *value, entries.len())?;
                for (key, value) in entries {
                    key.write(w)?;
                    value.write(w)?;
                }
                w.map_end()
            }
        }
    }

    pub(crate) fn write_apache(&self, o: &mut dyn TOutputProtocol) -> thrift::Result<()> {
        let size = |len: usize| i32::try_from(len).unwrap();
        match self {
            Self::Bool(v) => o.write_bool(*v),
            Self::I8(v) => o.write_i8(*v),
            Self::I16(v) => o.write_i16(*v),
            Self::I32(v) => o.write_i32(*v),
            Self::I64(v) => o.write_i64(*v),
            Self::Double(v) => o.write_double(v.0),
            Self::Uuid(v) => o.write_uuid(v),
            Self::Binary(v) => o.write_bytes(v),
            Self::Struct(fields) => {
                o.write_struct_begin(&TStructIdentifier::new("Any"))?;
                for (id, value) in fields {
                    o.write_field_begin(&TFieldIdentifier::new("field", value.wire_type(), *id))?;
                    value.write_apache(o)?;
                    o.write_field_end()?;
                }
                o.write_field_stop()?;
                o.write_struct_end()
            }
            Self::List(element, items) => {
                o.write_list_begin(&TListIdentifier::new(*element, size(items.len())))?;
                items.iter().try_for_each(|item| item.write_apache(o))?;
                o.write_list_end()
            }
            Self::Set(element, items) => {
                o.write_set_begin(&TSetIdentifier::new(*element, size(items.len())))?;
                items.iter().try_for_each(|item| item.write_apache(o))?;
                o.write_set_end()
            }
            Self::Map(key, value, entries) => {
                o.write_map_begin(&TMapIdentifier::new(*key, *value, size(entries.len())))?;
                for (key, value) in entries {
                    key.write_apache(o)?;
                    value.write_apache(o)?;
                }
                o.write_map_end()
            }
        }
    }

    pub(crate) fn read<R: Reader>(of: TType, r: &mut R) -> thrift::Result<Self> {
        Ok(match of {
            TType::Bool => Self::Bool(r.bool()?),
            TType::I08 => Self::I8(r.i8()?),
            TType::I16 => Self::I16(r.i16()?),
            TType::I32 => Self::I32(r.i32()?),
            TType::I64 => Self::I64(r.i64()?),
            TType::Double => Self::Double(OrderedFloat(r.double()?)),
            TType::Uuid => Self::Uuid(r.uuid()?),
            TType::String => Self::Binary(r.bytes()?),
            TType::Struct => Self::Struct(read_fields(r)?),
            TType::List => {
                let (element, len) = r.list_begin()?;
                let items = read_items(element, len, r)?;
                r.list_end()?;
                Self::List(element, items)
            }
            TType::Set => {
                let (element, len) = r.set_begin()?;
                let items = read_items(element, len, r)?;
                r.set_end()?;
                Self::Set(element, items)
            }
            TType::Map => {
                let (key, value, len) = r.map_begin()?;
                r.charge(len * 2 * size_of::<Self>())?;
                let mut entries = Vec::with_capacity(r.reserve_hint(len, 2 * size_of::<Self>()));
                for _ in 0..len {
                    entries.push((Self::read(key, r)?, Self::read(value, r)?));
                }
                r.map_end()?;
                Self::Map(key, value, entries)
            }
            other => return Err(format!("no value of type {other}").into()),
        })
    }

    /// What remains of a value in a protocol that does not write the types of an empty map.
    pub(crate) fn without_empty_map_types(self) -> Self {
        let plain = |items: Vec<Self>| items.into_iter().map(Self::without_empty_map_types).collect();
        match self {
            Self::Map(_, _, entries) if entries.is_empty() => Self::Map(TType::Stop, TType::Stop, entries),
            Self::Map(key, value, entries) => Self::Map(
                key,
                value,
                entries.into_iter().map(|(k, v)| (k.without_empty_map_types(), v.without_empty_map_types())).collect(),
            ),
            Self::List(element, items) => Self::List(element, plain(items)),
            Self::Set(element, items) => Self::Set(element, plain(items)),
            Self::Struct(fields) => {
                Self::Struct(fields.into_iter().map(|(id, value)| (id, value.without_empty_map_types())).collect())
            }
            scalar => scalar,
        }
    }
}

fn read_fields<R: Reader>(r: &mut R) -> thrift::Result<Vec<(i16, Value)>> {
    let mut fields = Vec::new();
    r.struct_begin()?;
    loop {
        let (field, id) = r.field_begin()?;
        if field == TType::Stop {
            r.struct_end()?;
            return Ok(fields);
        }
        fields.push((id, Value::read(field, r)?));
        r.field_end()?;
    }
}

fn read_items<R: Reader>(element: TType, len: usize, r: &mut R) -> thrift::Result<Vec<Value>> {
    r.charge(len * size_of::<Value>())?;
    let mut items = Vec::with_capacity(r.reserve_hint(len, size_of::<Value>()));
    for _ in 0..len {
        items.push(Value::read(element, r)?);
    }
    Ok(items)
}

/// The type of a value, with the types of its elements.
#[derive(Debug, Clone)]
enum Shape {
    Scalar(TType),
    Struct(Vec<(i16, Shape)>),
    List(Box<Shape>),
    Set(Box<Shape>),
    Map(Box<Shape>, Box<Shape>),
}

impl Shape {
    fn wire_type(&self) -> TType {
        match self {
            Self::Scalar(scalar) => *scalar,
            Self::Struct(_) => TType::Struct,
            Self::List(_) => TType::List,
            Self::Set(_) => TType::Set,
            Self::Map(..) => TType::Map,
        }
    }

    fn values(&self) -> BoxedStrategy<Value> {
        match self {
            Self::Scalar(scalar) => scalars(*scalar),
            Self::Struct(fields) => fields
                .iter()
                .map(|(id, shape)| (Just(*id), shape.values()))
                .collect::<Vec<_>>()
                .prop_map(Value::Struct)
                .boxed(),
            Self::List(element) => {
                let of = element.wire_type();
                vec(element.values(), 0..20).prop_map(move |items| Value::List(of, items)).boxed()
            }
            Self::Set(element) => {
                let of = element.wire_type();
                vec(element.values(), 0..5).prop_map(move |items| Value::Set(of, items)).boxed()
            }
            Self::Map(key, value) => {
                let (k, v) = (key.wire_type(), value.wire_type());
                vec((key.values(), value.values()), 0..5).prop_map(move |entries| Value::Map(k, v, entries)).boxed()
            }
        }
    }
}

fn scalars(of: TType) -> BoxedStrategy<Value> {
    // Small and large magnitudes, for the sake of variable lengths.
    let integer = (any::<i64>(), 0..64).prop_map(|(value, shift)| value >> shift);
    match of {
        TType::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        TType::I08 => any::<i8>().prop_map(Value::I8).boxed(),
        TType::I16 => any::<i16>().prop_map(Value::I16).boxed(),
        TType::I32 => (any::<i32>(), 0..32).prop_map(|(value, shift)| Value::I32(value >> shift)).boxed(),
        TType::I64 => integer.prop_map(Value::I64).boxed(),
        TType::Double => any::<f64>().prop_map(|v| Value::Double(OrderedFloat(v))).boxed(),
        TType::Uuid => any::<[u8; 16]>().prop_map(|v| Value::Uuid(Uuid::from_bytes(v))).boxed(),
        _ => vec(any::<u8>(), 0..200).prop_map(Value::Binary).boxed(),
    }
}

/// Apache's compact writer overflows where two ids are further apart than an `i16` can say.
fn field_ids() -> impl Strategy<Value = i16> {
    prop_oneof![4 => 1..40_i16, 1 => -0x4000..0x4000_i16]
}

fn shapes() -> impl Strategy<Value = Shape> {
    let scalar = prop::sample::select(vec![
        TType::Bool,
        TType::I08,
        TType::I16,
        TType::I32,
        TType::I64,
        TType::Double,
        TType::Uuid,
        TType::String,
    ]);
    scalar.prop_map(Shape::Scalar).prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            vec((field_ids(), inner.clone()), 0..6).prop_map(Shape::Struct),
            inner.clone().prop_map(|e| Shape::List(Box::new(e))),
            inner.clone().prop_map(|e| Shape::Set(Box::new(e))),
            (inner.clone(), inner).prop_map(|(k, v)| Shape::Map(Box::new(k), Box::new(v))),
        ]
    })
}

/// Any struct.
pub(crate) fn structs() -> impl Strategy<Value = AnyStruct> {
    vec((field_ids(), shapes()), 0..6).prop_flat_map(|fields| Shape::Struct(fields).values()).prop_map(AnyStruct)
}
