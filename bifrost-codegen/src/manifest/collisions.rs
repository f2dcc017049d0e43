//! Methods that a switch could not tell apart.

use super::method_field;
use crate::diagnostic::Diagnostic;
use crate::load::Unit;
use crate::schema::{Id, Item, Schema};
use crate::source::Span;
use crate::syntax::ast::Body;
use std::collections::BTreeMap;

/// Reports every method whose field another method of the run has.
pub(crate) fn collisions(schema: &Schema, units: &[Unit]) -> Vec<Diagnostic> {
    let mut first: BTreeMap<[u8; 16], (Id, &str)> = BTreeMap::new();
    let mut diagnostics = Vec::new();
    for (file, f) in schema.files.iter().enumerate() {
        for (index, definition) in f.definitions.iter().enumerate() {
            let id = Id { file, index };
            if !matches!(definition.item, Item::Service(_)) {
                continue;
            }
            for (owner, service) in schema.ancestry(id) {
                for method in &service.methods {
                    let field = method_field(&definition.name, &method.name);
                    let (other, other_method) = *first.entry(field).or_insert((id, &method.name));
                    if other != id || other_method != method.name {
                        let same = (other, other_method);
                        diagnostics.extend(report(schema, units, (id, owner, &method.name), same));
                    }
                }
            }
        }
    }
    diagnostics
}

fn report(
    schema: &Schema,
    units: &[Unit],
    (id, owner, method): (Id, Id, &str),
    (other, other_method): (Id, &str),
) -> Option<Diagnostic> {
    let name = |id: Id, method: &str| format!("{}:{method}", schema.definition(id).name);
    let unit = units.get(id.file)?;
    // An inherited method stands elsewhere: then the service is the place.
    let span = span_of(unit, id, (owner == id).then_some(method))?;
    let (this, that) = (name(id, method), name(other, other_method));
    let message = match this == that {
        true => format!("`{this}` is a method of two services"),
        false => format!("`{this}` and `{that}` have the same method field"),
    };
    let source = &units.get(other.file)?.document.source;
    let other_span = span_of(&units[other.file], other, None)?;
    let (line, _) = source.position(other_span.start);
    let place = format!("{}:{line}", source.path().display());
    let help = format!("a switch cannot tell them apart; the other service is at {place}: rename one of the two");
    Some(Diagnostic::new(&unit.document.source, span, message).help(help))
}

/// The span of a method's name, or of the service's.
fn span_of(unit: &Unit, id: Id, method: Option<&str>) -> Option<Span> {
    let definition = unit.document.definitions.get(id.index)?;
    let own = match (&definition.body, method) {
        (Body::Service(_, methods), Some(name)) => methods.iter().find(|method| method.name.text == name),
        _ => None,
    };
    Some(own.map_or(definition.name.span, |method| method.name.span))
}
