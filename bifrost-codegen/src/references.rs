//! Which types hold references: values marked `(bifrost.ref)`.

use crate::schema::{Id, Item, Schema, Type};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug)]
pub(crate) struct References {
    /// The structs that hold references, however deep.
    holders: BTreeSet<Id>,
}

impl References {
    pub(crate) fn new(schema: &Schema) -> Self {
        let mut held_by: BTreeMap<Id, Vec<Id>> = BTreeMap::new();
        let mut open = Vec::new();
        for (file, found) in schema.files.iter().enumerate() {
            for (index, definition) in found.definitions.iter().enumerate() {
                let Item::Struct(found) = &definition.item else { continue };
                let id = Id { file, index };
                for field in &found.fields {
                    if field.by_reference {
                        open.push(id);
                    }
                    walk(schema, &field.field_type, &mut |of| match of {
                        Type::Struct(held) => held_by.entry(*held).or_default().push(id),
                        _ => open.push(id),
                    });
                }
            }
        }
        let mut holders = BTreeSet::new();
        while let Some(id) = open.pop() {
            if holders.insert(id) {
                open.extend(held_by.get(&id).into_iter().flatten());
            }
        }
        Self { holders }
    }

    /// Whether a value may hold a reference.
    pub(crate) fn are_in(&self, schema: &Schema, of: &Type) -> bool {
        let mut found = false;
        walk(schema, of, &mut |of| match of {
            Type::Struct(id) => found |= self.holders.contains(id),
            _ => found = true,
        });
        found
    }

    /// Whether a struct may.
    pub(crate) fn has(&self, id: Id) -> bool {
        self.holders.contains(&id)
    }
}

/// Calls a function for the structs and the references in a type, not for those inside of these.
fn walk(schema: &Schema, of: &Type, each: &mut dyn FnMut(&Type)) {
    match schema.actual(of) {
        found @ (Type::Struct(_) | Type::Ref(_)) => each(found),
        Type::List(element) | Type::Set(element) => walk(schema, element, each),
        Type::Map(entry) => {
            walk(schema, &entry.0, each);
            walk(schema, &entry.1, each);
        }
        _ => {}
    }
}
