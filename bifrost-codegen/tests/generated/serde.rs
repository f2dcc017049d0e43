//! Generated types in JSON, by way of serde.

use crate::golden::serde::kept::{Any, ConstHOLDER, Failed, Holder, Outer, Plain, Strict, Tint};
use crate::golden::serde::recursion::Expression;
use crate::golden::serde::references::{Inner, Leaf, Tree};
use crate::wire::from_bytes;
use bifrost_rpc::memory::Pointer;
use bifrost_rpc::protocol::{Binary, UnknownField, Value};
use bifrost_rpc::reference::{Owned, Ref};
use bifrost_rpc::serde::{Serialize, de::DeserializeOwned};
use serde_json::json;
use std::fmt::Debug;

fn round_trips<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let text = serde_json::to_string(value).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&text).unwrap(), value, "{text}");
}

#[test]
fn names_are_those_of_the_idl() {
    let mut holder = Holder { by_set: None, ..ConstHOLDER::const_value() };
    holder.some_name = Some("s".to_owned());
    round_trips(&holder);
    let json = serde_json::to_value(&holder).unwrap();
    assert_eq!(json["someName"], "s");
    assert_eq!(json["tint"], 5);
    assert_eq!(json["sets"], json!({"a": [1, 2]}));
    assert_eq!(json["ratio"], 0.5);
    assert_eq!(json["id"], "00000000-0000-0000-0000-000000000000");
    assert_eq!(json["data"], json!([100]));
    assert!(json.get("by_set").is_none() && json.get("unknown_fields").is_none(), "{json}");
}

#[test]
fn unions_are_tagged_by_their_fields() {
    let any = Any::Any(Box::new(Any::Data(vec![1])));
    assert_eq!(serde_json::to_value(&any).unwrap(), json!({"any": {"data": [1]}}));
    round_trips(&any);
    let unknown = Any::Unknown_(UnknownField { id: 9, value: Value::I32(5) });
    assert_eq!(serde_json::to_value(&unknown).unwrap(), json!({"unknown_": {"id": 9, "value": {"I32": 5}}}));
    round_trips(&unknown);
    round_trips(&Expression::Negated(Box::new(Expression::Product(vec![Expression::Number(1)]))));
}

#[test]
fn what_is_missing_is_what_the_idl_says() {
    assert_eq!(serde_json::from_str::<Plain>("{}").unwrap(), Plain::default());
    assert_eq!(serde_json::from_str::<Strict>("{\"a\": 1}").unwrap(), Strict::new(1, None, None));
    assert!(serde_json::from_str::<Strict>("{}").is_err());
    round_trips(&Outer::new(ConstHOLDER::const_value().without_sets(), None));
    round_trips(&Failed::default());
    round_trips(&Tint(77));
}

impl Holder {
    /// JSON has no objects with keys that are sets.
    fn without_sets(self) -> Self {
        Self { by_set: None, ..self }
    }
}

#[test]
fn unknown_fields_survive() {
    let plain: Plain = from_bytes::<Binary, _>(&[15, 0, 9, 2, 0, 0, 0, 2, 0, 1, 0]).unwrap();
    let json = serde_json::to_value(&plain).unwrap();
    let list = json!({"List": ["Bool", [{"Bool": false}, {"Bool": true}]]});
    assert_eq!(json["unknown_fields"], json!([{"id": 9, "value": list}]));
    round_trips(&plain);
}

#[test]
fn references_are_their_values() {
    let inner = Inner::new(Some(vec![1.0.into(), 0.5.into()].into()), Leaf::default());
    assert_eq!(serde_json::to_value(&inner).unwrap()["values"], json!([1.0, 0.5]));
    round_trips(&inner);
    round_trips(&Tree::new(None, vec![Ref::from(Tree::default())], Ref::from(vec![1, 2])));
}

#[test]
fn pointers_are_shown_and_not_read() {
    let memory = bifrost_rpc::memory::GlobalMemory::connect("udp://[::1]:9").unwrap();
    let owned = Owned::<Vec<u8>>::adopt(Pointer::new(0xfd, 1, 7), &memory);
    let json = serde_json::to_value(owned.lend()).unwrap();
    assert_eq!(json, json!({"bifrost.ref": "00000000-fd01-0000-0000-000000000007"}));
    assert!(serde_json::from_value::<Ref<Vec<u8>>>(json).is_err());
    // Nothing listens there that could free it.
    let _released = owned.release();
}
