//! Everything that a client in Rust calls, whatever carries it.

use crate::generated::interop::{
    Bare, Color, Containers, Declined, Empty, Keywords, Kind, Marked, Missing, Scalars, TInteropSyncClient,
};
use crate::generated::interop_shared::{Failed, Level, Point};
use crate::values;
use bifrost_rpc::buffer::MessageBuffer;
use bifrost_rpc::protocol::{Binary, Codec, Encode};
use bifrost_rpc::reference::Ref;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::atomic::{AtomicI64, Ordering};
use thrift::{ApplicationErrorKind, OrderedFloat};

/// Calls all methods of `Interop`, with all that they may answer.
pub(crate) fn everything(client: &mut impl TInteropSyncClient) {
    scalars(client);
    structs(client);
    containers(client);
    many_arguments(client);
    declared_exceptions(client);
    application_exceptions(client);
    oneway(client);
}

fn bytes(value: &impl Encode) -> Vec<u8> {
    let mut out = MessageBuffer::new();
    value.encode(&mut Binary::writer(&mut out)).unwrap();
    out.finish().to_vec()
}

/// Fails unless both are the same, zeros of either sign told apart.
fn same<T: Encode + PartialEq + Debug>(got: thrift::Result<T>, expected: &T) {
    let got = got.unwrap();
    assert!(got == *expected, "got {}, expected {}", short(&got), short(expected));
    assert!(bytes(&got) == bytes(expected), "equal, but not the same: {}", short(&got));
}

/// What fits a line.
fn short(value: &impl Debug) -> String {
    format!("{value:?}").chars().take(400).collect()
}

fn scalars(client: &mut impl TInteropSyncClient) {
    client.nothing().unwrap();
    for value in [true, false] {
        same(client.echo_bool(value), &value);
    }
    for value in values::I8S {
        same(client.echo_i8(value), &value);
    }
    for value in values::I16S {
        same(client.echo_i16(value), &value);
    }
    for value in values::I32S {
        same(client.echo_i32(value), &value);
    }
    for value in values::I64S {
        same(client.echo_i64(value), &value);
        same(client.echo_token(value), &value);
    }
    for value in values::DOUBLES.map(OrderedFloat) {
        same(client.echo_double(value), &value);
    }
    for value in values::strings().into_iter().chain(values::long_strings()) {
        same(client.echo_string(value.clone()), &value);
    }
    for value in values::blocks().into_iter().chain([values::long_block()]) {
        same(client.echo_binary(value.clone()), &value);
        same(client.echo_marked_binary(Ref::by_reference(value.clone())), &Ref::from(value));
    }
    for value in values::COLORS {
        same(client.echo_color(value), &value);
    }
}

fn structs(client: &mut impl TInteropSyncClient) {
    same(client.echo_empty(Empty {}), &Empty {});
    for value in [Scalars::default(), values::full()] {
        same(client.echo_scalars(value.clone()), &value);
    }
    same(client.echo_required(values::required()), &values::required());
    for value in values::optionals() {
        same(client.echo_optional(value.clone()), &value);
    }
    for value in values::defaults() {
        same(client.echo_defaults(value.clone()), &value);
    }
    for value in values::choices() {
        same(client.echo_choice(value.clone()), &value);
    }
    for value in [values::tree(0), values::tree(12)] {
        same(client.echo_tree(value.clone()), &value);
    }
    for value in [Keywords::default(), values::keywords()] {
        same(client.echo_keywords(value.clone()), &value);
    }
    for marked in [Marked::default, values::marked] {
        same(client.echo_marked(Ref::by_reference(marked())), &Ref::from(marked()));
    }
    same(client.echo_ids(values::ids()), &values::ids());
    same(client.echo_implicit(values::implicit()), &values::implicit());
    same(client.echo_versioned(values::versioned()), &values::versioned());
}

fn containers(client: &mut impl TInteropSyncClient) {
    for value in [Containers::default(), values::containers()] {
        same(client.echo_containers(value.clone()), &value);
    }
    for value in [vec![], vec![values::full(); 40]] {
        same(client.echo_list(value.clone()), &value);
    }
    for value in [BTreeSet::new(), values::strings().into_iter().collect()] {
        same(client.echo_set(value.clone()), &value);
    }
    let inner = BTreeMap::from([("a".to_owned(), BTreeSet::new()), (String::new(), BTreeSet::from([1, i64::MIN]))]);
    for value in [BTreeMap::new(), BTreeMap::from([(1, vec![]), (-1, vec![BTreeMap::new(), inner])])] {
        same(client.echo_map(value.clone()), &value);
    }
}

