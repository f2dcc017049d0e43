//! Messages that are meant to do harm.

use super::value::{AnyStruct, structs};
use super::{Twin, encode};
use crate::buffer::MessageBuffer;
use crate::protocol::limits::reserve_hint;
use crate::protocol::{
    Binary, BinaryReader, BinaryWriter, Codec, Compact, CompactReader, Decode, Encode, Json, Limits, Reader,
    ThriftType, WireProtocol, Writer,
};
use proptest::collection::vec;
use proptest::prelude::*;
use thrift::ProtocolErrorKind;
use thrift::protocol::TType;

/// A struct that is large in memory and one byte in a message.
#[derive(Debug, Clone, Default)]
pub(super) struct Large {
    _room: [u64; 32],
}

impl ThriftType for Large {
    const TYPE: TType = TType::Struct;
}

impl Decode for Large {
    fn decode<R: Reader>(r: &mut R) -> thrift::Result<Self> {
        r.skip(TType::Struct)?;
        Ok(Self::default())
    }
}

pub(super) fn survives<C: Codec>(bytes: &[u8]) {
    let decoded = AnyStruct::decode(&mut C::reader(bytes));
    let skipped = C::reader(bytes).skip(TType::Struct);
    assert!(decoded.is_err() || skipped.is_ok());
    let _ = Vec::<i32>::decode(&mut C::reader(bytes));
    let _ = Vec::<Vec<String>>::decode(&mut C::reader(bytes));
    let _ = Vec::<Large>::decode(&mut C::reader(bytes));
    let _ = std::collections::HashMap::<String, Large>::decode(&mut C::reader(bytes));
    let _ = WireProtocol::header(bytes);
}

fn mutated<C: Twin>(value: &AnyStruct, changes: &[(prop::sample::Index, u8)], cut: usize) {
    let mut bytes = encode::<C>(value);
    for (index, byte) in changes {
        let index = index.index(bytes.len());
        bytes[index] = *byte;
    }
    bytes.truncate(bytes.len().saturating_sub(cut));
    survives::<C>(&bytes);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn random_bytes_do_no_harm(bytes in vec(prop_oneof![0..17_u8, any::<u8>()], 0..300)) {
        survives::<Binary>(&bytes);
        survives::<Compact>(&bytes);
        survives::<Json>(&bytes);
    }

    #[test]
    fn mutated_messages_do_no_harm(
        value in structs(),
        changes: Vec<(prop::sample::Index, u8)>,
        cut in 0..4_usize,
    ) {
        mutated::<Binary>(&value, &changes, cut);
        mutated::<Compact>(&value, &changes, cut);
        mutated::<Json>(&value, &changes, cut);
    }

    #[test]
    fn reservations_are_bounded_by_the_input(
        len: u32, size in 0..10_000_usize, remaining in 0..100_000_usize,
    ) {
        let hint = reserve_hint(len as usize, size, remaining);
        prop_assert!(hint <= len as usize);
        prop_assert!(hint * size <= (4 * remaining).max(1024));
    }
}

pub(super) fn kind_of<T: std::fmt::Debug>(result: thrift::Result<T>) -> ProtocolErrorKind {
    match result {
        Err(thrift::Error::Protocol(error)) => error.kind,
        other => panic!("{other:?}"),
    }
}

/// `levels` lists inside one another, the innermost empty.
fn nested_lists(levels: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 1..levels {
        bytes.extend([15, 0, 0, 0, 1]);
    }
    bytes.extend([15, 0, 0, 0, 0]);
    bytes
}

#[test]
fn depth_is_bounded() {
    assert!(BinaryReader::new(&nested_lists(64)).skip(TType::List).is_ok());
    let deep = nested_lists(65);
    let skipped = BinaryReader::new(&deep).skip(TType::List);
    assert_eq!(kind_of(skipped), ProtocolErrorKind::DepthLimit);

    let structs = vec![[12, 0, 1]; 1_000_000].concat();
    let skipped = BinaryReader::new(&structs).skip(TType::Struct);
    assert_eq!(kind_of(skipped), ProtocolErrorKind::DepthLimit);
    let decoded = AnyStruct::decode(&mut BinaryReader::new(&structs));
    assert_eq!(kind_of(decoded), ProtocolErrorKind::DepthLimit);
    let compact = vec![0x1c; 1_000_000];
    let skipped = CompactReader::new(&compact).skip(TType::Struct);
    assert_eq!(kind_of(skipped), ProtocolErrorKind::DepthLimit);
}

