//! Members: numbers of enum values, ids of fields.

use super::Resolver;
use super::types::Stands;
use crate::schema::{EnumValue, Field};
use crate::source::Span;
use crate::syntax::ast::{self, Name};
use std::collections::BTreeMap;

impl Resolver<'_> {
    /// A value without a number is one more than the one before it, the first is 0.
    pub(super) fn enum_values(&mut self, file: usize, written: &[ast::EnumValue]) -> Vec<EnumValue> {
        self.check_unique(file, "enum value", written.iter().map(|value| &value.name));
        let mut next = 0_i64;
        let mut values = Vec::new();
        for value in written {
            self.check_annotations(file, &value.annotations, &[]);
            let (number, span) = value.value.unwrap_or((next, value.name.span));
            next = number.saturating_add(1);
            match i32::try_from(number) {
                Ok(number) => {
                    values.push(EnumValue { name: value.name.text.clone(), docs: value.docs.clone(), value: number })
                }
                Err(_) => self.report_help(
                    file,
                    span,
                    format!("{number} is out of range for an enum value"),
                    format!("use a number from {} to {}", i32::MIN, i32::MAX),
                ),
            }
        }
        values
    }

    /// Fields without their defaults. A field without an id gets one below zero, counting down.
    pub(super) fn fields(&mut self, file: usize, written: &[ast::Field]) -> Vec<Field> {
        self.check_unique(file, "field", written.iter().map(|field| &field.name));
        let mut next = -1_i64;
        let mut taken: BTreeMap<i16, &str> = BTreeMap::new();
        let mut fields = Vec::new();
        for field in written {
            let (id, span) = field.id.unwrap_or((next, field.name.span));
            if id <= 0 {
                next = id.saturating_sub(1);
            }
            let id = self.field_id(file, id, span);
            if let Some(id) = id
                && let Some(first) = taken.insert(id, &field.name.text)
            {
                let message = format!("field id {id} is used twice");
                let help = format!("field `{first}` has it already");
                self.report_help(file, span, message, help);
            }
            let field_type = self.type_of(file, &field.field_type, Stands::Member);
            let by_reference = self.reference(file, field);
            // A place is kept for a field that is wrong, so that indices stay those of the syntax tree.
            fields.push(Field {
                name: field.name.text.clone(),
                docs: field.docs.clone(),
                id: id.unwrap_or_default(),
                requiredness: field.requiredness,
                reference: field.reference,
                field_type: field_type.unwrap_or(crate::schema::Type::Bool),
                default: None,
                by_reference,
                annotations: field.annotations.clone(),
            });
        }
        fields
    }

    fn field_id(&mut self, file: usize, id: i64, span: Span) -> Option<i16> {
        let checked = i16::try_from(id).ok();
        if checked.is_none() {
            let message = format!("{id} is out of range for a field id");
            let help = format!("use a number from 1 to {}", i16::MAX);
            self.report_help(file, span, message, help);
        }
        checked
    }

    pub(super) fn check_unique<'n>(&mut self, file: usize, what: &str, names: impl Iterator<Item = &'n Name>) {
        let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
        for name in names {
            let Some(first) = seen.insert(&name.text, name.span) else {
                continue;
            };
            let (line, _) = self.units[file].document.source.position(first.start);
            let message = format!("{what} `{}` is defined twice", name.text);
            let help = format!("the first is on line {line}");
            self.report_help(file, name.span, message, help);
        }
    }
}
