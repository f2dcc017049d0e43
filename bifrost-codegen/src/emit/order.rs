//! The order of members in Rust: by rising ids, as Apache's generator has fields, variants, arguments and what `new`
//! takes: a handler written for it would otherwise get arguments of one type exchanged and still compile. Fields are written in
//! this order too, so that equal values are equal bytes in every language.

use crate::schema::{Field, Id, Item, Schema, Type, Value};
use std::collections::BTreeMap;

/// The schema with the members of everything by rising ids, and the types of those that are marked `(bifrost.ref)` as
/// [`Type::Ref`].
pub(super) fn by_ids(schema: &Schema) -> Schema {
    let order = Order { schema, places: places(schema) };
    let mut ordered = schema.clone();
    for definition in ordered.files.iter_mut().flat_map(|file| &mut file.definitions) {
        match &mut definition.item {
            Item::Struct(found) => order.fields(&mut found.fields),
            Item::Const(of, value) => order.value(of, value),
            Item::Service(service) => {
                for method in &mut service.methods {
                    order.fields(&mut method.arguments);
                    order.fields(&mut method.throws);
                    if method.result_by_reference {
                        method.result = method.result.take().map(|of| Type::Ref(Box::new(of)));
                    }
                }
            }
            Item::Typedef(_) | Item::Enum(_) => {}
        }
    }
    ordered
}

/// Where each field of a struct goes, for the structs whose fields are not in order.
type Places = BTreeMap<Id, Vec<usize>>;

fn places(schema: &Schema) -> Places {
    let mut places = Places::new();
    for (file, of) in schema.files.iter().enumerate() {
        for (index, definition) in of.definitions.iter().enumerate() {
            if let Item::Struct(found) = &definition.item
                && !found.fields.is_sorted_by_key(|field| field.id)
            {
                places.insert(Id { file, index }, ranks(&found.fields));
            }
        }
    }
    places
}

fn ranks(fields: &[Field]) -> Vec<usize> {
    let rank = |field: &Field| fields.iter().filter(|other| other.id < field.id).count();
    fields.iter().map(rank).collect()
}

struct Order<'a> {
    /// In the order of the IDL.
    schema: &'a Schema,
    places: Places,
}

impl Order<'_> {
    fn fields(&self, fields: &mut [Field]) {
        for field in &mut *fields {
            if let Some(default) = &mut field.default {
                self.value(&field.field_type, default);
            }
            if field.by_reference {
                field.field_type = Type::Ref(Box::new(field.field_type.clone()));
            }
        }
        fields.sort_by_key(|field| field.id);
    }

    /// A constant of a struct names its fields by their places.
    fn value(&self, of: &Type, value: &mut Value) {
        match (self.schema.value_type(of), value) {
            (Type::List(item) | Type::Set(item), Value::List(values)) => {
                values.iter_mut().for_each(|value| self.value(item, value));
            }
            (Type::Map(entry), Value::Map(entries)) => {
                for (key, value) in entries {
                    self.value(&entry.0, key);
                    self.value(&entry.1, value);
                }
            }
            (Type::Struct(id), Value::Struct(members)) => self.members(*id, members),
            _ => {}
        }
    }

    fn members(&self, id: Id, members: &mut [(usize, Value)]) {
        let fields = self.schema.struct_of(id).map(|found| found.fields.as_slice()).unwrap_or_default();
        for (index, value) in members {
            if let Some(field) = fields.get(*index) {
                self.value(&field.field_type, value);
            }
            if let Some(place) = self.places.get(&id).and_then(|places| places.get(*index)) {
                *index = *place;
            }
        }
    }
}
