//! Numbers, `bool`, `uuid`, and values behind a pointer.

use crate::protocol::{BinaryWriter, Decode, Encode, Reader, ThriftType, Writer};
use crate::reference::{Content, Visitor};
use thrift::OrderedFloat;
use thrift::protocol::TType;
use uuid::Uuid;

/// Types whose lists are written and read as one block.
macro_rules! number {
    ($type:ty, $wire:ident, $one:ident, $field:ident, $elements:ident, $out:expr, $in:expr) => {
        impl ThriftType for $type {
            const TYPE: TType = TType::$wire;
        }

        impl Encode for $type {
            #[inline]
            fn encode<W: Writer>(&self, w: &mut W) -> thrift::Result<()> {
                w.$one($out(*self))
            }
            #[inline]
            fn encode_field<W: Writer>(&self, w: &mut W, name: &'static str, id: i16) -> thrift::Result<()> {
                w.$field(name, id, $out(*self))
            }
            #[inline]
            fn encode_elements<W: Writer>(items: &[Self], w: &mut W) -> thrift::Result<()> {
                w.$elements(items)
            }
            #[inline]
            fn encode_elements_owned<W: Writer>(items: Vec<Self>, w: &mut W) -> thrift::Result<()> {
                w.$elements(&items)
            }
        }

        impl Decode for $type {
            #[inline]
            fn decode<R: Reader>(r: &mut R) -> thrift::Result<Self> {
                r.$one().map($in)
            }
            #[inline]
            fn decode_elements<R: Reader>(r: &mut R, len: usize) -> thrift::Result<Vec<Self>> {
                r.$elements(len)
            }
        }
    };
}

number!(i8, I08, i8, i8_field, i8_elements, same, same);
number!(i16, I16, i16, i16_field, i16_elements, same, same);
number!(i32, I32, i32, i32_field, i32_elements, same, same);
number!(i64, I64, i64, i64_field, i64_elements, same, same);
number!(OrderedFloat<f64>, Double, double, double_field, double_elements, OrderedFloat::into_inner, OrderedFloat);

impl ThriftType for bool {
    const TYPE: TType = TType::Bool;
}

impl Encode for bool {
    #[inline]
    fn encode<W: Writer>(&self, w: &mut W) -> thrift::Result<()> {
        w.bool(*self)
    }
    #[inline]
    fn encode_field<W: Writer>(&self, w: &mut W, name: &'static str, id: i16) -> thrift::Result<()> {
        w.bool_field(name, id, *self)
    }
}

impl Decode for bool {
    #[inline]
    fn decode<R: Reader>(r: &mut R) -> thrift::Result<Self> {
        r.bool()
    }
}

impl ThriftType for Uuid {
    const TYPE: TType = TType::Uuid;
}

impl Encode for Uuid {
    #[inline]
    fn encode<W: Writer>(&self, w: &mut W) -> thrift::Result<()> {
        w.uuid(self)
    }
}

impl Decode for Uuid {
    #[inline]
    fn decode<R: Reader>(r: &mut R) -> thrift::Result<Self> {
        r.uuid()
    }
}

impl<T: ThriftType> ThriftType for Box<T> {
    const TYPE: TType = T::TYPE;
    const HAS_REFERENCES: bool = T::HAS_REFERENCES;
}

impl<T: Encode> Encode for Box<T> {
    #[inline]
    fn encode<W: Writer>(&self, w: &mut W) -> thrift::Result<()> {
        (**self).encode(w)
    }
    #[inline]
    fn encode_owned<W: Writer>(self, w: &mut W) -> thrift::Result<()> {
        (*self).encode_owned(w)
    }
    fn visit_references(&mut self, visitor: &mut dyn Visitor) -> thrift::Result<()> {
        (**self).visit_references(visitor)
    }
    fn object_len(&self) -> thrift::Result<usize> {
        (**self).object_len()
    }
    fn encode_object(self, w: &mut BinaryWriter<'_>) -> thrift::Result<()> {
        (*self).encode_object(w)
    }
}

impl<T: Decode> Decode for Box<T> {
    #[inline]
    fn decode<R: Reader>(r: &mut R) -> thrift::Result<Self> {
        r.charge(size_of::<T>())?;
        T::decode(r).map(Self::new)
    }
    fn decode_object(object: Content) -> thrift::Result<Self> {
        T::decode_object(object).map(Self::new)
    }
}

impl<T: ThriftType + ?Sized> ThriftType for &T {
    const TYPE: TType = T::TYPE;
}

impl<T: Encode + ?Sized> Encode for &T {
    #[inline]
    fn encode<W: Writer>(&self, w: &mut W) -> thrift::Result<()> {
        (**self).encode(w)
    }
}

#[inline]
fn same<T>(value: T) -> T {
    value
}
