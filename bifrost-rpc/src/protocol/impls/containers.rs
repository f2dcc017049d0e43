//! Lists, sets and maps.

use crate::protocol::binary::fixed_bytes;
use crate::protocol::{BinaryWriter, Decode, Encode, Reader, ThriftType, Writer, error};
use crate::reference::{Content, Visitor, encoded_len};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, Hash};
use thrift::protocol::TType;

impl<T: ThriftType> ThriftType for Vec<T> {
    const TYPE: TType = TType::List;
    const HAS_REFERENCES: bool = T::HAS_REFERENCES;
}

impl<T: Encode> Encode for Vec<T> {
    fn encode<W: Writer>(&self, w: &mut W) -> thrift::Result<()> {
        let element = T::element_type(self.iter(), w);
        w.list_begin(element, self.len())?;
        T::encode_elements(self, w)?;
        w.list_end()
    }
    fn encode_owned<W: Writer>(self, w: &mut W) -> thrift::Result<()> {
        let element = T::element_type(self.iter(), w);
        w.list_begin(element, self.len())?;
        T::encode_elements_owned(self, w)?;
        w.list_end()
    }
    fn visit_references(&mut self, visitor: &mut dyn Visitor) -> thrift::Result<()> {
        if T::HAS_REFERENCES { T::visit_elements(self.iter_mut(), visitor) } else { Ok(()) }
    }
    fn object_len(&self) -> thrift::Result<usize> {
        match element_bytes::<T>() {
            Some(bytes) => Ok(self.len() * bytes),
            None => encoded_len(|w| self.encode(w)),
        }
    }
    fn encode_object(self, w: &mut BinaryWriter<'_>) -> thrift::Result<()> {
        match element_bytes::<T>() {
            Some(_) => T::encode_elements_owned(self, w),
            None => self.encode_owned(w),
        }
    }
}

impl<T: Decode> Decode for Vec<T> {
    fn decode<R: Reader>(r: &mut R) -> thrift::Result<Self> {
        let (element, len) = r.list_begin()?;
        check_type::<T>(element, len)?;
        charge::<R, T>(r, len)?;
        let items = T::decode_elements_as(element, r, len)?;
        r.list_end()?;
        Ok(items)
    }
    fn decode_object(object: Content) -> thrift::Result<Self> {
        match element_bytes::<T>() {
            Some(bytes) => object.elements(bytes),
            None => object.decode(),
        }
    }
}

/// Containers of elements or entries that are told apart by value. A hash container's elements are written in its
/// own order, which differs from one process to the next.
macro_rules! set_and_map {
    ($set:ident, $map:ident, [$($hasher:ident)?], $key:path $(, $and:path)?) => {
        impl<T: ThriftType $(, $hasher)?> ThriftType for $set<T $(, $hasher)?> {
            const TYPE: TType = TType::Set;
        }

        impl<T: Encode $(, $hasher)?> Encode for $set<T $(, $hasher)?> {
            fn encode<W: Writer>(&self, w: &mut W) -> thrift::Result<()> {
                w.set_begin(T::TYPE, self.len())?;
                self.iter().try_for_each(|item| item.encode(w))?;
                w.set_end()
            }
            fn encode_owned<W: Writer>(self, w: &mut W) -> thrift::Result<()> {
                w.set_begin(T::TYPE, self.len())?;
                self.into_iter().try_for_each(|item| item.encode_owned(w))?;
                w.set_end()
            }
        }

        impl<T: Decode + $key $(+ $and)? $(, $hasher: BuildHasher + Default)?> Decode
            for $set<T $(, $hasher)?>
        {
            fn decode<R: Reader>(r: &mut R) -> thrift::Result<Self> {
                let (element, len) = r.set_begin()?;
                check_type::<T>(element, len)?;
                charge::<R, T>(r, len)?;
                let items = set_and_map!(@collect $($hasher)? r, len, T, T::decode(r)?);
                r.set_end()?;
                Ok(items)
            }
        }

        impl<K: ThriftType, V: ThriftType $(, $hasher)?> ThriftType for $map<K, V $(, $hasher)?> {
            const TYPE: TType = TType::Map;
            const HAS_REFERENCES: bool = V::HAS_REFERENCES;
        }

        impl<K: Encode, V: Encode $(, $hasher)?> Encode for $map<K, V $(, $hasher)?> {
            fn encode<W: Writer>(&self, w: &mut W) -> thrift::Result<()> {
                let element = V::element_type(self.values(), w);
                w.map_begin(K::TYPE, element, self.len())?;
                self.iter().try_for_each(|(key, value)| {
                    key.encode(w)?;
                    value.encode_element(element, w)
                })?;
                w.map_end()
            }
            fn encode_owned<W: Writer>(self, w: &mut W) -> thrift::Result<()> {
                let element = V::element_type(self.values(), w);
                w.map_begin(K::TYPE, element, self.len())?;
                self.into_iter().try_for_each(|(key, value)| {
                    key.encode_owned(w)?;
                    value.encode_owned_element(element, w)
                })?;
                w.map_end()
            }
            fn visit_references(&mut self, visitor: &mut dyn Visitor) -> thrift::Result<()> {
                if V::HAS_REFERENCES { V::visit_elements(self.values_mut(), visitor) } else { Ok(()) }
            }
        }

        impl<K: Decode + $key $(+ $and)?, V: Decode $(, $hasher: BuildHasher + Default)?> Decode
            for $map<K, V $(, $hasher)?>
        {
            fn decode<R: Reader>(r: &mut R) -> thrift::Result<Self> {
                let (key, value, len) = r.map_begin()?;
                check_type::<K>(key, len)?;
                check_type::<V>(value, len)?;
                charge::<R, (K, V)>(r, len)?;
                let entries = set_and_map!(@collect $($hasher)? r, len, (K, V), (K::decode(r)?, V::decode_as(value, r)?));
                r.map_end()?;
                Ok(entries)
            }
        }
    };
    (@collect $hasher:ident $r:ident, $len:ident, $item:ty, $decode:expr) => {{
        let mut items = Self::default();
        items.reserve($r.reserve_hint($len, size_of::<$item>()));
        for _ in 0..$len {
            items.extend(Some($decode));
        }
        items
    }};
    // A tree is built at once from a list, which is mostly in order: that is faster than finding each one's place, and its
    // nodes are full. Of equal keys the last counts, as it does when they are inserted one by one.
    (@collect $r:ident, $len:ident, $item:ty, $decode:expr) => {{
        let mut items = Vec::with_capacity($r.reserve_hint($len, size_of::<$item>()));
        for _ in 0..$len {
            items.push($decode);
        }
        items.into_iter().collect()
    }};
}

set_and_map!(BTreeSet, BTreeMap, [], Ord);
set_and_map!(HashSet, HashMap, [S], Eq, Hash);

/// An empty container may announce any type: some protocols and implementations do not say one.
#[inline]
fn check_type<T: Decode>(found: TType, len: usize) -> thrift::Result<()> {
    if T::accepts(found) || len == 0 { Ok(()) } else { Err(error::element_type(T::TYPE, found)) }
}

/// The bytes of an element, if all of this type are of the same length: then an object holds nothing but elements.
pub(crate) const fn element_bytes<T: ThriftType>() -> Option<usize> {
    if T::HAS_REFERENCES { None } else { fixed_bytes(T::TYPE) }
}

#[inline]
fn charge<R: Reader, T>(r: &mut R, len: usize) -> thrift::Result<()> {
    r.charge(len.saturating_mul(size_of::<T>()))
}