fn many_arguments(client: &mut impl TInteropSyncClient) {
    let point = Point::new(OrderedFloat(1.5), OrderedFloat(-0.5));
    let (words, counts) = (BTreeSet::from(["a".into(), "b".into()]), BTreeMap::from([("k".into(), 1)]));
    let (real, text, block) = (OrderedFloat(-0.0), "🦀".to_owned(), vec![0, 0xff]);
    let got = client.many(
        true,
        i8::MIN,
        i16::MIN,
        i32::MIN,
        i64::MIN,
        real,
        text,
        block,
        Color::BELOW,
        point,
        words,
        counts,
        vec![1, 2, 3],
    );
    let expected = "1 -128 -32768 -2147483648 -9223372036854775808 8000000000000000 🦀 00ff -7 3ff8000000000000 \
        bfe0000000000000 3 2 1";
    assert_eq!(got.unwrap(), expected);
    assert_eq!(client.loop_(1, 20, 300).unwrap(), 321);
    assert_eq!(client.need(-3).unwrap(), -3);
}

/// The declared exception in which a call ended.
fn declared<T: Debug, E: std::error::Error + 'static>(outcome: thrift::Result<T>) -> E {
    match outcome {
        Err(thrift::Error::User(error)) => *error.downcast::<E>().unwrap(),
        other => panic!("no declared exception: {other:?}"),
    }
}

fn declared_exceptions(client: &mut impl TInteropSyncClient) {
    let expected = Declined::new(-42, "as you said".to_owned(), Color::BELOW);
    assert_eq!(declared::<_, Declined>(client.fail("declined".into())), expected);
    assert_eq!(declared::<_, Declined>(client.fail_void("declined".into())), expected);
    let expected = Missing::new(vec!["a".to_owned(), String::new()]);
    assert_eq!(declared::<_, Missing>(client.fail("missing".into())), expected);
    declared::<_, Bare>(client.fail("bare".into()));
    let expected = Failed::new("elsewhere".to_owned(), Level::HIGH);
    assert_eq!(declared::<_, Failed>(client.fail("failed".into())), expected);
    let expected = Failed::new("a token below zero".to_owned(), None);
    assert_eq!(declared::<_, Failed>(client.recorded(-1)), expected);
    assert_eq!(client.fail("none".into()).unwrap(), "none");
    client.fail_void("none".into()).unwrap();
}

fn application_error<T: Debug>(outcome: thrift::Result<T>) -> ApplicationErrorKind {
    match outcome {
        Err(thrift::Error::Application(error)) => error.kind,
        other => panic!("no application exception: {other:?}"),
    }
}

fn application_exceptions(client: &mut impl TInteropSyncClient) {
    use ApplicationErrorKind::{InternalError, InvalidTransform};
    for (how, kind) in [("application", InvalidTransform), ("error", InternalError), ("panic", InternalError)] {
        assert_eq!(application_error(client.fail(how.into())), kind, "{how}");
        assert_eq!(application_error(client.fail_void(how.into())), kind, "{how}");
    }
    // Not declared by this method.
    assert_eq!(application_error(client.fail_void("missing".into())), InternalError);
    client.nothing().unwrap();
}

fn oneway(client: &mut impl TInteropSyncClient) {
    static TOKENS: AtomicI64 = AtomicI64::new(1);
    let token = TOKENS.fetch_add(1, Ordering::Relaxed);
    client.record(token, 5).unwrap();
    for how in ["declined", "application", "error", "panic", "none"] {
        client.record_and_fail(token, how.into()).unwrap();
    }
    assert_eq!(client.recorded(token).unwrap(), 10);
    assert_eq!(client.recorded(i64::MAX).unwrap(), 0);
}

/// What is left of the answer of a server with newer IDL.
pub(crate) fn newer(client: &mut impl TInteropSyncClient) {
    let got = client.echo_versioned(values::versioned()).unwrap();
    assert_eq!((got.number, got.kind, got.last.as_deref()), (Some(5), Some(Kind::Text("t".into())), Some("last")));
    assert_eq!(got.parts.unwrap().first().unwrap().name, "part");
    assert_eq!(application_error(client.echo_i32(1)), ApplicationErrorKind::UnknownMethod);
    assert_eq!(client.echo_versioned(values::versioned()).unwrap().number, Some(5));
}
