//! Values that are hard to carry.

use crate::generated::interop::{
    Choice, Color, Containers, Defaults, Empty, Ids, Implicit, Keywords, Kind, Marked, Optional, Part, Required,
    Scalars, Tree, Versioned,
};
use crate::generated::interop_shared::{Level, Point};
use bifrost_rpc::reference::Ref;
use std::collections::{BTreeMap, BTreeSet};
use thrift::OrderedFloat;

pub(crate) const I8S: [i8; 5] = [i8::MIN, -1, 0, 1, i8::MAX];
pub(crate) const I16S: [i16; 8] = [i16::MIN, -129, -1, 0, 1, 63, 64, i16::MAX];
pub(crate) const I32S: [i32; 7] = [i32::MIN, -32769, -1, 0, 1, 1 << 20, i32::MAX];
pub(crate) const I64S: [i64; 8] = [i64::MIN, -(1 << 53) - 1, -1, 0, 1, (1 << 53) + 1, 1 << 56, i64::MAX];
pub(crate) const DOUBLES: [f64; 14] = [
    0.0,
    -0.0,
    1.0,
    -1.5,
    0.1,
    1e-7,
    1e22,
    5e-324,
    f64::MIN_POSITIVE,
    f64::MAX,
    f64::MIN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
];
pub(crate) const COLORS: [Color; 6] =
    [Color::RED, Color::BELOW, Color::FARTHEST, Color::NEAREST, Color(0), Color(4711)];

pub(crate) fn strings() -> Vec<String> {
    let short = [
        "",
        "a",
        "\0",
        "a\0b",
        "\"quoted\" \\ / \u{8}\u{c}\n\r\t\u{1}\u{1f}\u{7f}",
        "é€\u{2028}\u{feff}\u{fffd}\u{ffff}",
        "🦀\u{10ffff}",
        "\\u0041",
        "{\"1\":{\"str\":\"x\"}}",
    ];
    let mut strings: Vec<String> = short.map(str::to_owned).to_vec();
    strings.extend(["a".repeat(127), "a".repeat(128)]);
    strings
}

/// 64 KiB of it; Python takes its time for it in JSON.
pub(crate) fn long_strings() -> [String; 2] {
    ["é".repeat(16384), "x".repeat(65536)]
}

pub(crate) fn blocks() -> Vec<Vec<u8>> {
    let all: Vec<u8> = (0..=255).collect();
    vec![vec![], vec![0], vec![0xff], vec![1, 2], vec![1, 2, 3], vec![0x80, 1, 0, 1], all]
}

pub(crate) fn long_block() -> Vec<u8> {
    (0..=255).cycle().take(65536).collect()
}

pub(crate) fn full() -> Scalars {
    let real = OrderedFloat(-0.0);
    Scalars::new(
        true,
        -128,
        i16::MIN,
        i32::MIN,
        i64::MIN,
        real,
        "text 🦀".to_owned(),
        vec![0, 255],
        Color::BELOW,
        1 << 62,
    )
}

pub(crate) fn required() -> Required {
    let real = OrderedFloat(5e-324);
    let bytes = (0..=255).collect();
    Required::new(false, 127, i16::MAX, i32::MAX, i64::MAX, real, "\0".into(), bytes, Color(77), Empty {}, vec![1, -1])
}

pub(crate) fn optionals() -> Vec<Optional> {
    let words = BTreeSet::from(["w".to_owned()]);
    let names = BTreeMap::from([(-1, String::new())]);
    vec![
        Optional::default(),
        Optional {
            flag: Some(false),
            number: Some(0),
            text: Some(String::new()),
            bytes: Some(vec![]),
            scalars: Some(Scalars::default()),
            numbers: Some(vec![]),
            words: Some(BTreeSet::new()),
            names: Some(BTreeMap::new()),
            ..Optional::default()
        },
        Optional {
            small: Some(1),
            medium: Some(2),
            large: Some(4),
            real: Some(OrderedFloat(5.5)),
            color: Some(Color::BLUE),
            scalars: Some(full()),
            numbers: Some(vec![1]),
            words: Some(words),
            names: Some(names),
            ..Optional::default()
        },
    ]
}

pub(crate) fn choices() -> Vec<Choice> {
    let inner = Choice::Several(vec![Choice::Number(0)]);
    vec![
        Choice::Text("🦀".to_owned()),
        Choice::Number(i64::MIN),
        Choice::Scalars(full()),
        Choice::Several(vec![]),
        Choice::Several(vec![Choice::Flag(false), inner]),
        Choice::Flag(false),
        Choice::Bytes(vec![]),
        Choice::Color(Color(4711)),
        Choice::Empty(Empty {}),
        Choice::Counts(BTreeMap::from([(String::new(), -1), ("b".to_owned(), 2)])),
    ]
}

