//! Services and their methods.

use super::Resolver;
use super::lookup::Space;
use super::types::Stands;
use crate::schema::{Field, Id, Item, Method, Service};
use crate::syntax::ast::{self, Body};

const METHOD_ANNOTATIONS: [&str; 4] = ["bifrost.ref", "bifrost.short", "bifrost.idempotent", "bifrost.on_failure"];

impl Resolver<'_> {
    pub(super) fn resolve_services(&mut self) {
        let units = self.units;
        for (file, unit) in units.iter().enumerate() {
            for (index, definition) in unit.document.definitions.iter().enumerate() {
                if let Body::Service(base, methods) = &definition.body {
                    let service = self.service(file, base.as_ref(), methods);
                    self.schema.files[file].definitions[index].item = Item::Service(service);
                }
            }
        }
        for (file, unit) in units.iter().enumerate() {
            for (index, definition) in unit.document.definitions.iter().enumerate() {
                if let Body::Service(_, methods) = &definition.body {
                    self.check_inherited(Id { file, index }, methods);
                }
            }
        }
    }

    fn service(&mut self, file: usize, base: Option<&ast::Name>, methods: &[ast::Method]) -> Service {
        self.check_unique(file, "method", methods.iter().map(|method| &method.name));
        Service {
            // An unknown base was reported when inheritance was checked.
            extends: base.and_then(|base| self.find(file, Space::Service, &base.text)),
            methods: methods.iter().map(|m| self.method(file, m)).collect(),
        }
    }

    fn method(&mut self, file: usize, method: &ast::Method) -> Method {
        self.check_oneway(file, method);
        let result = match &method.result {
            Some(result) => self.type_of(file, result, Stands::Member),
            None => None,
        };
        let result_by_reference = match &method.result {
            Some(result) => {
                self.check_annotations(file, &method.annotations, &METHOD_ANNOTATIONS);
                self.type_reference(file, &method.annotations, result)
            }
            None => {
                // Without a result there is nothing to refer to.
                self.check_annotations(file, &method.annotations, &METHOD_ANNOTATIONS[1..]);
                false
            }
        };
        Method {
            name: method.name.text.clone(),
            line: self.line(file, method.name.span),
            docs: method.docs.clone(),
            oneway: method.oneway,
            result,
            result_by_reference,
            arguments: self.arguments(file, &method.arguments),
            throws: self.throws(file, &method.throws),
            short: self.switch(file, &method.annotations, "bifrost.short"),
            idempotent: self.switch(file, &method.annotations, "bifrost.idempotent"),
            on_failure: self.on_failure(file, method),
            annotations: method.annotations.clone(),
        }
    }

    fn check_oneway(&mut self, file: usize, method: &ast::Method) {
        if !method.oneway {
            return;
        }
        let name = &method.name.text;
        if let Some(result) = &method.result {
            let message = format!("oneway method `{name}` has a result");
            self.report_help(file, result.span, message, "make it `void`, or leave `oneway` out");
        }
        if let Some(exception) = method.throws.first() {
            let message = format!("oneway method `{name}` declares exceptions");
            let help = "nobody waits for its outcome: leave `throws` or `oneway` out";
            self.report_help(file, exception.name.span, message, help);
        }
    }

    fn arguments(&mut self, file: usize, written: &[ast::Field]) -> Vec<Field> {
        let mut fields = self.fields(file, written);
        for (field, written) in fields.iter_mut().zip(written) {
            if let Some(default) = &written.default {
                field.default = self.value(file, &field.field_type, default);
            }
        }
        fields
    }

    fn throws(&mut self, file: usize, written: &[ast::Field]) -> Vec<Field> {
        let reports = self.diagnostics.len();
        let fields = self.fields(file, written);
        if self.diagnostics.len() > reports {
            return fields;
        }
        for (field, written) in fields.iter().zip(written) {
            if field.by_reference {
                let help = "an exception is no value to be referred to: mark its fields";
                self.report_help(file, written.name.span, "`bifrost.ref` has no meaning here", help);
            }
            if !self.is_exception(&field.field_type) {
                let name = self.describe(&field.field_type);
                let message = format!("`{name}` is no exception");
                let help = "only types defined by `exception` can be thrown";
                self.report_help(file, written.field_type.span, message, help);
            }
            if let (0, Some((_, span))) = (field.id, written.id) {
                self.report_help(file, span, "field id 0 is the result's", "begin with 1");
            }
        }
        fields
    }

    fn check_inherited(&mut self, id: Id, methods: &[ast::Method]) {
        for method in methods {
            let name = &method.name.text;
            let has_it = |base: &Service| base.methods.iter().any(|m| m.name == *name);
            let base = self.schema.ancestry(id).skip(1).find(|(_, base)| has_it(base));
            if let Some((base, _)) = base {
                let base = self.schema.definition(base).name.clone();
                let message = format!("method `{name}` is inherited from `{base}` already");
                self.report_help(id.file, method.name.span, message, "give it another name");
            }
        }
    }
}
