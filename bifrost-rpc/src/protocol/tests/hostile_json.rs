//! JSON messages that are meant to do harm.

use super::hostile::{Large, kind_of, survives};
use super::value::AnyStruct;
use crate::buffer::MessageBuffer;
use crate::protocol::{Decode, Json, JsonReader, JsonWriter, Limits, Reader, WireProtocol, Writer};
use proptest::collection::vec;
use proptest::prelude::*;
use thrift::ProtocolErrorKind;
use thrift::protocol::{TMessageType, TType};

/// What JSON messages are made of, and what looks like it.
#[rustfmt::skip]
const TOKENS: &[&str] = &[
    "{", "}", "[", "]", ",", ":", "\"", "\\", " ", "\"1\":", "\"2\":", "{\"i32\":", "{\"rec\":{", "{\"lst\":[", "{\"map\":[",
    "\"i32\"", "\"rec\"", "\"str\"", "\"dbl\"", "\"uid\"", "0", "1", "2147483647", "-1", "1e999", "\"NaN\"", "\"\\ud800\"",
    "\"\"", "{}", "\"AA==\"",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn random_tokens_do_no_harm(tokens in vec(prop::sample::select(TOKENS), 0..40)) {
        survives::<Json>(tokens.concat().as_bytes());
    }
}

