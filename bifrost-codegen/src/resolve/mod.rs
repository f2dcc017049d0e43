//! From syntax trees to a [`Schema`]: looks names up, assigns ids and numbers, checks and evaluates constants.

mod annotations;
mod cycles;
mod keys;
mod lookup;
mod members;
mod services;
mod types;
mod values;

use crate::diagnostic::Diagnostic;
use crate::load::Unit;
use crate::schema::{Definition, File, Item, Schema, Service, Struct, Type, Value};
use crate::source::Span;
use crate::syntax::ast::{self, Body};
use lookup::Names;
use types::Stands;

/// Resolves files that [`crate::load::load`] read. The schema is whole only if there are no diagnostics.
#[must_use]
pub fn resolve(units: &[Unit]) -> (Schema, Vec<Diagnostic>) {
    let mut resolver = Resolver { units, names: Vec::new(), schema: Schema::default(), diagnostics: Vec::new() };
    resolver.collect_names();
    resolver.declare();
    // Constants follow typedefs and base services, which must come to an end.
    if resolver.check_cycles() {
        resolver.evaluate();
        resolver.resolve_services();
        resolver.check_default_cycles();
        resolver.check_keys();
    }
    (resolver.schema, resolver.diagnostics)
}

struct Resolver<'a> {
    units: &'a [Unit],
    names: Vec<Names<'a>>,
    schema: Schema,
    diagnostics: Vec<Diagnostic>,
}

impl<'a> Resolver<'a> {
    fn report(&mut self, file: usize, span: Span, message: impl Into<String>) {
        let source = &self.units[file].document.source;
        self.diagnostics.push(Diagnostic::new(source, span, message));
    }

    fn report_help(&mut self, file: usize, span: Span, message: impl Into<String>, help: impl Into<String>) {
        let source = &self.units[file].document.source;
        self.diagnostics.push(Diagnostic::new(source, span, message).help(help));
    }

    /// Builds every definition except for values and services.
    fn declare(&mut self) {
        for (file, unit) in self.units.iter().enumerate() {
            let document = &unit.document;
            let definitions = &document.definitions;
            let definitions = definitions.iter().map(|d| self.declaration(file, d)).collect();
            self.schema.files.push(File {
                path: document.source.path().to_owned(),
                program: unit.program.clone(),
                directory: unit.directory.clone(),
                docs: document.docs.clone(),
                namespaces: document.namespaces.iter().map(|n| (n.scope.clone(), n.name.clone())).collect(),
                includes: unit.includes.clone(),
                definitions,
            });
        }
    }

    fn declaration(&mut self, file: usize, definition: &'a ast::Definition) -> Definition {
        self.check_annotations(file, &definition.annotations, &[]);
        let item = match &definition.body {
            // A type that is not found is reported; what stands in its place is never emitted.
            Body::Typedef(of) => Item::Typedef(self.type_of(file, of, Stands::Elsewhere).unwrap_or(Type::Bool)),
            Body::Enum(values) => Item::Enum(self.enum_values(file, values)),
            Body::Struct(kind, fields) => Item::Struct(Struct { kind: *kind, fields: self.fields(file, fields) }),
            Body::Const(of, _) => {
                Item::Const(self.type_of(file, of, Stands::Elsewhere).unwrap_or(Type::Bool), Value::Bool(false))
            }
            Body::Service(..) => Item::Service(Service { extends: None, methods: Vec::new() }),
        };
        Definition {
            name: definition.name.text.clone(),
            line: self.line(file, definition.name.span),
            docs: definition.docs.clone(),
            annotations: definition.annotations.clone(),
            item,
        }
    }

    fn line(&self, file: usize, span: Span) -> usize {
        self.units[file].document.source.position(span.start).0
    }

    fn body(&self, id: crate::schema::Id) -> &'a Body {
        &self.units[id.file].document.definitions[id.index].body
    }
}
