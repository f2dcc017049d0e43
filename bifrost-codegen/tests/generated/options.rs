//! What the options change: boxes, containers, `binary`, what becomes of what is not known.

use crate::golden::{apache, forward, hash, kept, recursion, serde as with_serde, tree};
use crate::wire::{from_bytes, round_trips, to_bytes, to_bytes_owned};
use bifrost_rpc::buffer::MessageBuffer;
use bifrost_rpc::bytes::Bytes;
use bifrost_rpc::protocol::{Binary, Codec, Compact, Decode, Encode, Limits, UnknownField, Value};
use bifrost_rpc::thrift::{Error, OrderedFloat, ProtocolErrorKind};
use bifrost_rpc::uuid::Uuid;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::Debug;

/// Whether it has this very type shows when this is compiled.
fn is<T>(_: &T) {}

#[test]
fn only_fields_that_lead_back_are_boxed() {
    let forward::First { second } = forward::First::default();
    let _: Option<forward::Second> = second;
    let forward::Second { third, first } = forward::Second::default();
    let _: (Option<forward::Third>, Option<Box<forward::First>>) = (third, first);
    let forward::Third { first, third } = forward::Third::default();
    let _: (Option<Box<forward::First>>, Option<Box<forward::Third>>) = (first, third);
    let forest = recursion::Forest::new(vec![], BTreeMap::new(), vec![1]);
    let nested = recursion::Forest::new(vec![forest.clone()], BTreeMap::from([("a".to_owned(), forest)]), vec![2]);
    round_trips(nested);
    let _: fn(Box<forward::Choice>) -> forward::Choice = forward::Choice::Choice;
    let _: fn(forward::Box) -> forward::Choice = forward::Choice::Box;
}

#[test]
fn a_reference_field_is_boxed_if_it_is_a_struct() {
    let drawing = forward::ConstDRAWING::const_value();
    is::<Option<Box<forward::Point>>>(&drawing.behind);
    is::<Option<i32>>(&drawing.number);
    is::<Box<forward::Own>>(&drawing.own);
    round_trips(drawing);
    // Apache's generator does not look at it.
    let drawing = apache::forward::ConstDRAWING::const_value();
    is::<Option<Box<apache::forward::Point>>>(&drawing.behind);
    is::<Box<apache::forward::Own>>(&drawing.own);
    round_trips(drawing);
}

#[test]
fn apache_boxes_what_is_used_before_it_is_defined() {
    let drawing = apache::forward::ConstDRAWING::const_value();
    is::<Box<apache::forward::Point>>(&drawing.origin);
    is::<Option<Box<apache::forward::Shade>>>(&drawing.shade);
    is::<Option<Vec<Box<apache::forward::Point>>>>(&drawing.places);
    is::<Option<BTreeMap<Box<apache::forward::Shade>, Vec<Box<apache::forward::Point>>>>>(&drawing.by_shade);
    // The typedef stands before the field, so that the box is inside of it.
    is::<Option<apache::forward::Place>>(&drawing.place);
    let _: Box<apache::forward::Point> = apache::forward::Place::default();
    is::<Option<i32>>(&drawing.seconds);
    // The same on the wire, boxed or not.
    let ours = to_bytes::<Binary, _>(&forward::ConstDRAWING::const_value());
    assert_eq!(to_bytes::<Binary, _>(&drawing), ours);
    struct Handler;
    impl apache::forward::EarlySyncHandler for Handler {
        fn handle_move(
            &self,
            point: Box<apache::forward::Point>,
            _more: Vec<Box<apache::forward::Point>>,
            _shade: Box<apache::forward::Shade>,
        ) -> thrift::Result<Box<apache::forward::Point>> {
            Err(apache::forward::Lost::new(*point).into())
        }
    }
    let _ = apache::forward::EarlySyncProcessor::new(Handler);
}

/// What any reader of the file must be able to take.
fn newer_bytes() -> Vec<u8> {
    let point = forward::Point::new(1, 2);
    let odd = recursion::Odd::new(None, BTreeSet::from([recursion::Even::new(None, "e".to_owned())]));
    let mut bytes = to_bytes::<Binary, _>(&recursion::Even::new(odd, "even".to_owned()));
    bytes.pop();
    // Field 77: a list of structs; field 78: an empty map.
    bytes.extend([15, 0, 77, 12, 0, 0, 0, 1]);
    bytes.extend(to_bytes::<Binary, _>(&point));
    bytes.extend([13, 0, 78, 11, 8, 0, 0, 0, 0, 0]);
    bytes
}

