//! What is written, byte by byte, and what is read of what Apache's libraries write.

use crate::protocol::tests::encode;
use crate::protocol::tests::value::{AnyStruct, Value};
use crate::protocol::{Decode, Encode, Json, JsonReader, Reader, ThriftType, Writer};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use thrift::OrderedFloat;
use thrift::protocol::TType;
use uuid::{Uuid, uuid};

const UUID: Uuid = uuid!("00112233-4455-6677-8899-aabbccddeeff");

fn text(value: &impl Encode) -> String {
    String::from_utf8(encode::<Json>(value)).unwrap()
}

fn read<T: Decode>(text: &str) -> T {
    let mut reader = JsonReader::new(text);
    let value = T::decode(&mut reader).unwrap();
    assert!(reader.is_at_end(), "{text}");
    let mut reader = JsonReader::new(text);
    reader.skip(T::TYPE).unwrap();
    assert!(reader.is_at_end(), "{text}");
    value
}

fn double(text: &str) -> f64 {
    JsonReader::new(text).double().unwrap()
}

/// Every type once, as Apache's C++ library would write it.
#[test]
fn what_is_written_is_what_others_write() {
    assert_eq!(text(&true), "1");
    assert_eq!(text(&i64::MIN), "-9223372036854775808");
    assert_eq!(text(&"\"\\/\u{8}\u{c}\n\r\t\u{1}\u{7f}é𝄞"), "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\u{7f}é𝄞\"");
    assert_eq!(text(&UUID), "\"00112233-4455-6677-8899-aabbccddeeff\"");
    assert_eq!(text(&vec![1_i32, -2]), r#"["i32",2,1,-2]"#);
    assert_eq!(text(&Vec::<String>::new()), r#"["str",0]"#);
    assert_eq!(text(&BTreeSet::from([1_i8])), r#"["i8",1,1]"#);
    assert_eq!(text(&BTreeMap::from([(true, 1_i16)])), r#"["tf","i16",1,{"1":1}]"#);
    assert_eq!(text(&BTreeMap::from([(-1_i64, vec![false])])), r#"["i64","lst",1,{"-1":["tf",1,0]}]"#);
    assert_eq!(text(&BTreeMap::from([("k".to_owned(), UUID)])), format!(r#"["str","uid",1,{{"k":"{UUID}"}}]"#));
    assert_eq!(text(&BTreeMap::<i32, i32>::new()), r#"["i32","i32",0,{}]"#);
    let numbered = |key| BTreeMap::from([(OrderedFloat(key), 1_i8)]);
    assert_eq!(text(&numbered(0.5)), r#"["dbl","i8",1,{"0.5":1}]"#);
    assert_eq!(text(&numbered(f64::NAN)), r#"["dbl","i8",1,{"NaN":1}]"#);
    let fields = vec![(1, Value::I32(5)), (-2, Value::Struct(Vec::new()))];
    assert_eq!(text(&AnyStruct(Value::Struct(fields))), r#"{"1":{"i32":5},"-2":{"rec":{}}}"#);
}

#[test]
fn doubles_are_written_as_short_as_can_be() {
    let cases = [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (0.1, "0.1"),
        (1e300, "1e300"),
        (5e-324, "5e-324"),
        (f64::MAX, "1.7976931348623157e308"),
        (f64::NAN, "\"NaN\""),
        (-f64::NAN, "\"NaN\""),
        (f64::INFINITY, "\"Infinity\""),
        (f64::NEG_INFINITY, "\"-Infinity\""),
    ];
    for (value, expected) in cases {
        assert_eq!(text(&OrderedFloat(value)), expected);
    }
}

#[test]
fn base64_is_written_without_padding_and_read_with_or_without() {
    let cases = [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE")];
    for (bytes, expected) in cases {
        let bytes = bytes.as_bytes().to_vec();
        assert_eq!(text(&bytes), format!("\"{expected}\""));
        assert_eq!(read::<Vec<u8>>(&text(&bytes)), bytes);
        let padding = "=".repeat((4 - expected.len() % 4) % 4);
        assert_eq!(read::<Vec<u8>>(&format!("\"{expected}{padding}\"")), bytes);
    }
    // PHP escapes the slash; bits that no byte has are not looked at.
    assert_eq!(read::<Vec<u8>>(r#""\/\/79\/A==""#), [0xff, 0xfe, 0xfd, 0xfc]);
    assert_eq!(read::<Vec<u8>>(r#""Zh""#), b"f");
}

#[test]
fn every_escape_is_read() {
    let escaped = r#""\"\\\/\b\f\n\r\t\u0041\u00e9\u00E9\u20ac\ud834\udd1e\uD834\uDD1E\u0000""#;
    assert_eq!(read::<String>(escaped), "\"\\/\u{8}\u{c}\n\r\tAéé€𝄞𝄞\0");
    // Control characters as they are, which Python and Node.js write.
    assert_eq!(read::<String>("\"\u{1}\n\u{1f}\""), "\u{1}\n\u{1f}");
}

#[test]
fn every_form_of_a_double_is_read() {
    for text in ["0.10000000000000001", "0.1", "1e-1", "1E-01", "+0.1", ".1", "\"0.1\"", "10.0E-2"] {
        assert_eq!(double(text).to_bits(), 0.1_f64.to_bits(), "{text}");
    }
    for text in ["NaN", "nan", "\"NaN\"", "\"nan\"", "-nan"] {
        assert!(double(text).is_nan(), "{text}");
    }
    for text in ["Infinity", "inf", "\"Infinity\"", "\"inf\""] {
        assert!(double(text).is_infinite() && double(text) > 0.0, "{text}");
        let negative = if let Some(rest) = text.strip_prefix('"') { format!("\"-{rest}") } else { format!("-{text}") };
        assert!(double(&negative).is_infinite() && double(&negative) < 0.0, "{negative}");
    }
    assert_eq!(double("-0").to_bits(), (-0.0_f64).to_bits());
    assert_eq!(double(&format!("{:.1074}", 5e-324)).to_bits(), 1, "written out in full");
}

/// Written by Python's `thrift` 0.25: all kinds of fields, bare names of infinities and NaN, padding, control characters.
const BY_PYTHON: &str = concat!(
    r#"[1,"call",1,-7,{"1":{"tf":1},"2":{"i8":-128},"3":{"i16":32767},"4":{"i32":-2147483648},"5":{"i64":9223372036854775807},"#,
    "\"6\":{\"dbl\":-0},\"7\":{\"str\":\"\\\"\\\\/\\b\\f\\n\\r\\t\u{1}\u{7f}é𝄞\"},",
    r#""8":{"str":"//79/A=="},"10":{"lst":["dbl",7,nan,inf,-inf,4.9406564584124654e-324,1.7976931348623157e+308,"#,
    r#"0.10000000000000001,10000000000000000]},"13":{"set":["i64",1,5]},"14":{"map":["i32","str",1,{"-1":"x"}]},"#,
    r#""16":{"map":["tf","i8",1,{"1":1}]},"17":{"map":["dbl","str",1,{"0.5":"h"}]},"#,
    r#""19":{"map":["str","map",1,{"k":["i32","rec",1,{"1":{}}]}]},"20":{"lst":["rec",2,{},{"1":{"i32":7},"2":{"str":""}}]},"#,
    r#""21":{"lst":["lst",2,["tf",0],["tf",2,1,0]]}}]"#,
);

/// The same as Node.js's `thrift` 0.24 writes it, which loses the sign of zero.
const BY_NODE: &str = concat!(
    r#"[1,"call",1,-7,{"1":{"tf":1},"2":{"i8":-128},"3":{"i16":32767},"4":{"i32":-2147483648},"5":{"i64":9223372036854775807},"#,
    "\"6\":{\"dbl\":0},\"7\":{\"str\":\"\\\"\\\\/\\b\\f\\n\\r\\t\u{1}\u{7f}é𝄞\"},",
    r#""8":{"str":"//79/A=="},"10":{"lst":["dbl",7,NaN,Infinity,-Infinity,5e-324,1.7976931348623157e+308,0.1,10000000000000000]},"#,
    r#""13":{"set":["i64",1,5]},"14":{"map":["i32","str",1,{"-1":"x"}]},"16":{"map":["tf","i8",1,{"1":1}]},"#,
    r#""17":{"map":["dbl","str",1,{"0.5":"h"}]},"19":{"map":["str","map",1,{"k":["i32","rec",1,{"1":{}}]}]},"#,
    r#""20":{"lst":["rec",2,{},{"1":{"i32":7},"2":{"str":""}}]},"21":{"lst":["lst",2,["tf",0],["tf",2,1,0]]}}]"#,
);

/// Reads the struct of the messages above, in which a `str` is text in field 7 and in maps.
fn check_written_by_others(message: &str) {
    let mut reader = JsonReader::new(message);
    let header = reader.message_begin().unwrap();
    assert_eq!((header.name.as_str(), header.sequence), ("call", -7));
    reader.struct_begin().unwrap();
    let mut seen = Vec::new();
    loop {
        let (field_type, id) = reader.field_begin().unwrap();
        seen.push(id);
        match id {
            1 => assert!(reader.bool().unwrap()),
            2 => assert_eq!(reader.i8().unwrap(), i8::MIN),
            3 => assert_eq!(reader.i16().unwrap(), i16::MAX),
            4 => assert_eq!(reader.i32().unwrap(), i32::MIN),
            5 => assert_eq!(reader.i64().unwrap(), i64::MAX),
            6 => assert_eq!(reader.double().unwrap(), 0.0),
            7 => assert_eq!(reader.string().unwrap(), "\"\\/\u{8}\u{c}\n\r\t\u{1}\u{7f}é𝄞"),
            8 => assert_eq!(reader.bytes().unwrap(), [0xff, 0xfe, 0xfd, 0xfc]),
            10 => {
                let expected = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 5e-324, f64::MAX, 0.1, 1e16];
                assert_eq!(Vec::<OrderedFloat<f64>>::decode(&mut reader).unwrap(), expected.map(OrderedFloat));
            }
            13 => assert_eq!(BTreeSet::<i64>::decode(&mut reader).unwrap(), [5].into()),
            14 => assert_eq!(BTreeMap::<i32, String>::decode(&mut reader).unwrap(), [(-1, "x".into())].into()),
            16 => assert_eq!(BTreeMap::<bool, i8>::decode(&mut reader).unwrap(), [(true, 1)].into()),
            17 => {
                let map = BTreeMap::<OrderedFloat<f64>, String>::decode(&mut reader).unwrap();
                assert_eq!(map, [(OrderedFloat(0.5), "h".into())].into());
            }
            21 => assert_eq!(Vec::<Vec<bool>>::decode(&mut reader).unwrap(), [vec![], vec![true, false]]),
            0 => break,
            _ => reader.skip(field_type).unwrap(),
        }
        reader.field_end().unwrap();
    }
    reader.struct_end().unwrap();
    reader.message_end().unwrap();
    assert_eq!(seen, [1, 2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 16, 17, 19, 20, 21, 0]);
    assert!(reader.is_at_end());
}

#[test]
fn messages_of_other_implementations_are_read() {
    check_written_by_others(BY_PYTHON);
    check_written_by_others(BY_NODE);
}

#[test]
fn white_space_is_passed_over() {
    // None of the strings of the message has one of these.
    let mut spaced = String::new();
    for character in BY_PYTHON.chars() {
        match character {
            '{' | '}' | '[' | ']' | ',' | ':' => spaced.extend([' ', '\t', character, '\r', '\n']),
            other => spaced.push(other),
        }
    }
    check_written_by_others(&spaced);
}

/// Keys that are no strings, as Apache's libraries write them.
#[test]
fn keys_may_be_structs_and_containers() {
    let keyed = r#"{"1":{"map":["rec","i32",1,{{"1":{"i32":7}}:5}]},"2":{"map":["lst","uid",1,{["i32",2,1,2]:"00112233-4455-6677-8899-aabbccddeeff"}]},"3":{"map":["map","tf",1,{["i8","i8",1,{"1":2}]:0}]},"4":{"map":["uid","i8",1,{"00112233-4455-6677-8899-aabbccddeeff":1}]}}"#;
    let value: AnyStruct = read(keyed);
    assert_eq!(text(&value), keyed);
    let Value::Struct(fields) = &value.0 else { panic!() };
    let key = Value::Struct(vec![(1, Value::I32(7))]);
    assert_eq!(fields.first(), Some(&(1, Value::Map(TType::Struct, TType::I32, vec![(key, Value::I32(5))]))));
}

/// `skip_till_depth` of Apache's crate passes over fields without asking for their ends.
#[test]
fn ends_of_fields_and_messages_need_not_be_asked_for() {
    let mut reader =
        JsonReader::new(r#"[1,"a",1,1,{"1":{"rec":{"1":{"i8":1},"2":{"i8":2}}},"2":{"i8":3}}][1,"b",1,2,{}]"#);
    assert_eq!(reader.message_begin().unwrap().name.as_str(), "a");
    reader.struct_begin().unwrap();
    assert_eq!(reader.field_begin().unwrap(), (TType::Struct, 1));
    reader.struct_begin().unwrap();
    for (id, value) in [(1, 1), (2, 2)] {
        assert_eq!(reader.field_begin().unwrap(), (TType::I08, id));
        assert_eq!(reader.i8().unwrap(), value);
    }
    assert_eq!(reader.field_begin().unwrap(), (TType::Stop, 0));
    reader.struct_end().unwrap();
    assert_eq!(reader.field_begin().unwrap(), (TType::I08, 2));
    assert_eq!(reader.i8().unwrap(), 3);
    reader.struct_end().unwrap();
    assert_eq!(reader.message_begin().unwrap().name.as_str(), "b");
    reader.skip(TType::Struct).unwrap();
    assert!(reader.is_at_end());
}

/// A map without entries has no types in the compact protocol; JSON has to name some.
#[test]
fn containers_of_nothing_have_a_type() {
    let mut out = crate::buffer::MessageBuffer::new();
    let mut writer = crate::protocol::JsonWriter::new(&mut out);
    writer.map_begin(TType::Stop, TType::Stop, 0).unwrap();
    writer.map_end().unwrap();
    assert!(writer.map_begin(TType::Stop, TType::I32, 1).is_err());
    assert!(out.finish().to_vec().starts_with(br#"["i8","i8",0,{}]"#));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn strings_are_read_back(value: String) {
        prop_assert_eq!(read::<String>(&text(&value)), value);
    }

    #[test]
    fn doubles_are_read_back_bit_by_bit(bits: u64) {
        let value = f64::from_bits(bits);
        let back = double(&text(&OrderedFloat(value)));
        prop_assert!(back.to_bits() == bits || value.is_nan() && back.is_nan());
    }

    #[test]
    fn binaries_are_read_back(value: Vec<u8>) {
        prop_assert_eq!(read::<Vec<u8>>(&text(&value)), value);
    }
}

#[test]
fn type_names_are_those_of_their_types() {
    for of in [TType::Bool, TType::I08, TType::I16, TType::I32, TType::I64, TType::Double, TType::String] {
        assert_eq!(super::type_of(super::type_name(of).unwrap().as_bytes()).unwrap(), of);
    }
    for of in [TType::Struct, TType::Map, TType::List, TType::Set, Uuid::TYPE] {
        assert_eq!(super::type_of(super::type_name(of).unwrap().as_bytes()).unwrap(), of);
    }
    assert!(super::type_name(TType::Void).is_err());
    assert!(super::type_of(b"i31").is_err());
}
