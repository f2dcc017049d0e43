//! How each type is written and read, in the order and with the calls of the code that `pilota-build` generates.
//!
//! That code fills lists through raw pointers, which this project's rules do not allow; pushing into reserved memory
//! takes the same time. Strings are `String` and maps `BTreeMap`, as for the other variants.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use pilota::thrift::{
    ProtocolExceptionKind, TInputProtocol, TListIdentifier, TMapIdentifier, TOutputProtocol, TSetIdentifier,
    TStructIdentifier, TType, ThriftException, new_protocol_exception,
};
use thrift::OrderedFloat;
use uuid::Uuid;

use crate::codec::blob::BlobBytes;
use crate::codec::shapes::shapes;
use crate::services::codec::{Color, Everything, ListI32, MapStr, Point, Shape, Struct10};

type Result<T> = std::result::Result<T, ThriftException>;

/// The type of a field, an element or a message.
pub(in crate::codec) trait Value: Sized {
    const TYPE: TType;
    fn encode<P: TOutputProtocol>(&self, protocol: &mut P) -> Result<()>;
    fn decode<P: TInputProtocol>(protocol: &mut P) -> Result<Self>;
}

macro_rules! scalar {
    ($type:ty, $wire:ident, |$value:ident, $output:ident| $write:expr, |$input:ident| $read:expr) => {
        impl Value for $type {
            const TYPE: TType = TType::$wire;

            #[inline]
            fn encode<P: TOutputProtocol>(&self, $output: &mut P) -> Result<()> {
                let $value = self;
                $write
            }

            #[inline]
            fn decode<P: TInputProtocol>($input: &mut P) -> Result<Self> {
                $read
            }
        }
    };
}

scalar!(bool, Bool, |value, output| output.write_bool(*value), |input| input.read_bool());
scalar!(i8, I8, |value, output| output.write_i8(*value), |input| input.read_i8());
scalar!(i16, I16, |value, output| output.write_i16(*value), |input| input.read_i16());
scalar!(i32, I32, |value, output| output.write_i32(*value), |input| input.read_i32());
scalar!(i64, I64, |value, output| output.write_i64(*value), |input| input.read_i64());
scalar!(OrderedFloat<f64>, Double, |value, output| output.write_double(value.0), |input| input
    .read_double()
    .map(OrderedFloat));
scalar!(String, Binary, |value, output| output.write_string(value), |input| input.read_string());
scalar!(Vec<u8>, Binary, |value, output| output.write_bytes_vec(value), |input| input.read_bytes_vec());
scalar!(Bytes, Binary, |value, output| output.write_bytes(value.clone()), |input| input.read_bytes());
scalar!(Uuid, Uuid, |value, output| output.write_uuid(*value.as_bytes()), |input| input
    .read_uuid()
    .map(Uuid::from_bytes));
scalar!(Color, I32, |value, output| output.write_i32(value.0), |input| input.read_i32().map(Color::from));

impl<T: Value> Value for Vec<T> {
    const TYPE: TType = TType::List;

    #[inline]
    fn encode<P: TOutputProtocol>(&self, protocol: &mut P) -> Result<()> {
        protocol.write_list_begin(TListIdentifier { element_type: T::TYPE, size: self.len() })?;
        for element in self {
            element.encode(protocol)?;
        }
        protocol.write_list_end()
    }

    #[inline]
    fn decode<P: TInputProtocol>(protocol: &mut P) -> Result<Self> {
        let list = protocol.read_list_begin()?;
        let mut elements = Vec::with_capacity(list.size);
        for _ in 0..list.size {
            elements.push(T::decode(protocol)?);
        }
        protocol.read_list_end()?;
        Ok(elements)
    }
}

impl<T: Value + Ord> Value for BTreeSet<T> {
    const TYPE: TType = TType::Set;

    #[inline]
    fn encode<P: TOutputProtocol>(&self, protocol: &mut P) -> Result<()> {
        protocol.write_set_begin(TSetIdentifier { element_type: T::TYPE, size: self.len() })?;
        for element in self {
            element.encode(protocol)?;
        }
        protocol.write_set_end()
    }

    #[inline]
    fn decode<P: TInputProtocol>(protocol: &mut P) -> Result<Self> {
        let set = protocol.read_set_begin()?;
        let mut elements = Self::new();
        for _ in 0..set.size {
            elements.insert(T::decode(protocol)?);
        }
        protocol.read_set_end()?;
        Ok(elements)
    }
}

impl<K: Value + Ord, V: Value> Value for BTreeMap<K, V> {
    const TYPE: TType = TType::Map;

