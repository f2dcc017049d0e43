//! Random values of the types that both sides know.

use crate::generated::interop::{
    Choice, Color, Containers, Defaults, Empty, Ids, Implicit, Keywords, Kind, Optional, Part, Required, Scalars, Tree,
    Versioned,
};
use crate::generated::interop_shared::{Level, Point};
use crate::generated::interop_uuid::{UuidChoice, Uuids};
use crate::values;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{SizeRange, select};
use thrift::OrderedFloat;
use uuid::Uuid;

fn real() -> impl Strategy<Value = OrderedFloat<f64>> {
    prop_oneof![any::<f64>(), select(values::DOUBLES.to_vec())].prop_map(OrderedFloat)
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![3 => any::<String>(), 1 => "[\0-~]{0,140}"]
}

fn block() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..40)
}

/// Values with names and values without.
fn color() -> impl Strategy<Value = Color> {
    prop_oneof![select(values::COLORS.to_vec()), any::<i32>().prop_map(Color)]
}

fn point() -> impl Strategy<Value = Point> {
    (real(), real()).prop_map(|(x, y)| Point::new(x, y))
}

pub(crate) fn scalars() -> impl Strategy<Value = Scalars> {
    let numbers = any::<(Option<bool>, Option<i8>, Option<i16>, Option<i32>, Option<i64>)>();
    let others =
        (option::of(real()), option::of(text()), option::of(block()), option::of(color()), any::<Option<i64>>());
    (numbers, others).prop_map(|((flag, small, medium, number, large), (real, text, bytes, color, token))| Scalars {
        flag,
        small,
        medium,
        number,
        large,
        real,
        text,
        bytes,
        color,
        token,
    })
}

pub(crate) fn required() -> impl Strategy<Value = Required> {
    let numbers = (any::<(bool, i8, i16, i32, i64)>(), real());
    let others = (text(), block(), color(), vec(any::<i32>(), 0..20));
    (numbers, others).prop_map(|(((flag, small, medium, number, large), real), (text, bytes, color, numbers))| {
        Required::new(flag, small, medium, number, large, real, text, bytes, color, Empty {}, numbers)
    })
}

pub(crate) fn optional(set: &SizeRange) -> impl Strategy<Value = Optional> {
    let containers = (
        option::of(vec(any::<i32>(), 0..5)),
        option::of(btree_set(text(), set.clone())),
        option::of(btree_map(any::<i32>(), text(), 0..4)),
    );
    (scalars(), option::of(scalars()), containers).prop_map(|(of, scalars, (numbers, words, names))| Optional {
        flag: of.flag,
        small: of.small,
        medium: of.medium,
        number: of.number,
        large: of.large,
        real: of.real,
        text: of.text,
        bytes: of.bytes,
        color: of.color,
        scalars,
        numbers,
        words,
        names,
    })
}

/// All fields are there: what is not, either side fills in by itself.
pub(crate) fn defaults(set: &SizeRange) -> impl Strategy<Value = Defaults> {
    let containers = (btree_set(text(), set.clone()), btree_map(text(), vec(color(), 0..3), 0..3));
    (required(), any::<i32>(), text(), containers, point()).prop_map(|(of, must, may, (words, palette), point)| {
        Defaults {
            flag: Some(of.flag),
            small: Some(of.small),
            medium: Some(of.medium),
            number: Some(of.number),
            large: Some(of.large),
            real: Some(of.real),
            text: Some(of.text),
            bytes: Some(of.bytes),
            color: Some(of.color),
            must,
            may: Some(may),
            numbers: Some(of.numbers),
            words: Some(words),
            palette: Some(palette),
            point: Some(point),
            level: Some(Level::LOW),
        }
    })
}

pub(crate) fn choice() -> impl Strategy<Value = Choice> {
    let leaf = prop_oneof![
        text().prop_map(Choice::Text),
        any::<i64>().prop_map(Choice::Number),
        scalars().prop_map(Choice::Scalars),
        any::<bool>().prop_map(Choice::Flag),
        block().prop_map(Choice::Bytes),
        color().prop_map(Choice::Color),
        Just(Choice::Empty(Empty {})),
        btree_map(text(), any::<i32>(), 0..4).prop_map(Choice::Counts),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| vec(inner, 0..3).prop_map(Choice::Several))
}

