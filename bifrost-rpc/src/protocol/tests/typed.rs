//! The Rust types that values are decoded to.

use super::{encode, encode_owned};
use crate::protocol::{Binary, BinaryReader, Codec, Compact, CompactReader, Decode, Encode, Json, Limits, Reader};
use bytes::Bytes;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::Debug;
use thrift::protocol::TType;
use thrift::{OrderedFloat, ProtocolErrorKind};
use uuid::Uuid;

fn round_trip<T: Encode + Decode + PartialEq + Debug>(value: T) -> Result<(), TestCaseError> {
    fn through<C: Codec, T: Encode + Decode + PartialEq + Debug>(value: T) -> Result<T, TestCaseError> {
        let bytes = encode::<C>(&value);
        let decoded = T::decode(&mut C::reader(&bytes)).unwrap();
        prop_assert_eq!(&decoded, &value);
        let mut reader = C::reader(&bytes);
        reader.skip(T::TYPE).unwrap();
        prop_assert!(reader.i8().is_err());
        prop_assert_eq!(&encode_owned::<C>(value), &bytes);
        Ok(decoded)
    }
    let value = through::<Binary, T>(value)?;
    let value = through::<Compact, T>(value)?;
    through::<Json, T>(value).map(drop)
}

type Nested = BTreeMap<String, Vec<BTreeSet<i16>>>;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn number_lists(
        i8s: Vec<i8>, i16s: Vec<i16>, i32s: Vec<i32>, i64s: Vec<i64>, bools: Vec<bool>,
        doubles: Vec<f64>,
    ) {
        round_trip(i8s)?;
        round_trip(i16s)?;
        round_trip(i32s)?;
        round_trip(i64s)?;
        round_trip(bools)?;
        round_trip(doubles.into_iter().map(OrderedFloat).collect::<Vec<_>>())?;
    }

    #[test]
    fn long_number_lists(len in 0..2000_usize, seed: i64) {
        let values = (0..).map(|n: i64| seed.wrapping_mul(n)).take(len);
        round_trip(values.clone().map(|v| i8::from_ne_bytes([v.to_ne_bytes()[0]])).collect::<Vec<_>>())?;
        round_trip(values.clone().map(|v| i32::try_from(v >> 32).unwrap()).collect::<Vec<_>>())?;
        round_trip(values.clone().map(|v| i16::try_from(v >> 48).unwrap()).collect::<Vec<_>>())?;
        round_trip(values.clone().map(|v| OrderedFloat(f64::from(i32::try_from(v >> 32).unwrap()))).collect::<Vec<_>>())?;
        round_trip(values.collect::<Vec<i64>>())?;
    }

    #[test]
    fn containers(
        nested: Nested,
        hashed: HashMap<i64, HashSet<String>>,
        blocks: Vec<Vec<u8>>,
        boxed: Box<i32>,
        uuids: Vec<[u8; 16]>,
    ) {
        round_trip(nested)?;
        round_trip(hashed)?;
        round_trip(blocks.iter().cloned().map(Bytes::from).collect::<Vec<_>>())?;
        round_trip(blocks)?;
        round_trip(boxed)?;
        round_trip(uuids.into_iter().map(Uuid::from_bytes).collect::<Vec<_>>())?;
    }
}

#[test]
fn large_blocks_are_kept_and_shared() {
    let block = Bytes::from(vec![7_u8; 100_000]);
    let list = vec![block.clone(), Bytes::from_static(b"small"), block];
    let binary = Bytes::from(encode::<Binary>(&list));
    let compact = Bytes::from(encode_owned::<Compact>(list.clone()));

    let mut reader = BinaryReader::shared(&binary, Limits::DEFAULT);
    let decoded = Vec::<Bytes>::decode(&mut reader).unwrap();
    assert_eq!(decoded, list);
    assert!(binary.as_ptr_range().contains(&decoded[1].as_ptr()));
    assert_eq!(reader.remaining(), 0);

    let mut reader = CompactReader::shared(&compact, Limits::DEFAULT);
    let decoded = Vec::<Bytes>::decode(&mut reader).unwrap();
    assert_eq!(decoded, list);
    assert!(compact.as_ptr_range().contains(&decoded[2].as_ptr()));
    assert_eq!(reader.remaining(), 0);
}

fn kind_of<T: Debug>(result: thrift::Result<T>) -> ProtocolErrorKind {
    match result {
        Err(thrift::Error::Protocol(error)) => error.kind,
        other => panic!("{other:?}"),
    }
}

#[test]
fn element_types_are_checked_unless_there_are_no_elements() {
    let full = encode::<Binary>(&vec![1_i64]);
    let decoded = Vec::<i32>::decode(&mut BinaryReader::new(&full));
    assert_eq!(kind_of(decoded), ProtocolErrorKind::InvalidData);
    let decoded = Vec::<i32>::decode(&mut BinaryReader::new(&encode::<Binary>(&Vec::<i64>::new())));
    assert_eq!(decoded.unwrap(), Vec::<i32>::new());

    let map = encode::<Binary>(&BTreeMap::from([(1_i32, true)]));
    let decoded = BTreeMap::<i32, i8>::decode(&mut BinaryReader::new(&map));
    assert_eq!(kind_of(decoded), ProtocolErrorKind::InvalidData);
    let untyped = [0; 6];
    let decoded = HashMap::<i32, i8>::decode(&mut BinaryReader::new(&untyped));
    assert!(decoded.unwrap().is_empty());
}

#[test]
fn binary_is_no_list_of_bytes() {
    use crate::protocol::ThriftType;
    assert_eq!(Vec::<u8>::TYPE, TType::String);
    assert_eq!(Vec::<i8>::TYPE, TType::List);
    assert_eq!(Vec::<Vec<u8>>::TYPE, TType::List);
    assert_eq!(encode::<Binary>(&vec![1_u8, 2]), [0, 0, 0, 2, 1, 2]);
    assert_eq!(encode::<Binary>(&vec![1_i8, 2]), [3, 0, 0, 0, 2, 1, 2]);
}

#[test]
fn strings_are_utf_8() {
    let bytes = encode::<Binary>(&vec![0xff_u8]);
    let decoded = String::decode(&mut BinaryReader::new(&bytes));
    assert_eq!(kind_of(decoded), ProtocolErrorKind::InvalidData);
}