    #[inline]
    fn encode<P: TOutputProtocol>(&self, protocol: &mut P) -> Result<()> {
        protocol.write_map_begin(TMapIdentifier { key_type: K::TYPE, value_type: V::TYPE, size: self.len() })?;
        for (key, value) in self {
            key.encode(protocol)?;
            value.encode(protocol)?;
        }
        protocol.write_map_end()
    }

    #[inline]
    fn decode<P: TInputProtocol>(protocol: &mut P) -> Result<Self> {
        let map = protocol.read_map_begin()?;
        let mut entries = Self::new();
        for _ in 0..map.size {
            entries.insert(K::decode(protocol)?, V::decode(protocol)?);
        }
        protocol.read_map_end()?;
        Ok(entries)
    }
}

#[inline]
fn write_field<T: Value, P: TOutputProtocol>(value: &T, id: i16, protocol: &mut P) -> Result<()> {
    protocol.write_field_begin(T::TYPE, id)?;
    value.encode(protocol)?;
    protocol.write_field_end()
}

fn invalid<T>(message: String) -> Result<T> {
    Err(new_protocol_exception(ProtocolExceptionKind::InvalidData, message))
}

macro_rules! structure {
    ($name:ident { $($id:literal $need:ident $field:ident: $type:ty),* $(,)? }) => {
        impl Value for $name {
            const TYPE: TType = TType::Struct;

            fn encode<P: TOutputProtocol>(&self, protocol: &mut P) -> Result<()> {
                protocol.write_struct_begin(&TStructIdentifier { name: stringify!($name) })?;
                $(structure!(@write $need &self.$field, $id, protocol);)*
                protocol.write_field_stop()?;
                protocol.write_struct_end()
            }

            fn decode<P: TInputProtocol>(protocol: &mut P) -> Result<Self> {
                $(let mut $field: Option<$type> = None;)*
                let mut decoding = None;
                protocol.read_struct_begin()?;
                let fields = (|| {
                    loop {
                        let field = protocol.read_field_begin()?;
                        if field.field_type == TType::Stop {
                            break;
                        }
                        decoding = field.id;
                        match field.id {
                            $(Some($id) if field.field_type == <$type as Value>::TYPE => {
                                $field = Some(Value::decode(protocol)?);
                            })*
                            _ => {
                                protocol.skip(field.field_type)?;
                            }
                        }
                        protocol.read_field_end()?;
                    }
                    Ok::<_, ThriftException>(())
                })();
                if let Err(mut error) = fields {
                    if let Some(id) = decoding {
                        error.prepend_msg(&format!("field {id} of {}: ", stringify!($name)));
                    }
                    return Err(error);
                }
                protocol.read_struct_end()?;
                $(structure!(@take $need $field);)*
                Ok(Self { $($field),* })
            }
        }
    };
    (@write required $value:expr, $id:literal, $protocol:ident) => {
        write_field($value, $id, $protocol)?;
    };
    (@write optional $value:expr, $id:literal, $protocol:ident) => {
        if let Some(value) = $value.as_ref() {
            write_field(value, $id, $protocol)?;
        }
    };
    (@take required $field:ident) => {
        let Some($field) = $field else {
            return invalid(format!("field {} is required", stringify!($field)));
        };
    };
    (@take optional $field:ident) => {};
}

macro_rules! union {
    ($name:ident { $($id:literal $variant:ident: $type:ty),* $(,)? }) => {
        impl Value for $name {
            const TYPE: TType = TType::Struct;

            fn encode<P: TOutputProtocol>(&self, protocol: &mut P) -> Result<()> {
                protocol.write_struct_begin(&TStructIdentifier { name: stringify!($name) })?;
                match self {
                    $(Self::$variant(value) => write_field(value, $id, protocol)?,)*
                }
                protocol.write_field_stop()?;
                protocol.write_struct_end()
            }

            fn decode<P: TInputProtocol>(protocol: &mut P) -> Result<Self> {
                let mut value = None;
                protocol.read_struct_begin()?;
                loop {
                    let field = protocol.read_field_begin()?;
                    if field.field_type == TType::Stop {
                        break;
                    }
                    match field.id {
                        $(Some($id) if value.is_none() => value = Some(Self::$variant(Value::decode(protocol)?)),)*
                        $(Some($id) => return invalid("several fields in a union".to_owned()),)*
                        _ => {
                            protocol.skip(field.field_type)?;
                        }
                    }
                }
                protocol.read_field_end()?;
                protocol.read_struct_end()?;
                value.map_or_else(|| invalid("an empty union".to_owned()), Ok)
            }
        }
    };
}

shapes!(structure, union);
structure! { BlobBytes { 1 required data: Bytes } }