/// `levels` lists inside one another, the innermost empty.
fn nested(levels: usize) -> String {
    let outer = levels - 1;
    [&r#"["lst",1,"#.repeat(outer), r#"["i8",0]"#, &"]".repeat(outer)].concat()
}

#[test]
fn depth_is_bounded() {
    assert!(JsonReader::new(nested(64)).skip(TType::List).is_ok());
    let skipped = JsonReader::new(nested(65)).skip(TType::List);
    assert_eq!(kind_of(skipped), ProtocolErrorKind::DepthLimit);
    let bombs = [
        (r#"["lst",1,"#, TType::List),
        (r#"{"1":{"rec":"#, TType::Struct),
        (r#"["rec","rec",1,{{},"#, TType::Map),
        (r#"["map","i8",1,{"#, TType::Map),
    ];
    for (bomb, kind) in bombs {
        let skipped = JsonReader::new(bomb.repeat(100_000)).skip(kind);
        assert!(skipped.is_err(), "{bomb}");
    }
}

#[test]
fn the_deepest_limit_fits_a_small_stack() {
    let limits = Limits { depth_max: u8::MAX, ..Limits::DEFAULT };
    let structs = r#"{"1":{"rec":"#.repeat(100_000);
    let run = move || {
        let skipped = JsonReader::with_limits(&structs, limits).skip(TType::Struct);
        assert_eq!(kind_of(skipped), ProtocolErrorKind::DepthLimit);
        let decoded = AnyStruct::decode(&mut JsonReader::with_limits(&structs, limits));
        assert_eq!(kind_of(decoded), ProtocolErrorKind::DepthLimit);
    };
    std::thread::Builder::new().stack_size(1 << 20).spawn(run).unwrap().join().unwrap();
}

#[test]
fn containers_hold_no_more_than_their_message() {
    for element in ["tf", "i8", "i16", "i32", "i64", "dbl", "str", "rec", "map", "lst", "set", "uid"] {
        let list = format!("[\"{element}\",9,1,1,1,1]");
        let skipped = JsonReader::new(&list).skip(TType::List);
        assert_eq!(kind_of(skipped), ProtocolErrorKind::SizeLimit, "{list}");
        let map = format!("[\"i8\",\"{element}\",9,{{\"1\":1,\"2\":1}}]");
        let skipped = JsonReader::new(&map).skip(TType::Map);
        assert_eq!(kind_of(skipped), ProtocolErrorKind::SizeLimit, "{map}");
    }
    let skipped = JsonReader::new(r#"["i8",-1]"#).skip(TType::List);
    assert_eq!(kind_of(skipped), ProtocolErrorKind::NegativeSize);
    assert!(JsonReader::new(r#"["i8",4294967296]"#).skip(TType::List).is_err());
    let small = r#"["rec",3,{},{},{}]"#;
    assert!(JsonReader::new(small).reserve_hint(3, size_of::<Large>()) * size_of::<Large>() <= 1024);
    assert_eq!(Vec::<Large>::decode(&mut JsonReader::new(small)).unwrap().len(), 3);
}

/// The shortest values of each type are not refused for being too short.
#[test]
fn the_shortest_elements_fit() {
    let uuid = format!("\"{}\"", "0".repeat(32));
    let shortest = [
        ("tf", "0"),
        ("i8", "0"),
        ("i16", "0"),
        ("i32", "0"),
        ("i64", "0"),
        ("dbl", "0"),
        ("str", "\"\""),
        ("rec", "{}"),
        ("map", r#"["i8","i8",0,{}]"#),
        ("lst", r#"["i8",0]"#),
        ("set", r#"["tf",0]"#),
        ("uid", &uuid),
    ];
    for (name, value) in shortest {
        let list = format!("[\"{name}\",3,{value},{value},{value}]");
        JsonReader::new(&list).skip(TType::List).unwrap();
        let map = format!("[\"str\",\"{name}\",2,{{\"\":{value},\"\":{value}}}]");
        JsonReader::new(&map).skip(TType::Map).unwrap();
    }
}

#[test]
fn limits_are_kept() {
    let limits = Limits { string_bytes_max: 3, container_len_max: 2, message_bytes_max: 30, ..Limits::DEFAULT };
    let decode = |text: &str| String::decode(&mut JsonReader::with_limits(text, limits));
    assert_eq!(decode(r#""\u0041\u0042\u0043""#).unwrap(), "ABC");
    assert_eq!(kind_of(decode(r#""four""#)), ProtocolErrorKind::SizeLimit);
    let bytes = |text: &str| Vec::<u8>::decode(&mut JsonReader::with_limits(text, limits));
    assert_eq!(bytes(r#""AQID""#).unwrap(), [1, 2, 3]);
    assert_eq!(bytes(r#""AQI=""#).unwrap(), [1, 2]);
    for text in [r#""AQIDBA""#, r#""AQIDBA==""#, r#""AQIDBAUG""#, r#""AQIDBAUGBwgJ""#] {
        assert_eq!(kind_of(bytes(text)), ProtocolErrorKind::SizeLimit, "{text}");
    }
    let list = Vec::<i8>::decode(&mut JsonReader::with_limits(r#"["i8",3,1,2,3]"#, limits));
    assert_eq!(kind_of(list), ProtocolErrorKind::SizeLimit);
    let header = JsonReader::with_limits(r#"[1,"a",1,1,{                 }]"#, limits).message_begin();
    assert_eq!(kind_of(header), ProtocolErrorKind::SizeLimit);
    let little = Limits { decoded_bytes_max: 2 * size_of::<Large>(), ..Limits::DEFAULT };
    let decoded = Vec::<Large>::decode(&mut JsonReader::with_limits(r#"["rec",3,{},{},{}]"#, little));
    assert_eq!(kind_of(decoded), ProtocolErrorKind::SizeLimit);
}

#[test]
fn writers_refuse_what_readers_would() {
    let limits = Limits { message_bytes_max: 30, ..Limits::DEFAULT };
    let mut out = MessageBuffer::new();
    let mut writer = JsonWriter::with_limits(&mut out, limits);
    writer.message_begin("a name of twenty-odd bytes", TMessageType::Call, 1).unwrap();
    assert_eq!(kind_of(writer.message_end()), ProtocolErrorKind::SizeLimit);
    let mut writer = JsonWriter::new(&mut out);
    for _ in 0..64 {
        writer.list_begin(TType::List, 1).unwrap();
    }
    assert_eq!(kind_of(writer.struct_begin("Deep")), ProtocolErrorKind::DepthLimit);
    assert!(writer.list_begin(TType::Void, 0).is_err());
}

#[test]
fn numbers_out_of_range_are_refused() {
    let digits = "9".repeat(1_000_000);
    for text in
        ["", "-", "+", "1e5", "1.0", "0x10", "128", "-129", "\"1", "\"1 \"", "true", "nan", "null", "[]", &digits]
    {
        assert!(JsonReader::new(text).i8().is_err(), "{text:.20}");
    }
    for text in ["9223372036854775808", "-9223372036854775809"] {
        assert!(JsonReader::new(text).i64().is_err());
    }
    for text in ["1e999", "-1e999999", "1e99999999999999999999", "1e", "e1", ".", "infinit", "\"NaN", "1.2.3", &digits]
    {
        assert!(JsonReader::new(text).double().is_err(), "{text:.20}");
    }
}

#[test]
fn malformed_strings_are_refused() {
    let backslashes = ["\"", &"\\".repeat(1_000_001)].concat();
    #[rustfmt::skip]
    let strings = [
        r#"""#, r#""a"#, r#""\"#, r#""\""#, r#""\x""#, r#""\u12""#, r#""\u+123""#, r#""\ud83d""#, r#""\ude00""#, r#""\ud83d\ud83d""#,
        r#""\ud83dx""#, r#""\ud83d\n""#, r#""\ud83d\u0041""#, "abc", "'a'", &backslashes,
    ];
    for text in strings {
        assert!(JsonReader::new(text).string().is_err(), "{text:.20}");
    }
    assert!(JsonReader::new(b"\"\xff\"").string().is_err());
    for text in [r#""A""#, r#""AA=A""#, r#""A-_A""#, r#""AA A""#, r#""====""#] {
        assert!(JsonReader::new(text).bytes().is_err(), "{text}");
    }
    for text in [r#""""#, r#""00000000-0000-0000-0000-00000000000""#, r#""00000000-0000-0000-0000-00000000000g""#] {
        assert!(JsonReader::new(text).uuid().is_err(), "{text}");
    }
}

#[test]
fn malformed_structures_are_refused() {
    #[rustfmt::skip]
    let structs = [
        "", "{", "[]", "{,}", r#"{"1"}"#, r#"{"1":5}"#, r#"{"1":{}}"#, r#"{"1":{"i32":5}"#, r#"{"1":{"i32":5},}"#, r#"{1:{"i32":5}}"#,
        r#"{"1":{"i32":5,"i32":6}}"#, r#"{"1":{"i32" 5}}"#, r#"{"1":{"int":5}}"#, r#"{"1":{"i32":5}"2":{"i32":5}}"#,
        r#"{"32768":{"i32":5}}"#, r#"{"one":{"i32":5}}"#, r#"{"1":{"i32":"5}}"#, r#"{"1":{"lst":["i32",2,5]}}"#,
        r#"{"1":{"lst":["i32",1,5,6]}}"#, r#"{"1":{"map":["i32","i32",1,{5:6}]}}"#, r#"{"1":{"map":["i32","i32",1,{"5":6}}}"#,
        r#"{"1":{"map":["i32","i32",1,{"5":6,"7":8}]}}"#, r#"{"1":{"map":["i32","i32",1]}}"#,
    ];
    for text in structs {
        assert!(JsonReader::new(text).skip(TType::Struct).is_err(), "{text}");
    }
    for message in [r#"[1,"a",1,1,{}"#, r#"[1,"a",1,1,{}}"#, r#"[1,"a",1,1,{},{}]"#] {
        let mut reader = JsonReader::new(message);
        reader.message_begin().unwrap();
        assert!(reader.skip(TType::Struct).is_err(), "{message}");
    }
}

/// Were the time in proportion to the square of the length, this would not end.
#[test]
fn long_values_are_read_in_linear_time() {
    let escapes = ["\"", &"\\n".repeat(1_000_000), "\""].concat();
    assert_eq!(JsonReader::new(&escapes).string().unwrap().len(), 1_000_000);
    JsonReader::new(&escapes).skip(TType::String).unwrap();
    let spaces = [&" ".repeat(2_000_000), "[1,\"a\",1,1,{}]"].concat();
    assert!(WireProtocol::header(spaces.as_bytes()).is_ok());
    let list = format!("[\"i8\",2000000{}]", ",1".repeat(2_000_000));
    assert_eq!(Vec::<i8>::decode(&mut JsonReader::new(&list)).unwrap().len(), 2_000_000);
}
