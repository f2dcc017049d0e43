//! Round trips of values of all types, and against generated code.

use super::{Answer, read, read_answer, scalar, write};
use crate::idl::{self, Found};
use crate::services::generated::example::{Entry, Value as Stored};
use bifrost_codegen::load::load;
use bifrost_codegen::resolve::resolve;
use bifrost_codegen::schema::{Id, Item, Schema, Type};
use bifrost_codegen::syntax::ast::{Requiredness, StructKind};
use bifrost_rpc::buffer::MessageBuffer;
use bifrost_rpc::protocol::{Binary, Codec, Compact, Decode, Encode, Json};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

const IDL: &str = r#"
enum Colour { RED = 1, GREEN = 5 }
typedef list<Colour> Colours
struct Scalars {
  1: required bool truth, 2: optional i8 tiny, 3: i16 small, 4: i32 middle, 5: i64 large, 6: double real,
  7: string text, 8: binary data, 9: uuid name, 10: Colour colour,
}
union Choice { 1: Scalars scalars, 2: list<Choice> several, 3: map<string, Choice> named, 4: i32 number }
struct All {
  1: required Choice choice, 2: optional list<double> reals, 3: set<string> words, 4: Colours colours,
  5: map<string, binary> blobs, 6: map<i32, bool> flags, 7: map<Colour, uuid> names, 8: map<double, string> at,
  9: map<list<i8>, i64> by_list, 10: map<binary, list<bool>> by_blob, 300: map<bool, set<i16>> by_truth,
  11: map<uuid, Scalars> by_name, 12: i64 answer = 42,
}
"#;

fn schema() -> Schema {
    let path = PathBuf::from("all.thrift");
    let (units, found) = load(&BTreeMap::from([(path.clone(), IDL.to_owned())]), &[path], &[]);
    assert_eq!((found, resolve(&units).1), (vec![], vec![]));
    resolve(&units).0
}

fn named(schema: &Schema, name: &str) -> Type {
    let at = |file: usize| schema.files[file].definitions.iter().position(|definition| definition.name == name);
    let (file, index) = (0..schema.files.len()).find_map(|file| at(file).map(|index| (file, index))).unwrap();
    Type::Struct(Id { file, index })
}

/// JSON of a type, in the form that reading gives it.
fn json_of(schema: &Schema, of: &Type, depth: u32) -> BoxedStrategy<Value> {
    let len = if depth == 0 { 0..1_usize } else { 0..4_usize };
    let below = depth.saturating_sub(1);
    match schema.value_type(of).clone() {
        Type::Bool => any::<bool>().prop_map(Value::from).boxed(),
        Type::I8 => any::<i8>().prop_map(Value::from).boxed(),
        Type::I16 => any::<i16>().prop_map(Value::from).boxed(),
        Type::I32 => any::<i32>().prop_map(Value::from).boxed(),
        Type::I64 => any::<i64>().prop_map(Value::from).boxed(),
        Type::Double => any::<f64>().prop_map(scalar::from_double).boxed(),
        Type::String => any::<String>().prop_map(Value::from).boxed(),
        Type::Binary => {
            let bytes = prop_oneof![any::<Vec<u8>>(), "(hex:|text:|@|base64:)?[ -~]*".prop_map(String::into_bytes)];
            bytes.prop_map(|bytes| super::binary::format(&bytes).into()).boxed()
        }
        Type::Uuid => any::<u128>().prop_map(|bits| uuid::Uuid::from_u128(bits).to_string().into()).boxed(),
        Type::Enum(_) => prop_oneof![Just(json!("RED")), Just(json!("GREEN")), Just(json!(7))].boxed(),
        Type::List(item) => prop::collection::vec(json_of(schema, &item, below), len).prop_map(Value::from).boxed(),
        Type::Set(item) => prop::collection::vec(json_of(schema, &item, below), len).prop_map(distinct).boxed(),
        Type::Map(entry) => {
            let pair = (json_of(schema, &entry.0, below), json_of(schema, &entry.1, below));
            prop::collection::vec(pair, len).prop_map(map_of).boxed()
        }
        Type::Struct(id) => struct_of(schema, id, below),
        Type::Typedef(_) | Type::Ref(_) => unreachable!("`value_type` sees through it"),
    }
}

