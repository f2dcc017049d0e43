//! Which types hold references, and how they show them.

use super::layout::{Code, Expr, Type};
use super::module::Module;
use super::structs::{Presence, Slot};
use crate::schema::{self, Id, Item, Schema};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug)]
pub(super) struct References {
    /// The structs that hold references, however deep.
    holders: BTreeSet<Id>,
}

impl References {
    pub(super) fn new(schema: &Schema) -> Self {
        let mut held_by: BTreeMap<Id, Vec<Id>> = BTreeMap::new();
        let mut open = Vec::new();
        for (file, found) in schema.files.iter().enumerate() {
            for (index, definition) in found.definitions.iter().enumerate() {
                let Item::Struct(found) = &definition.item else { continue };
                let id = Id { file, index };
                for field in &found.fields {
                    walk(schema, &field.field_type, &mut |of| match of {
                        schema::Type::Struct(held) => held_by.entry(*held).or_default().push(id),
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
    pub(super) fn are_in(&self, schema: &Schema, of: &schema::Type) -> bool {
        let mut found = false;
        walk(schema, of, &mut |of| match of {
            schema::Type::Struct(id) => found |= self.holders.contains(id),
            _ => found = true,
        });
        found
    }

    /// Whether a struct may.
    pub(super) fn has(&self, id: Id) -> bool {
        self.holders.contains(&id)
    }
}

/// Calls a function for the structs and the references in a type, not for those inside of these.
fn walk(schema: &Schema, of: &schema::Type, each: &mut dyn FnMut(&schema::Type)) {
    match schema.actual(of) {
        found @ (schema::Type::Struct(_) | schema::Type::Ref(_)) => each(found),
        schema::Type::List(element) | schema::Type::Set(element) => walk(schema, element, each),
        schema::Type::Map(entry) => {
            walk(schema, &entry.0, each);
            walk(schema, &entry.1, each);
        }
        _ => {}
    }
}

impl Module<'_> {
    pub(super) fn holds_references(&self, of: &schema::Type) -> bool {
        self.references.are_in(self.schema, of)
    }

    fn visit_head(&self, code: &mut Code) {
        let visitor = format!("&mut dyn {}", self.runtime("reference::Visitor"));
        let params = [("&mut self".to_owned(), None), ("visitor".to_owned(), Some(Type::plain(visitor)))];
        code.blank();
        code.signature(4, "fn visit_references", &params, &self.result(Type::plain("()")), " {");
    }

    fn visit(&self, code: &mut Code, indent: usize, value: &str) {
        let function = format!("{}::visit_references", self.protocol("Encode"));
        code.expr(indent, "", &Expr::call_with(function, &[value, "visitor"]), "?;");
    }

    /// `visit_references` of a struct, if it holds any.
    pub(super) fn visit_slots(&self, code: &mut Code, slots: &[Slot<'_>]) {
        let some = self.std_value("Some");
        let holding: Vec<_> = slots.iter().filter(|slot| self.holds_references(slot.of)).collect();
        if holding.is_empty() {
            return;
        }
        self.visit_head(code);
        for slot in holding {
            match slot.presence {
                Presence::Optional(_) => {
                    code.line(8, format!("if let {some}(value) = &mut self.{} {{", slot.name));
                    self.visit(code, 12, "value");
                    code.line(8, "}");
                }
                _ => self.visit(code, 8, &format!("&mut self.{}", slot.name)),
            }
        }
        code.line(8, format!("{}(())", self.std_value("Ok")));
        code.line(4, "}");
    }

    /// `visit_references` of a union, if it holds any.
    pub(super) fn visit_variants(&self, code: &mut Code, fields: &[schema::Field], variants: &[String], is_open: bool) {
        let holding: Vec<_> =
            fields.iter().zip(variants).filter(|(field, _)| self.holds_references(&field.field_type)).collect();
        if holding.is_empty() {
            return;
        }
        self.visit_head(code);
        code.line(8, "match self {");
        let function = format!("{}::visit_references", self.protocol("Encode"));
        for (_, variant) in &holding {
            let call = Expr::call_with(function.clone(), &["value", "visitor"]);
            code.arm(12, &format!("Self::{variant}(value)"), &call);
        }
        if is_open || holding.len() < fields.len() {
            code.line(12, format!("_ => {}(()),", self.std_value("Ok")));
        }
        code.line(8, "}");
        code.line(4, "}");
    }
}