#[test]
fn unknown_fields_are_written_back() {
    fn check<C: Codec, T: Encode + Decode + Debug + PartialEq>(bytes: &[u8]) -> T {
        let value: T = from_bytes::<Binary, _>(bytes).unwrap();
        assert_eq!(to_bytes::<Binary, _>(&value), bytes);
        let again: T = from_bytes::<C, _>(&to_bytes::<C, _>(&value)).unwrap();
        assert_eq!(from_bytes::<C, T>(&to_bytes::<C, _>(&again)).unwrap(), again);
        value
    }
    let bytes = newer_bytes();
    let even = check::<Binary, hash::recursion::Even>(&bytes);
    check::<Compact, hash::recursion::Even>(&bytes);
    assert_eq!(even.name, "even");
    let kept = even.unknown_fields.get(77).unwrap();
    assert!(matches!(kept, Value::List(_, items) if items.len() == 1), "{kept:?}");
    // A field that is known, but of another type, is kept beside what the IDL says.
    let bytes = [11, 0, 1, 0, 0, 0, 1, b'x', 0];
    let plain: with_serde::kept::Plain = from_bytes::<Binary, _>(&bytes).unwrap();
    assert_eq!(plain.a, Some(7));
    assert_eq!(plain.unknown_fields.get(1), Some(&Value::Bytes(b"x".to_vec())));
    // Without the option nothing is kept.
    let plain: kept::Plain = from_bytes::<Binary, _>(&bytes).unwrap();
    assert_eq!(plain, kept::Plain::default());
}

#[test]
fn unknown_variants_are_kept_by_open_unions() {
    let bytes = [10, 0, 99, 0, 0, 0, 0, 0, 0, 0, 5, 0];
    let any: kept::Any = from_bytes::<Binary, _>(&bytes).unwrap();
    assert_eq!(any, kept::Any::Unknown_(UnknownField { id: 99, value: Value::I64(5) }));
    assert_eq!(to_bytes::<Binary, _>(&any), bytes);
    assert_eq!(to_bytes_owned::<Binary, _>(any.clone()), bytes);
    round_trips(any);
    let nil: kept::Nil = from_bytes::<Binary, _>(&bytes).unwrap();
    round_trips(nil);
    // A known field of another type is no value that the variant could hold.
    let any: kept::Any = from_bytes::<Binary, _>(&[2, 0, 1, 1, 0]).unwrap();
    assert_eq!(any, kept::Any::Unknown_(UnknownField { id: 1, value: Value::Bool(true) }));
}

fn kind<T: Debug>(result: thrift::Result<T>) -> ProtocolErrorKind {
    match result {
        Err(Error::Protocol(error)) => error.kind,
        other => panic!("{other:?}"),
    }
}

#[test]
fn closed_unions_refuse_what_they_do_not_know() {
    type Closed = apache::recursion::Expression;
    let error = from_bytes::<Binary, Closed>(&[2, 0, 99, 1, 0]);
    assert_eq!(kind(error), ProtocolErrorKind::UnknownUnionVariant);
    assert_eq!(kind(from_bytes::<Binary, Closed>(&[0])), ProtocolErrorKind::EmptyUnion);
}

fn holder() -> hash::kept::Holder {
    let mut holder = hash::kept::ConstHOLDER::const_value();
    holder.data = Some(Bytes::from(vec![7; 50_000]));
    holder.keys = Some(HashSet::from([hash::kept::Key::new(BTreeSet::new(), Bytes::from_static(b"k"), 1)]));
    holder.ratio = Some(OrderedFloat(-0.0));
    holder.id = Some(Uuid::from_u128(9));
    holder
}

#[test]
fn hash_tables_stand_wherever_no_hash_of_them_is_needed() {
    let holder = holder();
    is::<Option<HashMap<String, HashSet<i32>>>>(&holder.sets);
    is::<Option<HashMap<BTreeSet<i32>, HashMap<i8, Bytes>>>>(&holder.by_set);
    is::<HashSet<String>>(&holder.parts);
    let back: hash::kept::Holder = from_bytes::<Compact, _>(&to_bytes::<Compact, _>(&holder)).unwrap();
    assert_eq!(back, holder);
    let outer = hash::kept::Outer::new(holder, Box::new(hash::kept::Outer::default()));
    let back: hash::kept::Outer = from_bytes::<Binary, _>(&to_bytes::<Binary, _>(&outer)).unwrap();
    assert_eq!(back, outer);
}

#[test]
fn bytes_are_not_copied() {
    let data = Bytes::from(vec![7; 50_000]);
    let mut holder = holder();
    holder.data = Some(data.clone());
    let mut out = MessageBuffer::new();
    holder.encode(&mut Binary::writer(&mut out)).unwrap();
    let message = out.finish();
    // The message holds the block itself: nobody else could have it now.
    drop(holder);
    assert!(!data.is_unique(), "a copy was written");
    let message = Bytes::from(message.to_vec());
    let mut reader = Binary::shared_reader(&message, Limits::DEFAULT);
    let read = hash::kept::Holder::decode(&mut reader).unwrap().data.unwrap();
    let within = message.as_ptr_range();
    assert!(within.contains(&read.as_ptr()), "a copy was read");
    assert_eq!(read, data);
}

#[test]
fn a_tree_of_modules_refers_across_directories() {
    let square = tree::drawing::shapes::types::Square::new(OrderedFloat(2.0));
    let user = tree::users::types::User::new("n".to_owned(), square, vec![]);
    round_trips(user);
    assert_eq!(tree::users::types::ConstUNIT::const_value().side, OrderedFloat(1.0));
    let _: Option<tree::everyone::users::UsersClient> = None;
    assert_eq!(serde_json::to_string(&tree::names::Kind::B).unwrap(), "1");
}