fn distinct(items: Vec<Value>) -> Value {
    let mut seen = BTreeSet::new();
    items.into_iter().filter(|item| seen.insert(item.to_string())).collect()
}

fn map_of(pairs: Vec<(Value, Value)>) -> Value {
    let texts: Option<Vec<String>> = pairs.iter().map(|(key, _)| scalar::to_key(key)).collect();
    match texts {
        Some(texts) => texts.into_iter().zip(pairs).map(|(text, (_, value))| (text, value)).collect(),
        None => pairs.into_iter().map(|(key, value)| json!([key, value])).collect(),
    }
}

fn struct_of(schema: &Schema, id: Id, depth: u32) -> BoxedStrategy<Value> {
    let found = schema.struct_of(id).unwrap();
    let object = |fields: Vec<Option<(String, Value)>>| Value::Object(fields.into_iter().flatten().collect());
    if found.kind == StructKind::Union {
        let fits = |of: &Type| depth > 0 || matches!(of, Type::I32);
        let fields = found.fields.iter().filter(|field| fits(&field.field_type));
        let one = fields.map(|field| {
            let name = field.name.clone();
            json_of(schema, &field.field_type, depth).prop_map(move |value| Some((name.clone(), value))).boxed()
        });
        return prop::strategy::Union::new(one).prop_map(move |field| object(vec![field])).boxed();
    }
    let each = found.fields.iter().map(|field| {
        let is_needed = field.requiredness == Requiredness::Required || field.default.is_some();
        let (name, value) = (field.name.clone(), json_of(schema, &field.field_type, depth));
        let present = value.prop_map(move |value| Some((name.clone(), value)));
        if is_needed { present.boxed() } else { prop_oneof![3 => present, 1 => Just(None)].boxed() }
    });
    each.collect::<Vec<_>>().prop_map(object).boxed()
}

fn encode<C: Codec>(schema: &Schema, of: &Type, json: &Value) -> Vec<u8> {
    let mut buffer = MessageBuffer::new();
    let mut out = C::writer(&mut buffer);
    write::value(schema, of, json, &mut out).unwrap();
    drop(out);
    buffer.finish().to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn values_survive(json in json_of(&schema(), &named(&schema(), "All"), 4)) {
        let schema = schema();
        let all = named(&schema, "All");
        let binary = encode::<Binary>(&schema, &all, &json);
        prop_assert_eq!(&read::value(&schema, &all, &mut Binary::reader(&binary)).unwrap(), &json);
        let compact = encode::<Compact>(&schema, &all, &json);
        prop_assert_eq!(&read::value(&schema, &all, &mut Compact::reader(&compact)).unwrap(), &json);
        let text = encode::<Json>(&schema, &all, &json);
        prop_assert_eq!(&read::value(&schema, &all, &mut Json::reader(&text)).unwrap(), &json);
        // And the text that is printed is what was meant.
        prop_assert_eq!(&serde_json::from_str::<Value>(&json.to_string()).unwrap(), &json);
    }

    #[test]
    fn damaged_answers_are_errors(mut bytes in any::<Vec<u8>>(), at in any::<prop::sample::Index>(), byte: u8) {
        let schema = idl::built_in().unwrap();
        let found = idl::find(&schema, "Store", "find").unwrap();
        let _ = read_answer(found, 1, &mut Binary::reader(&bytes));
        let _ = read_answer(found, 1, &mut Compact::reader(&bytes));
        let _ = read_answer(found, 1, &mut Json::reader(&bytes));
        bytes = reply(found);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = read_answer(found, 1, &mut Binary::reader(&bytes));
    }
}

