use proptest::prelude::*;

use super::super::super::bits::Slot;
use super::super::super::program::{After, Holds, KeyField};
use super::*;

/// A table with these fields (kind and width), each beginning at a byte of the lookup key.
fn spec(kind: MatchKind, fields: &[(MatchKind, u32)], size: usize) -> TableSpec {
    let mut at = 0;
    let mut key = Vec::new();
    for &(kind, width) in fields {
        let bytes = width.div_ceil(8) as usize;
        let slot = Some(Slot::padded(0, width));
        key.push(KeyField { name: String::new(), kind, header: 0, slot, width, at, bytes, mask: None });
        at += bytes;
    }
    TableSpec {
        name: String::new(),
        kind,
        steps: key::steps(&key),
        key,
        key_bytes: at,
        holds: Holds::Actions,
        size,
        with_counters: true,
        meter: None,
        actions: vec![0],
        after: After::Action(vec![None]),
        after_miss: None,
        default: None,
        const_action: None,
        entries: Vec::new(),
        immutable: false,
        data_bytes: 4,
    }
}

/// An entry of the model.
#[derive(Clone, Debug)]
struct Kept {
    handle: u32,
    key: Vec<MatchParam>,
    priority: i32,
    target: u32,
}

fn number(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |value, &byte| value << 8 | u32::from(byte))
}

fn matches(param: &MatchParam, width: u32, value: u32) -> bool {
    match param {
        MatchParam::Exact(key) => number(key) == value,
        MatchParam::Lpm(key, length) => (number(key) ^ value) >> (width - length) == 0,
        MatchParam::Ternary(key, mask) => (number(key) ^ value) & number(mask) == 0,
        MatchParam::Range(low, high) => (number(low)..=number(high)).contains(&value),
        MatchParam::Valid(_) => false,
    }
}

/// The entry that wins, by looking at all.
fn best<'a>(kept: &'a [Kept], widths: &[u32], values: &[u32]) -> Option<&'a Kept> {
    let rank = |entry: &Kept| {
        let length = entry
            .key
            .iter()
            .find_map(|param| if let MatchParam::Lpm(_, length) = param { Some(*length) } else { None });
        (length.map(|length| u32::MAX - length), entry.priority, entry.handle & 0x00ff_ffff)
    };
    let hits =
        |entry: &&Kept| entry.key.iter().zip(widths).zip(values).all(|((p, &width), &value)| matches(p, width, value));
    kept.iter().filter(hits).min_by_key(|entry| rank(entry))
}

#[derive(Clone, Debug)]
enum Step {
    Add { values: Vec<u16>, others: Vec<u16>, priority: i32 },
    Delete(prop::sample::Index),
    Lookup(Vec<u16>),
    LookupNear(prop::sample::Index),
}

fn steps(fields: usize) -> impl Strategy<Value = Vec<Step>> {
    // Few values, so that entries meet.
    let value = || prop::collection::vec(prop::sample::select(vec![0u16, 1, 2, 3, 0x80, 0xff, 0x1ff, 0x1fe]), fields);
    let mask = prop::collection::vec(prop::sample::select(vec![0u16, 1, 3, 0x80, 0x1ff, 0x1f0]), fields);
    prop::collection::vec(
        prop_oneof![
            4 => (value(), mask, 0..4i32).prop_map(|(values, others, priority)| Step::Add { values, others, priority }),
            2 => any::<prop::sample::Index>().prop_map(Step::Delete),
            2 => value().prop_map(Step::Lookup),
            2 => any::<prop::sample::Index>().prop_map(Step::LookupNear),
        ],
        1..120,
    )
}

fn param(kind: MatchKind, width: u32, value: u16, other: u16) -> MatchParam {
    let bytes = |value: u16| {
        let value = u32::from(value) & ((1 << width) - 1);
        value.to_be_bytes()[4 - width.div_ceil(8) as usize..].to_vec()
    };
    match kind {
        MatchKind::Exact => MatchParam::Exact(bytes(value)),
        MatchKind::Lpm => MatchParam::Lpm(bytes(value), u32::from(other) % (width + 1)),
        MatchKind::Ternary => MatchParam::Ternary(bytes(value), bytes(other)),
        _ => MatchParam::Range(bytes(value.min(other)), bytes(value.max(other))),
    }
}

/// What makes two entries the same.
fn identity(fields: &[(MatchKind, u32)], key: &[MatchParam], priority: i32) -> (Vec<(u32, u32)>, i32) {
    let field = |(&(_, width), param): (&(MatchKind, u32), &MatchParam)| match param {
        MatchParam::Lpm(key, length) => (number(key) >> (width - length) << (width - length), *length),
        MatchParam::Ternary(key, mask) => (number(key) & number(mask), number(mask)),
        MatchParam::Range(low, high) => (number(low), number(high)),
        MatchParam::Exact(key) => (number(key), 0),
        MatchParam::Valid(_) => (0, 0),
    };
    let ranked = fields.iter().any(|(kind, _)| *kind >= MatchKind::Ternary);
    (fields.iter().zip(key).map(field).collect(), if ranked { priority } else { 0 })
}

