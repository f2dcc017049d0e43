//! Which fields are boxed.
//!
//! [`Boxing::Minimal`]: the structs are walked depth first, in order of definition, along the fields that hold a
//! struct without a container in between; a field that leads back to a struct whose walk is not over yet is boxed.
//! Leave any of these boxes out and a struct holds itself. Includes have no cycles, so that what a file's types look
//! like does not depend on other files.
//!
//! [`Boxing::Apache`]: whatever is used before its definition in the same file.

use super::options::{Boxing, Options};
use crate::schema::{Field, Id, Item, Schema, Type};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug)]
pub(super) struct Boxes {
    boxing: Boxing,
    /// Structs, and the structs that their fields hold in a box.
    edges: BTreeSet<(Id, Id)>,
}

impl Boxes {
    pub(super) fn new(schema: &Schema, options: &Options) -> Self {
        let edges = match options.boxing {
            Boxing::Minimal => back_edges(&edges(schema)),
            Boxing::Apache => BTreeSet::new(),
        };
        Self { boxing: options.boxing, edges }
    }

    /// Whether a field of a struct is boxed as a whole.
    pub(super) fn holds_box(&self, schema: &Schema, owner: Id, field: &Field) -> bool {
        let Type::Struct(target) = schema.value_type(&field.field_type) else {
            return false;
        };
        self.boxing == Boxing::Minimal && (field.reference || self.edges.contains(&(owner, *target)))
    }

    /// Whether a type, wherever it stands in a definition, is boxed there.
    pub(super) fn is_forward(&self, schema: &Schema, owner: Id, of: &Type) -> bool {
        let (Type::Typedef(target) | Type::Enum(target) | Type::Struct(target)) = of else {
            return false;
        };
        self.boxing == Boxing::Apache
            && owner.file == target.file
            && owner.index <= target.index
            && matches!(schema.actual(of), Type::Struct(_) | Type::Enum(_))
    }
}

/// The structs that each struct holds without a container or a `&` in between.
fn edges(schema: &Schema) -> BTreeMap<Id, Vec<Id>> {
    let mut edges = BTreeMap::new();
    for (file, f) in schema.files.iter().enumerate() {
        for (index, definition) in f.definitions.iter().enumerate() {
            if let Item::Struct(s) = &definition.item {
                let held = s.fields.iter().filter(|field| !field.reference);
                let targets = held.filter_map(|field| match schema.value_type(&field.field_type) {
                    Type::Struct(target) => Some(*target),
                    _ => None,
                });
                edges.insert(Id { file, index }, targets.collect());
            }
        }
    }
    edges
}

/// The edges of a depth-first walk that lead back to where it came from.
fn back_edges(edges: &BTreeMap<Id, Vec<Id>>) -> BTreeSet<(Id, Id)> {
    let mut found = BTreeSet::new();
    // Whether the walk of a struct is over.
    let mut visits: BTreeMap<Id, bool> = BTreeMap::new();
    for root in edges.keys() {
        if visits.contains_key(root) {
            continue;
        }
        visits.insert(*root, false);
        let mut path = vec![(*root, 0)];
        while let Some((id, next)) = path.last_mut() {
            let Some(target) = edges.get(id).and_then(|targets| targets.get(*next)) else {
                visits.insert(*id, true);
                path.pop();
                continue;
            };
            *next += 1;
            match visits.get(target) {
                Some(true) => {}
                Some(false) => {
                    found.insert((*id, *target));
                }
                None => {
                    visits.insert(*target, false);
                    path.push((*target, 0));
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Pairs = &'static [(usize, usize)];

    fn id(index: usize) -> Id {
        Id { file: 0, index }
    }

    fn graph(pairs: &[(usize, usize)]) -> BTreeMap<Id, Vec<Id>> {
        let mut edges: BTreeMap<Id, Vec<Id>> = BTreeMap::new();
        for (from, to) in pairs {
            edges.entry(id(*from)).or_default().push(id(*to));
            edges.entry(id(*to)).or_default();
        }
        edges
    }

    /// Whether no path leads from a node back to it.
    fn is_acyclic(pairs: &BTreeSet<(Id, Id)>) -> bool {
        let mut left = pairs.clone();
        loop {
            let targets: BTreeSet<Id> = left.iter().map(|(_, to)| *to).collect();
            let before = left.len();
            // What nothing leads to is in no cycle.
            left.retain(|(from, _)| targets.contains(from));
            if left.len() == before {
                return left.is_empty();
            }
        }
    }

    #[test]
    fn the_field_that_leads_back_is_boxed() {
        let table: [(Pairs, Pairs); 5] = [
            (&[(0, 1), (1, 2)], &[]),
            (&[(0, 0)], &[(0, 0)]),
            (&[(0, 1), (1, 0)], &[(1, 0)]),
            (&[(0, 1), (1, 2), (2, 0), (2, 1)], &[(2, 0), (2, 1)]),
            (&[(1, 0), (0, 2), (2, 1)], &[(1, 0)]),
        ];
        for (pairs, expected) in table {
            let expected = expected.iter().map(|(from, to)| (id(*from), id(*to))).collect();
            assert_eq!(back_edges(&graph(pairs)), expected, "{pairs:?}");
        }
    }

    proptest! {
        #[test]
        fn boxes_end_all_cycles_and_none_is_needless(
            pairs in proptest::collection::vec((0..8_usize, 0..8_usize), 0..24)
        ) {
            let all: BTreeSet<_> = pairs.iter().map(|(from, to)| (id(*from), id(*to))).collect();
            let boxed = back_edges(&graph(&pairs));
            let bare: BTreeSet<_> = all.difference(&boxed).copied().collect();
            prop_assert!(is_acyclic(&bare));
            for edge in boxed {
                let mut with = bare.clone();
                with.insert(edge);
                prop_assert!(!is_acyclic(&with), "{edge:?}");
            }
        }
    }
}
