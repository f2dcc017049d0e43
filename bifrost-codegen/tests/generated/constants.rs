//! Constants and defaults are what the IDL says.

use crate::golden::fields::{Color, Defaults, Implicit, Negative, Point, Required, Shape, Silent};
use crate::golden::{base, const_, constants as c, recursion};
use bifrost_rpc::thrift::OrderedFloat;
use bifrost_rpc::uuid::Uuid;
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn simple_constants() {
    assert_eq!((c::YES, c::NO), (true, false));
    assert_eq!((c::SMALL, c::PORT, c::COUNT, c::LARGE), (-128, 8080, 7, i64::MIN));
    assert_eq!(c::TEXT, "it's \"quoted\" \\ {braces} \r\n");
    assert_eq!(c::EMPTY, "");
    assert_eq!(c::BYTES, [0, 0x7f, 0xff, b'\'', b'"', b'\\']);
    assert_eq!(c::ID, Uuid::parse_str("6ba7b810-9dad-11d1-80b4-00c04fd430c8").unwrap());
    let wait: c::Seconds = c::WAIT;
    assert_eq!((wait, c::NUMBER_OF_COLOR, const_::IN_), (7, 16, 3));
}

#[test]
fn other_constants() {
    assert_eq!(c::ConstRATIO::const_value(), OrderedFloat(1.5));
    assert_eq!(c::ConstBIG::const_value(), OrderedFloat(1e300));
    assert_eq!(c::ConstLENGTH::const_value(), OrderedFloat(1.5));
    assert_eq!(c::ConstCOLOR::const_value(), Color::BLUE);
    assert_eq!(c::ConstSAME::const_value(), Color::BLUE);
    assert_eq!(c::ConstNUMBERS::const_value(), [1, 2, 7, 3]);
    assert_eq!(c::ConstMANY::const_value().len(), 12);
    assert_eq!(c::ConstLISTS::const_value()[0], ["a", c::TEXT]);
    assert_eq!(c::ConstSET::const_value(), BTreeSet::from([1, 2, 3]));
    assert_eq!(c::ConstMAP::const_value(), BTreeMap::from([("a".to_owned(), 1), ("b".to_owned(), 2)]));
    assert_eq!(c::ConstPOINTS::const_value()["one"], [Point::new(OrderedFloat(1.5), OrderedFloat(-2.0))]);
    assert!(c::ConstNONUMBERS::const_value().is_empty() && c::ConstNOPAIRS::const_value().is_empty());
    assert_eq!(c::ConstPARTLY::const_value(), Point::new(OrderedFloat(0.25), OrderedFloat(9.0)));
    assert_eq!(c::ConstCIRCLE::const_value(), Shape::Circle(OrderedFloat(1.5)));
    let Required { c: blocks, p, .. } = c::ConstREQUIRED::const_value();
    assert_eq!(blocks, [b"c".to_vec(), c::BYTES.to_vec()]);
    assert_eq!(p, Point::default());
    let recursion::Expression::Sum(two) = recursion::ConstTWO::const_value() else { panic!("no sum") };
    assert_eq!(*two.left, recursion::Expression::Number(1));
    assert_eq!(recursion::ConstLEAVES::const_value().more.unwrap().len(), 2);
}

#[test]
fn defaults_are_honoured() {
    let d = Defaults::default_with_must();
    assert_eq!(
        (d.truth, d.small, d.port, d.count, d.large),
        (Some(true), Some(-128), Some(8080), Some(7), Some(i64::MAX))
    );
    assert_eq!((d.ratio, d.whole), (Some(OrderedFloat(1.5)), Some(OrderedFloat(2.0))));
    assert_eq!(d.text.unwrap(), "a \"quoted\" text\twith\n\\ and 'ü' \x7f");
    assert_eq!(d.bytes.unwrap(), [0, 0xff, 0xc3, 0xa9, b'"']);
    assert_eq!(d.id.unwrap(), Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff));
    assert_eq!(d.color, Some(Color::GREEN));
    assert_eq!(d.colors.unwrap()[&1], [Color::RED, Color::GREEN]);
    assert_eq!(d.point.unwrap().x, Some(OrderedFloat(1.5)));
    assert_eq!(d.shape, Some(Shape::Circle(OrderedFloat(2.5))));
    assert_eq!((d.maybe, d.must, d.none), (Some(5), 6, None));
}

impl Defaults {
    fn default_with_must() -> Self {
        Self::default()
    }
}

#[test]
fn what_is_not_said_is_empty_as_with_apache() {
    let s = Silent::default();
    assert_eq!((s.truth, s.count, s.text), (Some(false), Some(0), Some(String::new())));
    assert_eq!((s.id, s.color, s.point), (Some(Uuid::nil()), None, None));
    assert_eq!(Implicit::default().second, Some(String::new()));
}

#[test]
fn field_ids_are_those_of_the_idl() {
    let bytes = crate::wire::to_bytes::<bifrost_rpc::protocol::Binary, _>(&Negative::new(3, 2, 1, vec![]));
    let expected: [&[u8]; 5] = [
        &[3, 0x80, 0, 3],
        &[8, 0xff, 0xf8, 0, 0, 0, 2],
        &[8, 0xff, 0xf9, 0, 0, 0, 1],
        &[11, 0x7f, 0xff, 0, 0, 0, 0],
        &[0],
    ];
    assert_eq!(bytes, expected.concat());
    let bytes = crate::wire::to_bytes::<bifrost_rpc::protocol::Binary, _>(&Implicit::new(4, None, 1, true));
    let expected: [&[u8]; 4] = [&[8, 0xff, 0xfd, 0, 0, 0, 4], &[8, 0xff, 0xff, 0, 0, 0, 1], &[2, 0, 5, 1], &[0]];
    assert_eq!(bytes, expected.concat());
}

#[test]
fn enums_convert_as_with_apache() {
    assert_eq!(Color::from(3), Color::GREEN);
    assert_eq!(i32::from(&Color(99)), 99);
    assert_eq!(Color::ENUM_VALUES, [Color::RED, Color::GREEN, Color::BLUE, Color::BEYOND, Color::BELOW]);
    assert_eq!((Color::BEYOND.0, Color::BELOW.0), (17, -1));
}

#[test]
fn exceptions_are_errors() {
    let error = thrift::Error::from(base::Sorry::new("why".to_owned(), None));
    let thrift::Error::User(user) = error else { panic!("no user error") };
    assert_eq!(user.to_string(), "remote service threw Sorry");
    assert!(user.is::<base::Sorry>());
}