fn run(kind: MatchKind, fields: &[(MatchKind, u32)], steps: &[Step]) {
    let spec = spec(kind, fields, 24);
    let widths: Vec<u32> = fields.iter().map(|&(_, width)| width).collect();
    let (mut table, mut kept, mut next): (_, Vec<Kept>, u32) = (Table::new(&spec), Vec::new(), 0);
    let lookup = |table: &mut Table, kept: &[Kept], values: &[u32]| {
        let key: Vec<u8> = values
            .iter()
            .zip(&widths)
            .flat_map(|(value, &width)| value.to_be_bytes()[4 - width.div_ceil(8) as usize..].to_vec())
            .collect();
        let found = table.lookup(&spec, &key).map(|spot| (table.handle(table.place_at(spot)), table.target(spot).0));
        assert_eq!(
            found,
            best(kept, &widths, values).map(|entry| (entry.handle, entry.target)),
            "key {key:?}, entries {kept:?}"
        );
    };
    for step in steps {
        match step {
            Step::Add { values, others, priority } => {
                let key: Vec<MatchParam> = fields
                    .iter()
                    .zip(values.iter().zip(others))
                    .map(|(&(kind, width), (&value, &other))| param(kind, width, value, other))
                    .collect();
                let same =
                    |entry: &Kept| identity(fields, &entry.key, entry.priority) == identity(fields, &key, *priority);
                let expected = if kept.iter().any(same) {
                    Err(TableError::DuplicateEntry)
                } else if kept.len() == 24 {
                    Err(TableError::TableFull)
                } else {
                    Ok(())
                };
                let added = table.add(&spec, &key, *priority, next, &next.to_le_bytes());
                assert_eq!(added.map(|_| ()), expected);
                if let Ok(handle) = added {
                    assert_eq!(table.find(&spec, &key, *priority), Ok(Some(handle & 0x00ff_ffff)));
                    kept.push(Kept { handle, key, priority: *priority, target: next });
                    next += 1;
                }
            }
            Step::Delete(index) if !kept.is_empty() => {
                let entry = kept.swap_remove(index.index(kept.len()));
                let record = table.place(entry.handle).unwrap();
                table.delete(record);
                assert!(table.place(entry.handle).is_err());
            }
            Step::Lookup(values) => {
                let values: Vec<u32> =
                    values.iter().zip(&widths).map(|(&v, &w)| u32::from(v) & ((1 << w) - 1)).collect();
                lookup(&mut table, &kept, &values);
            }
            Step::LookupNear(index) if !kept.is_empty() => {
                let value = |param: &MatchParam| match param {
                    MatchParam::Exact(key) | MatchParam::Lpm(key, _) | MatchParam::Ternary(key, _) => number(key),
                    MatchParam::Range(_, high) => number(high),
                    MatchParam::Valid(_) => 0,
                };
                let values: Vec<u32> = kept[index.index(kept.len())].key.iter().map(value).collect();
                lookup(&mut table, &kept, &values);
            }
            _ => {}
        }
        assert_eq!(table.len(), kept.len());
        for entry in &kept {
            let record = table.place(entry.handle).unwrap();
            assert_eq!(table.target(table.spot(record)).0, entry.target);
            let (key, _) = table.key(&spec, record);
            assert_eq!(identity(fields, &key, 0), identity(fields, &entry.key, 0), "it is listed as it was added");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn exact_tables_are_maps(steps in steps(2)) {
        run(MatchKind::Exact, &[(MatchKind::Exact, 9), (MatchKind::Exact, 16)], &steps);
    }

    #[test]
    fn the_longest_prefix_wins(steps in steps(2)) {
        run(MatchKind::Lpm, &[(MatchKind::Exact, 2), (MatchKind::Lpm, 9)], &steps);
    }

    #[test]
    fn the_lowest_priority_number_wins_then_the_lowest_place(steps in steps(2)) {
        run(MatchKind::Ternary, &[(MatchKind::Ternary, 9), (MatchKind::Exact, 2)], &steps);
        run(MatchKind::Ternary, &[(MatchKind::Ternary, 8), (MatchKind::Ternary, 9)], &steps);
    }

    #[test]
    fn ranges_include_both_ends(steps in steps(2)) {
        run(MatchKind::Range, &[(MatchKind::Range, 9), (MatchKind::Ternary, 8)], &steps);
    }
}

#[test]
fn a_handle_says_whose_place_was_taken_since() {
    let spec = spec(MatchKind::Exact, &[(MatchKind::Exact, 8)], 8);
    let mut table = Table::new(&spec);
    let key = |value: u8| [MatchParam::Exact(vec![value])];
    let (a, b) = (table.add(&spec, &key(1), 0, 0, &[]).unwrap(), table.add(&spec, &key(2), 0, 0, &[]).unwrap());
    assert_eq!((a, b), (0, 1));
    table.delete(0);
    assert_eq!(table.place(a), Err(TableError::InvalidHandle));
    let c = table.add(&spec, &key(3), 0, 0, &[]).unwrap();
    assert_eq!(c, 1 << 24, "the same place, the next version");
    assert_eq!(table.place(a), Err(TableError::ExpiredHandle));
    assert_eq!(table.place(7), Err(TableError::InvalidHandle));
}

#[test]
fn keys_of_the_wrong_shape_are_refused() {
    let spec = spec(MatchKind::Range, &[(MatchKind::Range, 9), (MatchKind::Lpm, 9)], 8);
    let mut table = Table::new(&spec);
    let (range, prefix) = (MatchParam::Range(vec![0, 1], vec![0, 2]), MatchParam::Lpm(vec![0, 1], 9));
    let bad = [
        vec![range.clone()],
        vec![prefix.clone(), range.clone()],
        vec![MatchParam::Range(vec![0, 2], vec![0, 1]), prefix.clone()],
        vec![range.clone(), MatchParam::Lpm(vec![0, 1], 10)],
        vec![range.clone(), MatchParam::Lpm(vec![1], 1)],
        vec![range.clone(), MatchParam::Lpm(vec![2, 1], 9)],
        vec![MatchParam::Range(vec![0, 1], vec![2, 2]), prefix.clone()],
    ];
    for key in bad {
        assert_eq!(table.add(&spec, &key, 0, 0, &[]), Err(TableError::BadMatchKey), "{key:?}");
    }
    assert!(table.add(&spec, &[range, prefix], 0, 0, &[]).is_ok());
}
