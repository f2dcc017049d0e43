//! Our bytes are Apache's bytes.

use super::value::{AnyStruct, Value, structs};
use super::{Twin, encode};
use crate::buffer::MessageBuffer;
use crate::protocol::{Binary, Codec, Compact, Decode, Json, MessageHeader, MethodName, Reader, WireProtocol, Writer};
use proptest::prelude::*;
use thrift::protocol::{TBinaryOutputProtocol, TMessageIdentifier, TMessageType, TOutputProtocol, TType};

fn apache<C: Twin>(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    value.write_apache(&mut *C::apache(&mut out)).unwrap();
    out
}

fn same_bytes_as_apache<C: Twin>(value: &AnyStruct) -> Result<(), TestCaseError> {
    prop_assert_eq!(encode::<C>(value), apache::<C>(&value.0));
    Ok(())
}

fn decodes_to_itself<C: Twin>(value: AnyStruct) -> Result<(), TestCaseError> {
    let bytes = encode::<C>(&value);
    let mut reader = C::reader(&bytes);
    let decoded = AnyStruct::decode(&mut reader).unwrap();
    let expected = if C::EMPTY_MAP_TYPES { value } else { AnyStruct(value.0.without_empty_map_types()) };
    prop_assert_eq!(decoded, expected);
    prop_assert!(reader.i8().is_err(), "bytes are left");
    Ok(())
}

fn skips_what_it_decodes<C: Codec>(value: &AnyStruct) -> Result<(), TestCaseError> {
    let mut bytes = encode::<C>(value);
    bytes.extend(encode::<C>(&42_i8));
    let mut reader = C::reader(&bytes);
    reader.skip(TType::Struct).unwrap();
    prop_assert_eq!(reader.i8().unwrap(), 42);
    prop_assert!(reader.i8().is_err());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn binary_equals_apache(value in structs()) {
        same_bytes_as_apache::<Binary>(&value)?;
        skips_what_it_decodes::<Binary>(&value)?;
        decodes_to_itself::<Binary>(value)?;
    }

    #[test]
    fn compact_equals_apache(value in structs()) {
        same_bytes_as_apache::<Compact>(&value)?;
        skips_what_it_decodes::<Compact>(&value)?;
        decodes_to_itself::<Compact>(value)?;
    }

    #[test]
    fn json_equals_its_twin(value in structs()) {
        same_bytes_as_apache::<Json>(&value)?;
        skips_what_it_decodes::<Json>(&value)?;
        decodes_to_itself::<Json>(value)?;
    }

    #[test]
    fn headers_equal_apache(name in "\\PC{0,60}", sequence: i32, kind in 1..5_u8) {
        let kind = TMessageType::try_from(kind).unwrap();
        header_equals_apache::<Binary>(&name, kind, sequence, WireProtocol::Binary)?;
        header_equals_apache::<Compact>(&name, kind, sequence, WireProtocol::Compact)?;
        header_equals_apache::<Json>(&name, kind, sequence, WireProtocol::Json)?;
    }
}

fn header_equals_apache<C: Twin>(
    name: &str,
    kind: TMessageType,
    sequence: i32,
    protocol: WireProtocol,
) -> Result<(), TestCaseError> {
    let mut theirs = Vec::new();
    let identifier = TMessageIdentifier::new(name, kind, sequence);
    C::apache(&mut theirs).write_message_begin(&identifier).unwrap();
    let mut ours = MessageBuffer::new();
    C::writer(&mut ours).message_begin(name, kind, sequence).unwrap();
    prop_assert_eq!(&ours.finish().to_vec(), &theirs);

    let expected = MessageHeader { name: MethodName::from(name), kind, sequence };
    prop_assert_eq!(WireProtocol::detect(&theirs).unwrap(), protocol);
    prop_assert_eq!(WireProtocol::header(&theirs).unwrap(), expected);
    Ok(())
}

#[test]
fn old_headers_are_read() {
    let mut bytes = Vec::new();
    let identifier = TMessageIdentifier::new("ping", TMessageType::Call, -7);
    TBinaryOutputProtocol::new(&mut bytes, false).write_message_begin(&identifier).unwrap();
    let header = WireProtocol::header(&bytes).unwrap();
    assert_eq!(&*header.name, "ping");
    assert_eq!(header.kind, TMessageType::Call);
    assert_eq!(header.sequence, -7);
}

#[test]
fn other_headers_are_refused() {
    let bad: [&[u8]; 13] = [
        b"",
        b" \n",
        b" \x80\x01\0\x01\0\0\0\0\0\0\0\0",
        b"{\"1\":{\"i32\":5}}",
        b"[2,\"ping\",1,0]",
        b"[1,\"ping\",5,0]",
        b"[1,\"ping\",1,2147483648]",
        b"[1,\"ping\",1",
        &[0x80, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0],
        &[0x80, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0],
        &[0x80, 1, 0, 1, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0],
        &[0x82, 0x22, 0, 0],
        &[0x82, 0xe1, 0, 0],
    ];
    for bytes in bad {
        assert!(WireProtocol::header(bytes).is_err(), "{bytes:02x?}");
    }
}

#[test]
fn field_ids_may_be_far_apart() {
    let ids = [i16::MAX, i16::MIN, 0, i16::MIN, i16::MAX];
    let fields = ids.map(|id| (id, Value::Bool(true)));
    let value = AnyStruct(Value::Struct(fields.to_vec()));
    decodes_to_itself::<Binary>(value.clone()).unwrap();
    decodes_to_itself::<Compact>(value.clone()).unwrap();
    decodes_to_itself::<Json>(value).unwrap();
}