#[test]
fn the_deepest_limit_fits_a_small_stack() {
    let limits = Limits { depth_max: u8::MAX, ..Limits::DEFAULT };
    let run = move || {
        let deep = vec![[12, 0, 1]; 1000].concat();
        let skipped = BinaryReader::with_limits(&deep, limits).skip(TType::Struct);
        assert_eq!(kind_of(skipped), ProtocolErrorKind::DepthLimit);
        let decoded = AnyStruct::decode(&mut BinaryReader::with_limits(&deep, limits));
        assert_eq!(kind_of(decoded), ProtocolErrorKind::DepthLimit);
    };
    let thread = std::thread::Builder::new().stack_size(1 << 20);
    thread.spawn(run).unwrap().join().unwrap();
}

#[test]
fn writers_refuse_what_readers_would() {
    let mut out = MessageBuffer::new();
    let mut writer = BinaryWriter::new(&mut out);
    for _ in 0..64 {
        writer.list_begin(TType::List, 1).unwrap();
    }
    let deeper = writer.struct_begin("Deep");
    assert_eq!(kind_of(deeper), ProtocolErrorKind::DepthLimit);

    let limits = Limits { message_bytes_max: 10, ..Limits::DEFAULT };
    let mut out = MessageBuffer::new();
    let mut writer = BinaryWriter::with_limits(&mut out, limits);
    "eleven bytes".encode(&mut writer).unwrap();
    assert_eq!(kind_of(writer.message_end()), ProtocolErrorKind::SizeLimit);
}

#[test]
fn containers_hold_no_more_than_their_message() {
    // Two thousand million of each type, with nothing or little behind.
    for element in [0_u8, 1, 2, 3, 4, 6, 8, 10, 11, 12, 13, 14, 15, 16] {
        let mut bytes = vec![element, 0x7f, 0xff, 0xff, 0xff];
        bytes.resize(20, 0);
        let skipped = BinaryReader::new(&bytes).skip(TType::List);
        assert_eq!(kind_of(skipped), ProtocolErrorKind::SizeLimit);
    }
    let negative = [8, 0xff, 0xff, 0xff, 0xff];
    let decoded = Vec::<i32>::decode(&mut BinaryReader::new(&negative));
    assert_eq!(kind_of(decoded), ProtocolErrorKind::NegativeSize);
    // A compact list of empty structs, and a map.
    let list = [0xfc, 0xff, 0xff, 0xff, 0xff, 0x07, 0, 0, 0, 0];
    let skipped = CompactReader::new(&list).skip(TType::List);
    assert_eq!(kind_of(skipped), ProtocolErrorKind::SizeLimit);
    let map = [0xff, 0xff, 0xff, 0xff, 0x07, 0xcc, 0, 0, 0];
    let skipped = CompactReader::new(&map).skip(TType::Map);
    assert_eq!(kind_of(skipped), ProtocolErrorKind::SizeLimit);
}

#[test]
fn small_messages_reserve_little() {
    let mut bytes = vec![12, 0, 0, 0, 15];
    bytes.resize(20, 0);
    let reader = BinaryReader::new(&bytes);
    assert!(reader.reserve_hint(15, size_of::<Large>()) * size_of::<Large>() <= 1024);
    let decoded = Vec::<Large>::decode(&mut BinaryReader::new(&bytes)).unwrap();
    assert_eq!(decoded.len(), 15);
    assert!(decoded.capacity() <= 32);
}

#[test]
fn decoded_memory_is_bounded() {
    let limits = Limits { decoded_bytes_max: 100 * size_of::<Large>(), ..Limits::DEFAULT };
    let list = |len: u8| {
        let mut bytes = vec![12, 0, 0, 0, len];
        bytes.resize(5 + usize::from(len), 0);
        bytes
    };
    let fits = list(100);
    let mut reader = BinaryReader::with_limits(&fits, limits);
    assert_eq!(Vec::<Large>::decode(&mut reader).unwrap().len(), 100);
    let exceeds = list(101);
    let mut reader = BinaryReader::with_limits(&exceeds, limits);
    let decoded = Vec::<Large>::decode(&mut reader);
    assert_eq!(kind_of(decoded), ProtocolErrorKind::SizeLimit);
}

#[test]
fn limits_of_strings_containers_and_messages() {
    let limits = Limits { string_bytes_max: 3, container_len_max: 2, message_bytes_max: 20, ..Limits::DEFAULT };
    let text = encode::<Binary>(&"four".to_owned());
    let decoded = String::decode(&mut BinaryReader::with_limits(&text, limits));
    assert_eq!(kind_of(decoded), ProtocolErrorKind::SizeLimit);
    let list = encode::<Binary>(&vec![1_i8, 2, 3]);
    let decoded = Vec::<i8>::decode(&mut BinaryReader::with_limits(&list, limits));
    assert_eq!(kind_of(decoded), ProtocolErrorKind::SizeLimit);
    let message = [0_u8; 21];
    let header = BinaryReader::with_limits(&message, limits).message_begin();
    assert_eq!(kind_of(header), ProtocolErrorKind::SizeLimit);
}
