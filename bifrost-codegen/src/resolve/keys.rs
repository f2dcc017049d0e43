//! Keys of maps and elements of sets: they are told apart by value, so that no reference may be in them.

use super::Resolver;
use crate::references::References;
use crate::schema::{Schema, Type};
use crate::source::Span;
use crate::syntax::ast::{Body, Field};

impl Resolver<'_> {
    /// Refuses references in keys and in elements of sets.
    pub(super) fn check_keys(&mut self) {
        let references = References::new(&self.schema);
        let mut found = Vec::new();
        for (file, unit) in self.units.iter().enumerate() {
            for (index, definition) in unit.document.definitions.iter().enumerate() {
                let item = &self.schema.files[file].definitions[index].item;
                each_type(item, &definition.body, &mut |of, span| {
                    if in_keys(&self.schema, &references, of) {
                        found.push((file, span));
                    }
                });
            }
        }
        for (file, span) in found {
            let message = "a reference in the key of a map or in an element of a set";
            self.report_help(file, span, message, "these are compared by value: use a list, or the values of a map");
        }
    }
}

/// Calls a function for each type that a definition names, with its place.
fn each_type(item: &crate::schema::Item, body: &Body, each: &mut dyn FnMut(&Type, Span)) {
    use crate::schema::Item;
    let mut fields = |found: &[crate::schema::Field], written: &[Field]| {
        for (field, written) in found.iter().zip(written) {
            each(&field.field_type, written.field_type.span);
        }
    };
    match (item, body) {
        (Item::Struct(found), Body::Struct(_, written)) => fields(&found.fields, written),
        (Item::Service(found), Body::Service(_, written)) => {
            for (method, written) in found.methods.iter().zip(written) {
                fields(&method.arguments, &written.arguments);
            }
            for (method, written) in found.methods.iter().zip(written) {
                if let (Some(of), Some(written)) = (&method.result, &written.result) {
                    each(of, written.span);
                }
            }
        }
        (Item::Typedef(of), Body::Typedef(written)) | (Item::Const(of, _), Body::Const(written, _)) => {
            each(of, written.span);
        }
        _ => {}
    }
}

/// Whether a type has a key, or an element of a set, with a reference in it. Typedefs answer for themselves.
fn in_keys(schema: &Schema, references: &References, of: &Type) -> bool {
    match of {
        Type::Set(element) => references.are_in(schema, element) || in_keys(schema, references, element),
        Type::Map(entry) => {
            references.are_in(schema, &entry.0)
                || in_keys(schema, references, &entry.0)
                || in_keys(schema, references, &entry.1)
        }
        Type::List(element) | Type::Ref(element) => in_keys(schema, references, element),
        _ => false,
    }
}
