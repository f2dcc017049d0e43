//! Values of every shape survive.

use crate::golden::fields::{Color, Deep, Defaults, Implicit, Keys, Negative, Nothing, Point, Shape, Silent};
use crate::golden::recursion::{Even, Expression, Forest, Later, Odd, Sum, Tree, Uses};
use crate::golden::{constants, example, grammar, names_and_shapes as names};
use crate::wire::{round_trips, to_bytes};
use bifrost_rpc::protocol::Binary;
use bifrost_rpc::thrift::OrderedFloat;
use bifrost_rpc::uuid::Uuid;
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn structs_with_all_kinds_of_fields() {
    round_trips(Defaults::default());
    round_trips(Silent::default());
    round_trips(Nothing {});
    round_trips(Implicit::new(4, "two".to_owned(), 1, true));
    round_trips(Negative::new(3, 2, -1, vec![0, 255]));
}

/// As Apache's generators write them, however the IDL has them.
#[test]
fn fields_are_written_by_rising_ids() {
    let bytes = to_bytes::<Binary, _>(&Negative::new(3, 2, -1, vec![7]));
    let expected = [
        &[3, 0x80, 0, 3][..],
        &[8, 0xff, 0xf8, 0, 0, 0, 2],
        &[8, 0xff, 0xf9, 0xff, 0xff, 0xff, 0xff],
        &[11, 0x7f, 0xff, 0, 0, 0, 1, 7, 0],
    ];
    assert_eq!(bytes, expected.concat());
}

#[test]
fn keys_of_any_type() {
    let point = Point::new(OrderedFloat(1.0), OrderedFloat(-0.0));
    let circle = Shape::Circle(OrderedFloat(2.0));
    let inner = Keys::default();
    let sets = BTreeSet::from([BTreeMap::from([(1, true), (-1, false)]), BTreeMap::new()]);
    round_trips(Keys::new(
        BTreeMap::from([(point.clone(), 1)]),
        BTreeMap::from([(OrderedFloat(0.5), circle.clone())]),
        BTreeSet::from([circle, Shape::Corner(point), Shape::Pixels(vec![1, 2])]),
        BTreeMap::from([(vec![1, 2], sets)]),
        BTreeSet::from([Uuid::from_u128(7), Uuid::nil()]),
        BTreeMap::from([(Color::BLUE, vec![9]), (Color(77), vec![])]),
        BTreeMap::from([(Implicit::new(4, "two".to_owned(), 1, false), inner)]),
    ));
}

#[test]
fn unions_and_recursive_types() {
    let number = Expression::Number;
    round_trips(Expression::Sum(Sum::new(Box::new(number(1)), Box::new(number(2)))));
    round_trips(Expression::Product(vec![number(3), Expression::Negated(Box::new(number(4)))]));
    round_trips(constants::ConstSHAPES::const_value());
    let leaf = Tree::new(None, None, vec![], 1, None);
    round_trips(Tree::new(Box::new(leaf.clone()), None, vec![leaf.clone()], 2, Box::new(leaf)));
    let forest = Forest::new(vec![], BTreeMap::new(), vec![1]);
    round_trips(Forest::new(vec![forest.clone()], BTreeMap::from([("a".to_owned(), forest)]), vec![2]));
    let even = Even::new(None, "even".to_owned());
    let odd = Odd::new(Box::new(even.clone()), BTreeSet::from([even]));
    round_trips(Even::new(odd, "outer".to_owned()));
    // No box where a type does not hold itself.
    round_trips(Uses::new(Later::new(1), vec![Later::new(2)], None));
}

fn named<T>(inner: T) -> BTreeMap<String, T> {
    BTreeMap::from([("k".to_owned(), inner)])
}

#[test]
fn very_deep_types() {
    let points = vec![Point::default()];
    let deep = named(named(named(named(named(named(BTreeSet::from([points])))))));
    let key = vec![BTreeSet::from([BTreeMap::from([(1, "x".to_owned())])])];
    let value = vec![BTreeMap::from([("y".to_owned(), BTreeSet::from([vec![1_u8]]))])];
    round_trips(Deep::new(None, deep, BTreeMap::from([(key, value)])).with_lists());
}

impl Deep {
    fn with_lists(mut self) -> Self {
        self.lists =
            Some(vec![vec![vec![vec![vec![vec![vec![vec![vec![vec![vec![vec![vec![vec![vec![vec![7]]]]]]]]]]]]]]]]);
        self
    }
}

#[test]
fn the_deepest_types_and_all_keywords() {
    let keywords =
        grammar::Keywords { async_: Some(1), self_: Some(2), union: Some(3), r: Some(4), ..Default::default() };
    round_trips(keywords);
    let deep = grammar::VeryDeep { deep: Some(vec![vec![], vec![vec![vec![]]]]), ..Default::default() };
    round_trips(deep);
    round_trips(grammar::ConstUNION::const_value());
    round_trips(grammar::Schema::new(1, 2, "a".to_owned(), "t".to_owned()));
    assert_eq!((grammar::Hex::LOW.0, grammar::Hex::NEXT.0, grammar::Hex::MIN.0), (-16, -15, i32::MIN));
    assert_eq!(grammar::Same::C, grammar::Same(2));
}

#[test]
fn types_with_the_names_of_rust() {
    let option = names::Option::default();
    round_trips(names::Error::new("r".to_owned(), option.clone()));
    round_trips(names::From::new(names::Vec::new(vec![1], vec![vec![2]])));
    round_trips(names::Result::new(names::Box::default(), names::Ok::SOME));
    round_trips(names::Collide::new(1, 2, 3, 4, 5));
    round_trips(names::Either::LeftSide(names::Ok::ERR));
    round_trips(names::Either::LeftSide_(5));
    round_trips(names::Into::new(1, 2, true, 3, "t".to_owned()));
    round_trips(names::Type::new(1, 2));
    assert_eq!(names::Ok::ENUM_VALUES.len(), 5);
    assert_eq!(names::Ok::ENUM_VALUES_, names::Ok(1));
}

#[test]
fn the_example() {
    let value = example::Value::Items(vec![
        example::Value::Text("t".to_owned()),
        example::Value::Data(vec![0; 5000]),
        example::Value::Pointer(Uuid::from_u128(1)),
    ]);
    let labels = BTreeSet::from(["a".to_owned()]);
    round_trips(example::Entry::new("k".to_owned(), value, 3, labels));
    assert_eq!(example::Policy::default().entries_max, 1024);
    assert_eq!(example::ConstDEFAULTPOLICY::const_value().eviction, example::Eviction::OLDEST);
}
