//! Lists, sets and maps.

use crate::protocol::{Decode, Encode, Reader, ThriftType, Writer, error};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, Hash};
use thrift::protocol::TType;

impl<T: ThriftType> ThriftType for Vec<T> {
    const TYPE: TType = TType::List;
}

impl<T: Encode> Encode for Vec<T> {
    fn encode<W: Writer>(&self, w: &mut W) -> thrift::Result<()> {
        w.list_begin(T::TYPE, self.len())?;
        T::encode_elements(self, w)?;
        w.list_end()
    }
    fn encode_owned<W: Writer>(self, w: &mut W) -> thrift::Result<()> {
        w.list_begin(T::TYPE, self.len())?;
        T::encode_elements_owned(self, w)?;
        w.list_end()
    }
}

impl<T: Decode> Decode for Vec<T> {
    fn decode<R: Reader>(r: &mut R) -> thrift::Result<Self> {
        let (element, len) = r.list_begin()?;
        check_type(T::TYPE, element, len)?;
        charge::<R, T>(r, len)?;
        let items = T::decode_elements(r, len)?;
        r.list_end()?;
        Ok(items)
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
                check_type(T::TYPE, element, len)?;
                charge::<R, T>(r, len)?;
                let items = set_and_map!(@collect $($hasher)? r, len, T, T::decode(r)?);
                r.set_end()?;
                Ok(items)
            }
        }

        impl<K: ThriftType, V: ThriftType $(, $hasher)?> ThriftType for $map<K, V $(, $hasher)?> {
            const TYPE: TType = TType::Map;
        }

        impl<K: Encode, V: Encode $(, $hasher)?> Encode for $map<K, V $(, $hasher)?> {
            fn encode<W: Writer>(&self, w: &mut W) -> thrift::Result<()> {
                w.map_begin(K::TYPE, V::TYPE, self.len())?;
                self.iter().try_for_each(|(key, value)| {
                    key.encode(w)?;
                    value.encode(w)
                })?;
                w.map_end()
            }
            fn encode_owned<W: Writer>(self, w: &mut W) -> thrift::Result<()> {
                w.map_begin(K::TYPE, V::TYPE, self.len())?;
                self.into_iter().try_for_each(|(key, value)| {
                    key.encode_owned(w)?;
                    value.encode_owned(w)
                })?;
                w.map_end()
            }
        }

        impl<K: Decode + $key $(+ $and)?, V: Decode $(, $hasher: BuildHasher + Default)?> Decode
            for $map<K, V $(, $hasher)?>
        {
            fn decode<R: Reader>(r: &mut R) -> thrift::Result<Self> {
                let (key, value, len) = r.map_begin()?;
                check_type(K::TYPE, key, len)?;
                check_type(V::TYPE, value, len)?;
                charge::<R, (K, V)>(r, len)?;
                let entries = set_and_map!(@collect $($hasher)? r, len, (K, V), (K::decode(r)?, V::decode(r)?));
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
fn check_type(expected: TType, found: TType, len: usize) -> thrift::Result<()> {
    if expected == found || len == 0 { Ok(()) } else { Err(error::element_type(expected, found)) }
}

#[inline]
fn charge<R: Reader, T>(r: &mut R, len: usize) -> thrift::Result<()> {
    r.charge(len.saturating_mul(size_of::<T>()))
}
