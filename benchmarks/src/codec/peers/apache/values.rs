//! How each type is written and read, in the order and with the calls of Apache's generated code.

use std::collections::{BTreeMap, BTreeSet};

use thrift::OrderedFloat;
use thrift::protocol::{
    TFieldIdentifier, TInputProtocol, TListIdentifier, TMapIdentifier, TOutputProtocol, TSetIdentifier,
    TStructIdentifier, TType, field_id, prealloc_size, verify_required_field_exists,
};
use uuid::Uuid;

use crate::codec::shapes::shapes;
use crate::services::codec::{Blob, Color, Everything, ListI32, MapStr, Point, Shape, Struct10};

/// The type of a field, an element or a message.
pub(in crate::codec) trait Value: Sized {
    const TYPE: TType;
    fn write(&self, output: &mut dyn TOutputProtocol) -> thrift::Result<()>;
    fn read(input: &mut dyn TInputProtocol) -> thrift::Result<Self>;
}

macro_rules! scalar {
    ($type:ty, $wire:ident, |$value:ident, $output:ident| $write:expr, |$input:ident| $read:expr) => {
        impl Value for $type {
            const TYPE: TType = TType::$wire;

            #[inline]
            fn write(&self, $output: &mut dyn TOutputProtocol) -> thrift::Result<()> {
                let $value = self;
                $write
            }

            #[inline]
            fn read($input: &mut dyn TInputProtocol) -> thrift::Result<Self> {
                $read
            }
        }
    };
}

scalar!(bool, Bool, |value, output| output.write_bool(*value), |input| input.read_bool());
scalar!(i8, I08, |value, output| output.write_i8(*value), |input| input.read_i8());
scalar!(i16, I16, |value, output| output.write_i16(*value), |input| input.read_i16());
scalar!(i32, I32, |value, output| output.write_i32(*value), |input| input.read_i32());
scalar!(i64, I64, |value, output| output.write_i64(*value), |input| input.read_i64());
scalar!(OrderedFloat<f64>, Double, |value, output| output.write_double(value.0), |input| input
    .read_double()
    .map(OrderedFloat));
scalar!(String, String, |value, output| output.write_string(value), |input| input.read_string());
scalar!(Vec<u8>, String, |value, output| output.write_bytes(value), |input| input.read_bytes());
scalar!(Uuid, Uuid, |value, output| output.write_uuid(value), |input| input.read_uuid());
scalar!(Color, I32, |value, output| output.write_i32(value.0), |input| input.read_i32().map(Color::from));

fn wire_len(len: usize) -> thrift::Result<i32> {
    i32::try_from(len).map_err(|error| thrift::Error::User(Box::new(error)))
}

impl<T: Value> Value for Vec<T> {
    const TYPE: TType = TType::List;

    fn write(&self, output: &mut dyn TOutputProtocol) -> thrift::Result<()> {
        output.write_list_begin(&TListIdentifier::new(T::TYPE, wire_len(self.len())?))?;
        for element in self {
            element.write(output)?;
        }
        output.write_list_end()
    }

    fn read(input: &mut dyn TInputProtocol) -> thrift::Result<Self> {
        let list = input.read_list_begin()?;
        let mut elements = Vec::with_capacity(prealloc_size(list.size));
        for _ in 0..list.size {
            elements.push(T::read(input)?);
        }
        input.read_list_end()?;
        Ok(elements)
    }
}

impl<T: Value + Ord> Value for BTreeSet<T> {
    const TYPE: TType = TType::Set;

    fn write(&self, output: &mut dyn TOutputProtocol) -> thrift::Result<()> {
        output.write_set_begin(&TSetIdentifier::new(T::TYPE, wire_len(self.len())?))?;
        for element in self {
            element.write(output)?;
        }
        output.write_set_end()
    }

    fn read(input: &mut dyn TInputProtocol) -> thrift::Result<Self> {
        let set = input.read_set_begin()?;
        let mut elements = Self::new();
        for _ in 0..set.size {
            elements.insert(T::read(input)?);
        }
        input.read_set_end()?;
        Ok(elements)
    }
}

impl<K: Value + Ord, V: Value> Value for BTreeMap<K, V> {
    const TYPE: TType = TType::Map;