/// Every container, with everything in it.
pub(crate) fn containers() -> Containers {
    let doubles = || DOUBLES.into_iter().map(OrderedFloat);
    let point = |x| Point::new(OrderedFloat(x), OrderedFloat(-0.5));
    Containers {
        flags: Some(vec![true, false, true]),
        smalls: Some(I8S.to_vec()),
        mediums: Some(I16S.to_vec()),
        numbers: Some(I32S.to_vec()),
        larges: Some(I64S.to_vec()),
        reals: Some(doubles().collect()),
        texts: Some(strings()),
        blocks: Some(blocks()),
        colors: Some(COLORS.to_vec()),
        structs: Some(vec![full(), Scalars::default()]),
        choices: Some(choices()),
        empties: Some(vec![Empty {}, Empty {}]),
        flag_set: Some(BTreeSet::from([true, false])),
        small_set: Some(BTreeSet::from(I8S)),
        large_set: Some(BTreeSet::from(I64S)),
        real_set: Some(doubles().collect()),
        word_set: Some(strings().into_iter().collect()),
        block_set: Some(blocks().into_iter().collect()),
        color_set: Some(BTreeSet::from(COLORS)),
        point_set: Some(BTreeSet::from([point(1.0), point(f64::INFINITY)])),
        by_flag: Some(BTreeMap::from([(true, String::new()), (false, "no".to_owned())])),
        by_small: Some(I8S.map(|n| (n, n)).into()),
        by_medium: Some(I16S.map(|n| (n, n > 0)).into()),
        by_number: Some(I32S.map(|n| (n, i64::from(n) - 1)).into()),
        by_large: Some(I64S.map(|n| (n, OrderedFloat(0.5))).into()),
        by_real: Some(doubles().map(|n| (n, 1)).collect()),
        by_text: Some(strings().into_iter().map(|text| (text, vec![0xff])).collect()),
        by_block: Some(blocks().into_iter().map(|block| (block, "b".to_owned())).collect()),
        by_color: Some(COLORS.map(|color| (color, Color::GREEN)).into()),
        by_point: Some(BTreeMap::from([(point(0.5), full()), (point(-0.5), Scalars::default())])),
        ..nested()
    }
}

/// Containers in containers.
fn nested() -> Containers {
    let words = BTreeSet::from([String::new(), "x".to_owned()]);
    let deep = BTreeMap::from([(-1, vec![]), (2, vec![BTreeSet::new(), words])]);
    Containers {
        deep_lists: Some(vec![vec![vec![1], vec![]], vec![], vec![vec![2, i32::MIN]]]),
        deep_maps: Some(BTreeMap::from([(String::new(), BTreeMap::new()), ("a".to_owned(), deep)])),
        maps: Some(vec![BTreeMap::new(), choices().into_iter().zip(-5..).map(|(choice, n)| (n, choice)).collect()]),
        sets: Some(vec![BTreeSet::new(), BTreeSet::from([1, 2])]),
        levels: Some(vec![BTreeMap::from([("l".to_owned(), Level::LOW), ("?".to_owned(), Level(99))])]),
        ..Containers::default()
    }
}

/// A tree that is a list's and a map's child in turn.
pub(crate) fn tree(levels: usize) -> Tree {
    let leaf = Tree::new("leaf".to_owned(), vec![], BTreeMap::new());
    (0..levels).fold(leaf, |child, level| {
        let label = level.to_string();
        if level % 2 == 0 {
            return Tree::new(label, vec![child], BTreeMap::new());
        }
        Tree::new(label, vec![], BTreeMap::from([("only".to_owned(), child)]))
    })
}

pub(crate) fn defaults() -> Vec<Defaults> {
    vec![
        Defaults::default(),
        Defaults { text: Some(String::new()), words: Some(BTreeSet::new()), ..Defaults::default() },
    ]
}

pub(crate) fn keywords() -> Keywords {
    Keywords::new(1, "m".to_owned(), false, vec![4], "r".to_owned(), -6)
}

pub(crate) fn ids() -> Ids {
    Ids {
        last: Some(1),
        far: Some(true),
        first: Some("first".to_owned()),
        sixteenth: Some(false),
        seventeenth: Some(17),
    }
}

pub(crate) fn marked() -> Marked {
    let text = |text: &str| Ref::by_reference(text.to_owned());
    let numbers = BTreeMap::from([(-1, Ref::from(I64S.to_vec())), (1, Ref::from(vec![]))]);
    Marked::new(Ref::from(vec![0; 100_000]), vec![text(""), text("é")], numbers, Ref::from(full()))
}

pub(crate) fn implicit() -> Implicit {
    Implicit { flags: Some(vec![true, false]), text: Some(String::new()), numbered: Some(5), number: Some(-1) }
}

pub(crate) fn versioned() -> Versioned {
    Versioned::new(5, Kind::Text("t".to_owned()), vec![Part::new("p".to_owned())], "last".to_owned())
}
