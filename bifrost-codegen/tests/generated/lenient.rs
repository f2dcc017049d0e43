//! What a decoder does with input from newer, older and broken peers.

use crate::golden::fields::{Color, NewerPoint, Point, Required, Shape, Silent};
use crate::wire::{from_bytes, to_bytes};
use bifrost_rpc::protocol::Binary;
use bifrost_rpc::thrift::{Error, OrderedFloat, ProtocolErrorKind};
use std::collections::BTreeMap;

fn kind(error: Error) -> ProtocolErrorKind {
    match error {
        Error::Protocol(error) => error.kind,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_field_of_another_type_is_skipped() {
    let points = BTreeMap::from([("k".to_owned(), vec![Point::default()])]);
    let newer = NewerPoint::new(OrderedFloat(4.0), "text".to_owned(), points, Color(1000));
    let older: Point = from_bytes::<Binary, _>(&to_bytes::<Binary, _>(&newer)).unwrap();
    // `y` is a string there and unknown fields follow it.
    assert_eq!(older, Point::new(OrderedFloat(4.0), OrderedFloat(0.0)));
}

#[test]
fn an_unknown_enum_value_is_kept() {
    let newer = NewerPoint::new(None, None, None, Color(1000));
    let back: NewerPoint = from_bytes::<Binary, _>(&to_bytes::<Binary, _>(&newer)).unwrap();
    assert_eq!(back.color, Some(Color(1000)));
}

#[test]
fn a_missing_required_field_is_named() {
    let error = from_bytes::<Binary, Required>(&[8, 0, 1, 0, 0, 0, 1, 0]).unwrap_err();
    let Error::Protocol(error) = error else { panic!("{error:?}") };
    assert_eq!(error.kind, ProtocolErrorKind::InvalidData);
    assert!(error.message.contains("Required") && error.message.contains('b'), "{}", error.message);
}

#[test]
fn missing_fields_have_their_defaults() {
    let point: Point = from_bytes::<Binary, _>(&[0]).unwrap();
    assert_eq!(point, Point::default());
    assert_eq!(from_bytes::<Binary, Silent>(&[0]).unwrap(), Silent::default());
}

#[test]
fn a_union_needs_one_field() {
    let table: [(&[u8], _); 2] = [
        (&[0], ProtocolErrorKind::EmptyUnion),
        (&[4, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 99, 1, 0], ProtocolErrorKind::InvalidData),
    ];
    for (bytes, expected) in table {
        assert_eq!(kind(from_bytes::<Binary, Shape>(bytes).unwrap_err()), expected, "{bytes:?}");
    }
}

#[test]
fn no_input_makes_a_decoder_panic() {
    let value = to_bytes::<Binary, _>(&crate::golden::fields::Defaults::default());
    for at in 0..value.len() {
        let _ = from_bytes::<Binary, crate::golden::fields::Defaults>(&value[..at]);
        for byte in [0, 1, 0x7f, 0xff] {
            let mut broken = value.clone();
            broken[at] = byte;
            let _ = from_bytes::<Binary, crate::golden::fields::Defaults>(&broken);
        }
    }
}