    fn write(&self, output: &mut dyn TOutputProtocol) -> thrift::Result<()> {
        output.write_map_begin(&TMapIdentifier::new(K::TYPE, V::TYPE, wire_len(self.len())?))?;
        for (key, value) in self {
            key.write(output)?;
            value.write(output)?;
        }
        output.write_map_end()
    }

    fn read(input: &mut dyn TInputProtocol) -> thrift::Result<Self> {
        let map = input.read_map_begin()?;
        let mut entries = Self::new();
        for _ in 0..map.size {
            let key = K::read(input)?;
            let value = V::read(input)?;
            entries.insert(key, value);
        }
        input.read_map_end()?;
        Ok(entries)
    }
}

#[inline(always)]
fn write_field<T: Value>(value: &T, name: &str, id: i16, output: &mut dyn TOutputProtocol) -> thrift::Result<()> {
    output.write_field_begin(&TFieldIdentifier::new(name, T::TYPE, id))?;
    value.write(output)?;
    output.write_field_end()
}

#[inline(always)]
fn required<T>(name: &str, field: Option<T>) -> thrift::Result<T> {
    verify_required_field_exists(name, &field)?;
    field.ok_or_else(|| thrift::Error::from(format!("missing {name}")))
}

macro_rules! structure {
    ($name:ident { $($id:literal $need:ident $field:ident: $type:ty),* $(,)? }) => {
        impl Value for $name {
            const TYPE: TType = TType::Struct;

            fn write(&self, output: &mut dyn TOutputProtocol) -> thrift::Result<()> {
                output.write_struct_begin(&TStructIdentifier::new(stringify!($name)))?;
                $(structure!(@write $need &self.$field, stringify!($field), $id, output);)*
                output.write_field_stop()?;
                output.write_struct_end()
            }

            fn read(input: &mut dyn TInputProtocol) -> thrift::Result<Self> {
                input.read_struct_begin()?;
                $(let mut $field: Option<$type> = None;)*
                loop {
                    let field = input.read_field_begin()?;
                    if field.field_type == TType::Stop {
                        break;
                    }
                    match field_id(&field)? {
                        $($id => $field = Some(Value::read(input)?),)*
                        _ => input.skip(field.field_type)?,
                    }
                    input.read_field_end()?;
                }
                input.read_struct_end()?;
                Ok(Self {
                    $($field: structure!(@take $need $field, concat!(stringify!($name), ".", stringify!($field)))),*
                })
            }
        }
    };
    (@write required $value:expr, $name:expr, $id:literal, $output:ident) => {
        write_field($value, $name, $id, $output)?;
    };
    (@write optional $value:expr, $name:expr, $id:literal, $output:ident) => {
        if let Some(value) = $value {
            write_field(value, $name, $id, $output)?;
        }
    };
    (@take required $field:ident, $name:expr) => { required($name, $field)? };
    (@take optional $field:ident, $name:expr) => { $field };
}

macro_rules! union {
    ($name:ident { $($id:literal $variant:ident: $type:ty),* $(,)? }) => {
        impl Value for $name {
            const TYPE: TType = TType::Struct;

            fn write(&self, output: &mut dyn TOutputProtocol) -> thrift::Result<()> {
                output.write_struct_begin(&TStructIdentifier::new(stringify!($name)))?;
                match self {
                    $(Self::$variant(value) => write_field(value, stringify!($variant), $id, output)?,)*
                }
                output.write_field_stop()?;
                output.write_struct_end()
            }

            fn read(input: &mut dyn TInputProtocol) -> thrift::Result<Self> {
                let mut value = None;
                let mut fields = 0_usize;
                input.read_struct_begin()?;
                loop {
                    let field = input.read_field_begin()?;
                    if field.field_type == TType::Stop {
                        break;
                    }
                    match field_id(&field)? {
                        $($id => {
                            let read = Value::read(input)?;
                            if value.is_none() {
                                value = Some(Self::$variant(read));
                            }
                        })*
                        _ => input.skip(field.field_type)?,
                    }
                    fields += 1;
                    input.read_field_end()?;
                }
                input.read_struct_end()?;
                match (value, fields) {
                    (Some(value), 1) => Ok(value),
                    _ => Err(thrift::Error::from(concat!("not one field in union ", stringify!($name)))),
                }
            }
        }
    };
}

shapes!(structure, union);
structure! { Blob { 1 required data: Vec<u8> } }
