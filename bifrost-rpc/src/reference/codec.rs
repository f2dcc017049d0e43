//! References on the wire: the pointer as a `uuid`, or the value as what it is.

use super::object::Object;
use super::{Leased, Owned, Ref, ReferenceError, Visitor};
use crate::memory::Pointer;
use crate::protocol::{Decode, Encode, Reader, ThriftType, Writer};
use std::sync::Arc;
use thrift::protocol::TType;
use uuid::Uuid;

/// The type of a value; that of a pointer is [`TType::Uuid`].
impl<T: ThriftType> ThriftType for Ref<T> {
    const TYPE: TType = T::TYPE;
    const HAS_REFERENCES: bool = true;
}

impl<T: Encode + Decode> Ref<T> {
    /// The pointer, if it is one and the message may carry it.
    fn sent_pointer<W: Writer>(&self, w: &mut W) -> Option<Uuid> {
        let pointer = self.pointer()?;
        w.passing()?.passes(pointer).then(|| Uuid::from_bytes(pointer.to_bytes()))
    }
}

/// A pointer in a message that may carry none is read first, and its value is written.
impl<T: Encode + Decode> Encode for Ref<T> {
    fn encode<W: Writer>(&self, w: &mut W) -> thrift::Result<()> {
        self.get()?.encode(w)
    }

    fn encode_owned<W: Writer>(self, w: &mut W) -> thrift::Result<()> {
        self.into_value()?.encode_owned(w)
    }

    fn encode_field<W: Writer>(&self, w: &mut W, name: &'static str, id: i16) -> thrift::Result<()> {
        let Some(pointer) = self.sent_pointer(w) else {
            return self.get()?.encode_field(w, name, id);
        };
        pointer.encode_field(w, name, id)
    }

    fn encode_owned_field<W: Writer>(self, w: &mut W, name: &'static str, id: i16) -> thrift::Result<()> {
        let Some(pointer) = self.sent_pointer(w) else {
            return self.into_value()?.encode_owned_field(w, name, id);
        };
        pointer.encode_field(w, name, id)
    }

    fn element_type<'a, W: Writer>(items: impl Iterator<Item = &'a Self>, w: &mut W) -> TType
    where
        Self: 'a,
    {
        let mut items = items.peekable();
        let some = items.peek().is_some();
        match some && items.all(|item| item.sent_pointer(w).is_some()) {
            true => TType::Uuid,
            false => Self::TYPE,
        }
    }

    fn encode_element<W: Writer>(&self, element: TType, w: &mut W) -> thrift::Result<()> {
        match self.pointer() {
            Some(pointer) if element == TType::Uuid => w.uuid(&Uuid::from_bytes(pointer.to_bytes())),
            _ => self.encode(w),
        }
    }

    fn encode_owned_element<W: Writer>(self, element: TType, w: &mut W) -> thrift::Result<()> {
        match self.pointer() {
            Some(_) if element == TType::Uuid => self.encode_element(element, w),
            _ => self.encode_owned(w),
        }
    }

    fn encode_elements<W: Writer>(items: &[Self], w: &mut W) -> thrift::Result<()> {
        let element = Self::element_type(items.iter(), w);
        items.iter().try_for_each(|item| item.encode_element(element, w))
    }

    fn encode_elements_owned<W: Writer>(items: Vec<Self>, w: &mut W) -> thrift::Result<()> {
        let element = Self::element_type(items.iter(), w);
        items.into_iter().try_for_each(|item| item.encode_owned_element(element, w))
    }

    fn visit_references(&mut self, visitor: &mut dyn Visitor) -> thrift::Result<()> {
        visitor.visit(&mut [self])
    }

    fn visit_elements<'a>(items: impl Iterator<Item = &'a mut Self>, visitor: &mut dyn Visitor) -> thrift::Result<()>
    where
        Self: 'a,
    {
        let mut group: Vec<&mut dyn super::Reference> = Vec::new();
        for item in items {
            group.push(item);
        }
        if group.is_empty() { Ok(()) } else { visitor.visit(&mut group) }
    }
}

impl<T: Encode + Decode> Decode for Ref<T> {
    fn decode<R: Reader>(r: &mut R) -> thrift::Result<Self> {
        T::decode(r).map(Self::from)
    }

    fn accepts(found: TType) -> bool {
        found == TType::Uuid || T::accepts(found)
    }

    fn decode_as<R: Reader>(found: TType, r: &mut R) -> thrift::Result<Self> {
        match found {
            TType::Uuid => pointer(r),
            _ => Self::decode(r),
        }
    }

    fn decode_elements_as<R: Reader>(found: TType, r: &mut R, len: usize) -> thrift::Result<Vec<Self>> {
        let mut items = Vec::with_capacity(r.reserve_hint(len, size_of::<Self>()));
        for _ in 0..len {
            items.push(Self::decode_as(found, r)?);
        }
        Ok(items)
    }
}

fn pointer<T: Encode + Decode, R: Reader>(r: &mut R) -> thrift::Result<Ref<T>> {
    let pointer = Pointer::from_bytes(r.uuid()?.into_bytes());
    if !pointer.is_valid() {
        return Err(ReferenceError::Malformed(format!("{pointer:?} is no pointer")).into());
    }
    r.charge(size_of::<Object>())?;
    Ok(match r.received() {
        Some(received) => {
            let held = received.object(pointer, T::HAS_REFERENCES);
            match held.is_owned {
                true => Ref::from(Owned::of(held.object)),
                false => Ref::from(Leased::of(held.object)),
            }
        }
        None => Ref::from(Leased::of(Arc::new(Object::leased(pointer, None, None)))),
    })
}