pub(crate) fn tree() -> impl Strategy<Value = Tree> {
    let leaf = text().prop_map(|label| Tree::new(label, vec![], None));
    leaf.prop_recursive(4, 16, 3, |inner| {
        let named = option::of(btree_map(text(), inner.clone(), 0..3));
        (text(), vec(inner, 0..3), named).prop_map(|(label, children, named)| Tree::new(label, children, named))
    })
}

pub(crate) fn keywords() -> impl Strategy<Value = Keywords> {
    (
        any::<Option<i32>>(),
        option::of(text()),
        any::<Option<bool>>(),
        vec(any::<i32>(), 0..3),
        option::of(text()),
        any::<i64>(),
    )
        .prop_map(|(type_, match_, fn_, impl_, r, mut_)| Keywords::new(type_, match_, fn_, impl_, r, mut_))
}

pub(crate) fn ids() -> impl Strategy<Value = Ids> {
    let others = (any::<Option<i32>>(), option::of(text()), any::<Option<i16>>());
    (any::<Option<bool>>(), any::<Option<bool>>(), others)
        .prop_map(|(far, sixteenth, (last, first, seventeenth))| Ids { last, far, first, sixteenth, seventeenth })
}

pub(crate) fn implicit() -> impl Strategy<Value = Implicit> {
    (option::of(vec(any::<bool>(), 0..20)), option::of(text()), any::<Option<i16>>(), any::<Option<i64>>())
        .prop_map(|(flags, text, numbered, number)| Implicit { flags, text, numbered, number })
}

pub(crate) fn versioned() -> impl Strategy<Value = Versioned> {
    let kind = prop_oneof![text().prop_map(Kind::Text), any::<i32>().prop_map(Kind::Number)];
    let parts = vec(text().prop_map(Part::new), 0..4);
    (any::<Option<i32>>(), option::of(kind), parts, option::of(text()))
        .prop_map(|(number, kind, parts, last)| Versioned::new(number, kind, parts, last))
}

pub(crate) fn uuids(set: &SizeRange) -> impl Strategy<Value = Uuids> {
    let one = || any::<[u8; 16]>().prop_map(Uuid::from_bytes);
    let several = move || vec(one(), 0..4);
    let choice = prop_oneof![one().prop_map(UuidChoice::Id), several().prop_map(UuidChoice::Ids)];
    let maps = (btree_map(one(), text(), 0..3), btree_map(text(), several(), 0..3));
    (one(), one(), option::of(one()), several(), btree_set(one(), set.clone()), maps, option::of(choice)).prop_map(
        |(id, must, may, several, unique, (by_id, named), choice)| {
            Uuids::new(id, must, may, several, unique, by_id, named, choice)
        },
    )
}

/// Containers, whose sets have so many elements.
pub(crate) fn containers(set: &SizeRange) -> impl Strategy<Value = Containers> {
    (lists(), sets(set), maps(), nested(set)).prop_map(|(lists, sets, maps, nested)| Containers {
        flag_set: sets.flag_set,
        small_set: sets.small_set,
        large_set: sets.large_set,
        real_set: sets.real_set,
        word_set: sets.word_set,
        block_set: sets.block_set,
        color_set: sets.color_set,
        point_set: sets.point_set,
        by_flag: maps.by_flag,
        by_small: maps.by_small,
        by_medium: maps.by_medium,
        by_number: maps.by_number,
        by_large: maps.by_large,
        by_real: maps.by_real,
        by_text: maps.by_text,
        by_block: maps.by_block,
        by_color: maps.by_color,
        by_point: maps.by_point,
        deep_lists: nested.deep_lists,
        deep_maps: nested.deep_maps,
        maps: nested.maps,
        sets: nested.sets,
        levels: nested.levels,
        ..lists
    })
}

