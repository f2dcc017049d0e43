//! Which maps and sets have a hash table, and what follows for the types that hold them.
//!
//! A hash table has no hash and no order itself. So the maps and sets inside of keys and of elements of sets, directly
//! or in the structs that stand there, stay ordered; and a struct that holds a hash table derives neither.

use super::options::{Maps, Options};
use crate::schema::{Field, Id, Item, Schema, Type};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Default)]
pub(super) struct Containers {
    is_hash: bool,
    /// Definitions that stand in a key, directly or inside of another.
    in_keys: BTreeSet<Id>,
    /// Structs that hold a hash table.
    unordered: BTreeSet<Id>,
}

impl Containers {
    pub(super) fn new(schema: &Schema, options: &Options) -> Self {
        if options.maps == Maps::Btree {
            return Self::default();
        }
        let mut containers = Self { is_hash: true, in_keys: in_keys(schema), unordered: BTreeSet::new() };
        containers.unordered = containers.find_unordered(schema);
        containers
    }

    /// Whether a map or set is a hash table, outside of keys or inside of one.
    pub(super) fn is_hash(&self, in_key: bool) -> bool {
        self.is_hash && !in_key
    }

    /// Whether a definition stands in a key somewhere.
    pub(super) fn in_key(&self, id: Id) -> bool {
        self.in_keys.contains(&id)
    }

    /// Whether a struct has an order and a hash.
    pub(super) fn is_ordered(&self, id: Id) -> bool {
        !self.unordered.contains(&id)
    }

    /// Whether a type that stands in no key has an order and a hash.
    pub(super) fn is_ordered_type(&self, schema: &Schema, of: &Type) -> bool {
        match of {
            Type::Map(_) | Type::Set(_) => !self.is_hash,
            Type::List(element) => self.is_ordered_type(schema, element),
            Type::Ref(value) => self.is_ordered_type(schema, value),
            Type::Typedef(id) if self.in_key(*id) => true,
            Type::Typedef(_) => self.is_ordered_type(schema, schema.actual(of)),
            Type::Struct(id) => self.is_ordered(*id),
            _ => true,
        }
    }

    fn find_unordered(&self, schema: &Schema) -> BTreeSet<Id> {
        let mut holders: BTreeMap<Id, Vec<Id>> = BTreeMap::new();
        let mut open = Vec::new();
        for (id, fields) in structs(schema) {
            if self.in_key(id) {
                continue;
            }
            for field in fields {
                // With no struct known to be unordered yet, only the containers at hand are seen.
                if !self.is_ordered_type(schema, &field.field_type) {
                    open.push(id);
                }
                let mut held = Vec::new();
                definitions_in(schema, &field.field_type, &mut held);
                for target in held {
                    holders.entry(target).or_default().push(id);
                }
            }
        }
        let mut unordered = BTreeSet::new();
        while let Some(id) = open.pop() {
            if unordered.insert(id) {
                open.extend(holders.get(&id).into_iter().flatten());
            }
        }
        unordered
    }
}

fn structs(schema: &Schema) -> impl Iterator<Item = (Id, &[Field])> {
    schema.files.iter().enumerate().flat_map(|(file, f)| {
        f.definitions.iter().enumerate().filter_map(move |(index, definition)| match &definition.item {
            Item::Struct(found) => Some((Id { file, index }, found.fields.as_slice())),
            _ => None,
        })
    })
}

/// The structs in a type, those in lists and behind typedefs included, and the typedefs.
fn definitions_in(schema: &Schema, of: &Type, found: &mut Vec<Id>) {
    match of {
        Type::Typedef(id) => {
            found.push(*id);
            definitions_in(schema, schema.actual(of), found);
        }
        Type::Struct(id) => found.push(*id),
        Type::List(element) | Type::Set(element) => definitions_in(schema, element, found),
        Type::Ref(value) => definitions_in(schema, value, found),
        Type::Map(entry) => {
            definitions_in(schema, &entry.0, found);
            definitions_in(schema, &entry.1, found);
        }
        _ => {}
    }
}

/// The definitions that stand in a key somewhere in the schema.
fn in_keys(schema: &Schema) -> BTreeSet<Id> {
    let mut open = Vec::new();
    for file in &schema.files {
        for definition in &file.definitions {
            each_type(&definition.item, &mut |of| keys_in(schema, of, &mut open));
        }
    }
    let mut found = BTreeSet::new();
    while let Some(id) = open.pop() {
        if found.insert(id) {
            each_type(&schema.definition(id).item, &mut |of| definitions_in(schema, of, &mut open));
        }
    }
    found
}

/// The definitions in the keys of a type.
fn keys_in(schema: &Schema, of: &Type, found: &mut Vec<Id>) {
    match of {
        Type::List(element) => keys_in(schema, element, found),
        Type::Ref(value) => keys_in(schema, value, found),
        Type::Set(element) => definitions_in(schema, element, found),
        Type::Map(entry) => {
            definitions_in(schema, &entry.0, found);
            keys_in(schema, &entry.1, found);
        }
        _ => {}
    }
}

/// Calls a function for each type that an item names, not for those inside of it.
fn each_type(item: &Item, each: &mut dyn FnMut(&Type)) {
    match item {
        Item::Typedef(of) | Item::Const(of, _) => each(of),
        Item::Enum(_) => {}
        Item::Struct(found) => found.fields.iter().for_each(|field| each(&field.field_type)),
        Item::Service(service) => {
            for method in &service.methods {
                method.result.iter().for_each(&mut *each);
                method.arguments.iter().chain(&method.throws).for_each(|field| each(&field.field_type));
            }
        }
    }
}
