//! The annotations whose names begin with `bifrost.`; others are kept and mean nothing here.

use super::Resolver;
use crate::schema::{OnFailure, Type};
use crate::syntax::ast::{self, Annotation, TypeKind};

/// All annotations that have a meaning, and what they stand on.
const KNOWN: [(&str, &str); 4] = [
    (
        "bifrost.ref",
        "a field, an argument, a result or its method, or the type of a list's elements or of a map's values",
    ),
    ("bifrost.short", "a method"),
    ("bifrost.idempotent", "a method"),
    ("bifrost.on_failure", "a method"),
];

impl Resolver<'_> {
    /// Reports annotations of ours that are unknown or do not belong here.
    pub(super) fn check_annotations(&mut self, file: usize, annotations: &[Annotation], allowed: &[&str]) {
        for annotation in annotations {
            let key = annotation.key.text.as_str();
            let span = annotation.key.span;
            if !key.starts_with("bifrost.") || allowed.contains(&key) {
                continue;
            }
            match KNOWN.iter().find(|(known, _)| *known == key) {
                Some((_, place)) => {
                    let message = format!("`{key}` has no meaning here");
                    self.report_help(file, span, message, format!("it belongs on {place}"));
                }
                None => {
                    let known: Vec<_> = KNOWN.iter().map(|(key, _)| format!("`{key}`")).collect();
                    let message = format!("unknown annotation `{key}`");
                    self.report_help(file, span, message, format!("known are {}", known.join(", ")));
                }
            }
        }
    }

    /// Whether a switch such as `(bifrost.short)` is on.
    pub(super) fn switch(&mut self, file: usize, annotations: &[Annotation], key: &str) -> bool {
        let Some(annotation) = annotations.iter().find(|a| a.key.text == key) else {
            return false;
        };
        match annotation.value.as_deref() {
            None | Some("true" | "1" | "") => true,
            Some("false" | "0") => false,
            Some(value) => {
                let message = format!("`{value}` is no value of `{key}`");
                self.report_help(file, annotation.key.span, message, format!("write `({key})`"));
                false
            }
        }
    }

    pub(super) fn on_failure(&mut self, file: usize, method: &ast::Method) -> Option<OnFailure> {
        let key = "bifrost.on_failure";
        let annotation = method.annotations.iter().find(|a| a.key.text == key)?;
        match annotation.value.as_deref() {
            Some("recover") => Some(OnFailure::Recover),
            Some("fate_share") => Some(OnFailure::FateShare),
            Some("tainted") => Some(OnFailure::Tainted),
            value => {
                let message = match value {
                    Some(value) => format!("`{value}` is no failure policy"),
                    None => "a failure policy is missing".to_owned(),
                };
                let help = format!("write `({key} = \"recover\")`, \"fate_share\" or \"tainted\"");
                self.report_help(file, annotation.key.span, message, help);
                None
            }
        }
    }

    /// Whether a field or argument is marked `(bifrost.ref)`, on itself or on its type.
    pub(super) fn reference(&mut self, file: usize, field: &ast::Field) -> bool {
        self.check_annotations(file, &field.annotations, &["bifrost.ref"]);
        self.type_reference(file, &field.annotations, &field.field_type)
    }

    /// As [`Self::reference`], for a type with further annotations beside it.
    pub(super) fn type_reference(&mut self, file: usize, beside: &[Annotation], written: &ast::Type) -> bool {
        let key = "bifrost.ref";
        let mut both = beside.iter().chain(&written.annotations);
        let Some(annotation) = both.find(|a| a.key.text == key) else {
            return false;
        };
        if !self.switch(file, std::slice::from_ref(annotation), key) {
            return false;
        }
        if self.is_uuid(file, written) {
            let help = "a pointer is passed as it is: leave `(bifrost.ref)` out";
            let message = "a `uuid` cannot be passed by reference";
            self.report_help(file, annotation.key.span, message, help);
        }
        true
    }

    /// Follows typedefs in the syntax tree, because those of later files and lines are not declared yet.
    fn is_uuid(&self, file: usize, written: &ast::Type) -> bool {
        let (mut file, mut written) = (file, written);
        // A cycle of typedefs is reported elsewhere.
        for _ in 0..super::cycles::TYPEDEF_DEPTH_MAX {
            match &written.kind {
                TypeKind::Base(base) => return *base == ast::BaseType::Uuid,
                TypeKind::Named(name) => {
                    let Some(id) = self.find(file, super::lookup::Space::Type, name) else {
                        return false;
                    };
                    let ast::Body::Typedef(aliased) = self.body(id) else {
                        return false;
                    };
                    (file, written) = (id.file, aliased);
                }
                _ => return false,
            }
        }
        false
    }

    pub(super) fn is_exception(&self, of: &Type) -> bool {
        let Type::Struct(id) = self.schema.actual(of) else {
            return false;
        };
        let found = self.schema.struct_of(*id);
        found.is_some_and(|s| s.kind == ast::StructKind::Exception)
    }
}