fn some<T: std::fmt::Debug>(of: impl Strategy<Value = T>) -> impl Strategy<Value = Option<Vec<T>>> {
    vec(of, 0..20).prop_map(Some)
}

fn lists() -> impl Strategy<Value = Containers> {
    let scalar = (
        some(any::<bool>()),
        some(any::<i8>()),
        some(any::<i16>()),
        some(any::<i32>()),
        some(any::<i64>()),
        some(real()),
    );
    let long = (some(text()), some(block()), some(color()), option::of(vec(scalars(), 0..3)));
    (scalar, long, vec(choice(), 0..3), vec(Just(Empty {}), 0..20)).prop_map(
        |((flags, smalls, mediums, numbers, larges, reals), (texts, blocks, colors, structs), choices, empties)| {
            Containers {
                flags,
                smalls,
                mediums,
                numbers,
                larges,
                reals,
                texts,
                blocks,
                colors,
                structs,
                choices: Some(choices),
                empties: Some(empties),
                ..Containers::default()
            }
        },
    )
}

fn sets(len: &SizeRange) -> impl Strategy<Value = Containers> {
    let scalar = (
        btree_set(any::<bool>(), 0..2),
        btree_set(any::<i8>(), len.clone()),
        btree_set(any::<i64>(), len.clone()),
        btree_set(real(), len.clone()),
    );
    let other = (
        btree_set(text(), len.clone()),
        btree_set(block(), len.clone()),
        btree_set(color(), len.clone()),
        btree_set(point(), len.clone()),
    );
    (scalar, other).prop_map(|((flags, smalls, larges, reals), (words, blocks, colors, points))| Containers {
        flag_set: Some(flags),
        small_set: Some(smalls),
        large_set: Some(larges),
        real_set: Some(reals),
        word_set: Some(words),
        block_set: Some(blocks),
        color_set: Some(colors),
        point_set: Some(points),
        ..Containers::default()
    })
}

fn maps() -> impl Strategy<Value = Containers> {
    let integers = (
        btree_map(any::<bool>(), text(), 0..3),
        btree_map(any::<i8>(), any::<i8>(), 0..4),
        btree_map(any::<i16>(), any::<bool>(), 0..4),
        btree_map(any::<i32>(), any::<i64>(), 0..4),
        btree_map(any::<i64>(), real(), 0..4),
    );
    let others = (
        btree_map(real(), any::<i16>(), 0..4),
        btree_map(text(), block(), 0..4),
        btree_map(block(), text(), 0..4),
        btree_map(color(), color(), 0..4),
        btree_map(point(), scalars(), 0..3),
    );
    (integers, others).prop_map(|((flag, small, medium, number, large), (real, text, block, color, point))| {
        Containers {
            by_flag: Some(flag),
            by_small: Some(small),
            by_medium: Some(medium),
            by_number: Some(number),
            by_large: Some(large),
            by_real: Some(real),
            by_text: Some(text),
            by_block: Some(block),
            by_color: Some(color),
            by_point: Some(point),
            ..Containers::default()
        }
    })
}

fn nested(set: &SizeRange) -> impl Strategy<Value = Containers> {
    let lists = vec(vec(vec(any::<i32>(), 0..4), 0..3), 0..3);
    let words = btree_set(text(), set.clone());
    let maps = btree_map(text(), btree_map(any::<i32>(), vec(words, 0..3), 0..3), 0..3);
    let choices = vec(btree_map(any::<i64>(), choice(), 0..3), 0..3);
    let sets = vec(btree_set(any::<i32>(), set.clone()), 0..4);
    let levels = vec(btree_map(text(), any::<i32>().prop_map(Level), 0..3), 0..3);
    (lists, maps, choices, sets, levels).prop_map(|(deep_lists, deep_maps, maps, sets, levels)| Containers {
        deep_lists: Some(deep_lists),
        deep_maps: Some(deep_maps),
        maps: Some(maps),
        sets: Some(sets),
        levels: Some(levels),
        ..Containers::default()
    })
}
