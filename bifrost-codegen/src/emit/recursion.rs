//! Which structs hold themselves, so that a field must be boxed.

use crate::schema::{Id, Item, Schema, Type};
use std::collections::{BTreeMap, BTreeSet};

/// For each struct that can hold itself, the group of structs that can hold each other.
#[derive(Debug)]
pub(super) struct Recursion {
    groups: BTreeMap<Id, usize>,
}

impl Recursion {
    pub(super) fn new(schema: &Schema) -> Self {
        let edges = edges(schema);
        let mut backwards: BTreeMap<Id, Vec<Id>> = BTreeMap::new();
        for (from, targets) in &edges {
            for target in targets {
                backwards.entry(*target).or_default().push(*from);
            }
        }
        // Kosaraju: in reverse order of completion, what reaches a struct backwards is its group.
        let mut groups: BTreeMap<Id, usize> = BTreeMap::new();
        for (group, root) in completion_order(&edges).into_iter().rev().enumerate() {
            let mut open = vec![root];
            while let Some(id) = open.pop() {
                if groups.contains_key(&id) {
                    continue;
                }
                groups.insert(id, group);
                open.extend(backwards.get(&id).into_iter().flatten());
            }
        }
        Self { groups }
    }

    /// Whether a field of `owner` whose type is, or is a container of, `target` is boxed: the two can hold each other
    /// and `target` is not defined before, as with Apache's generator.
    pub(super) fn is_boxed(&self, owner: Id, target: Id) -> bool {
        owner.file == target.file && target.index >= owner.index && self.groups.get(&owner) == self.groups.get(&target)
    }
}

fn edges(schema: &Schema) -> BTreeMap<Id, Vec<Id>> {
    let mut edges = BTreeMap::new();
    for (file, f) in schema.files.iter().enumerate() {
        for (index, definition) in f.definitions.iter().enumerate() {
            if let Item::Struct(s) = &definition.item {
                let mut targets = Vec::new();
                for field in &s.fields {
                    structs_in(schema, &field.field_type, &mut targets);
                }
                edges.insert(Id { file, index }, targets);
            }
        }
    }
    edges
}

fn structs_in(schema: &Schema, of: &Type, found: &mut Vec<Id>) {
    match of {
        Type::Struct(id) => found.push(*id),
        Type::List(element) | Type::Set(element) => structs_in(schema, element, found),
        Type::Map(entry) => {
            structs_in(schema, &entry.0, found);
            structs_in(schema, &entry.1, found);
        }
        Type::Typedef(_) => structs_in(schema, schema.actual(of), found),
        _ => {}
    }
}

/// The structs in the order in which a depth-first search is done with them.
fn completion_order(edges: &BTreeMap<Id, Vec<Id>>) -> Vec<Id> {
    let mut order = Vec::new();
    let mut seen: BTreeSet<Id> = BTreeSet::new();
    for root in edges.keys() {
        if !seen.insert(*root) {
            continue;
        }
        let mut path = vec![(*root, 0)];
        while let Some((id, next)) = path.last_mut() {
            match edges.get(id).and_then(|targets| targets.get(*next)) {
                Some(target) => {
                    *next += 1;
                    if seen.insert(*target) {
                        path.push((*target, 0));
                    }
                }
                None => {
                    order.push(*id);
                    path.pop();
                }
            }
        }
    }
    order
}