fn entry() -> Entry {
    let items = [Stored::Number(-1), Stored::Data(vec![0]), Stored::Text("a b".to_owned())];
    let labels: BTreeSet<String> = ["a".to_owned(), "b".to_owned()].into();
    Entry::new("fox".to_owned(), Stored::Items(items.into()), 3, labels)
}

fn entry_json() -> Value {
    let items = json!([{"number": -1}, {"data": "hex:00"}, {"text": "a b"}]);
    json!({"key": "fox", "value": {"items": items}, "version": 3, "labels": ["a", "b"]})
}

/// A reply to `Store.find`.
fn reply(found: Found<'_>) -> Vec<u8> {
    use bifrost_rpc::protocol::Writer;
    use thrift::protocol::{TMessageType, TType};
    let mut buffer = MessageBuffer::new();
    let mut out = Binary::writer(&mut buffer);
    out.message_begin("find", TMessageType::Reply, 1).unwrap();
    out.struct_begin("").unwrap();
    out.field_begin("", TType::Map, 0).unwrap();
    let of = found.method.result.as_ref().unwrap();
    write::value(found.schema, of, &json!({ "fox": entry_json() }), &mut out).unwrap();
    out.field_end().unwrap();
    out.field_stop().unwrap();
    out.struct_end().unwrap();
    buffer.finish().to_vec()
}

#[test]
fn generated_code_reads_and_writes_the_same() {
    let schema = idl::built_in().unwrap();
    let of = named(&schema, "Entry");
    let bytes = encode::<Binary>(&schema, &of, &entry_json());
    assert_eq!(Entry::decode(&mut Binary::reader(&bytes)).unwrap(), entry());
    let mut buffer = MessageBuffer::new();
    entry().encode(&mut Compact::writer(&mut buffer)).unwrap();
    let bytes = buffer.finish().to_vec();
    assert_eq!(read::value(&schema, &of, &mut Compact::reader(&bytes)).unwrap(), entry_json());
}

#[test]
fn an_answer_is_read() {
    let schema = idl::built_in().unwrap();
    let found = idl::find(&schema, "Store", "find").unwrap();
    let answer = read_answer(found, 1, &mut Binary::reader(&reply(found))).unwrap();
    assert_eq!(answer, Answer::Result(json!({ "fox": entry_json() })));
}

#[test]
fn defaults_of_the_idl_are_sent() {
    let schema = schema();
    let all = named(&schema, "All");
    let bytes = encode::<Binary>(&schema, &all, &json!({"choice": {"number": 1}}));
    let read = read::value(&schema, &all, &mut Binary::reader(&bytes)).unwrap();
    assert_eq!(read, json!({"choice": {"number": 1}, "answer": 42}));
}

#[test]
fn constants_become_json() {
    let schema = idl::built_in().unwrap();
    let definitions = schema.files.iter().flat_map(|file| &file.definitions);
    let found =
        definitions.filter(|definition| definition.name == "DEFAULT_POLICY").find_map(|found| match &found.item {
            Item::Const(of, value) => Some(super::default::to_json(&schema, of, value)),
            _ => None,
        });
    assert_eq!(found.unwrap(), json!({"eviction": "OLDEST", "entries_max": 65536}));
}

#[test]
fn a_value_in_global_memory_shows_its_pointer() {
    let text = "struct S { 1: binary data (bifrost.ref) }";
    let path = PathBuf::from("s.thrift");
    let (units, _) = load(&BTreeMap::from([(path.clone(), text.to_owned())]), &[path], &[]);
    let (schema, found) = resolve(&units);
    assert_eq!(found, vec![]);
    let bytes = [&[16, 0, 1][..], &[7; 16], &[0]].concat();
    let read = read::value(&schema, &named(&schema, "S"), &mut Binary::reader(&bytes)).unwrap();
    assert_eq!(read, json!({"data": {"bifrost.ref": "07070707-0707-0707-0707-070707070707"}}));
}
