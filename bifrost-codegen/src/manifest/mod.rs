//! The rule manifest: what a switch and those who fill its tables must know of the services, as JSON.
//!
//! `docs/codegen.md` says what stands in it.

mod collisions;
mod field;
mod json;
mod references;

pub use field::method_field;

pub(crate) use collisions::collisions;

use crate::schema::{Field, Id, Item, Method, OnFailure, Schema, Type};
use crate::syntax::ast::Requiredness;
use json::Json;
use references::{Finder, References};

/// The version of the format.
const FORMAT: i64 = 1;
/// The file that it is written to.
pub(crate) const FILE: &str = "manifest.json";
/// How many pointers one call carries at most.
const POINTERS_MAX: usize = 64;

/// The manifest of all services of a schema, in the order of their files and definitions.
#[must_use]
pub fn manifest(schema: &Schema) -> String {
    let finder = Finder::new(schema);
    let mut services: Vec<(Id, &str, &str)> = Vec::new();
    for (file, f) in schema.files.iter().enumerate() {
        for (index, definition) in f.definitions.iter().enumerate() {
            if matches!(definition.item, Item::Service(_)) {
                services.push((Id { file, index }, &f.program, &definition.name));
            }
        }
    }
    // Not in the order in which the files were named.
    services.sort_by_key(|(id, program, name)| (*name, *program, &schema.files[id.file].directory));
    let services = services.into_iter().map(|(id, ..)| service(schema, &finder, id)).collect();
    let manifest = Json::Object(vec![
        ("format", Json::text("bifrost-manifest")),
        ("version", Json::Number(FORMAT)),
        ("pointers_max", Json::number(POINTERS_MAX)),
        ("services", Json::List(services)),
    ]);
    format!("{manifest}\n")
}

fn service(schema: &Schema, finder: &Finder<'_>, id: Id) -> Json {
    let name = &schema.definition(id).name;
    let methods = schema.ancestry(id).flat_map(|(owner, service)| service.methods.iter().map(move |m| (owner, m)));
    let methods = methods.map(|(owner, found)| method(schema, finder, name, (id != owner).then_some(owner), found));
    let bases = schema.ancestry(id).skip(1).map(|(base, _)| Json::Text(qualified(schema, base)));
    let file = &schema.files[id.file];
    let parts: Vec<&str> = file.directory.iter().chain([&file.program]).map(String::as_str).collect();
    Json::Object(vec![
        ("name", Json::text(name)),
        ("file", Json::Text(format!("{}.thrift", parts.join("/")))),
        ("line", Json::number(schema.definition(id).line)),
        ("extends", Json::List(bases.collect())),
        ("methods", Json::List(methods.collect())),
    ])
}

fn method(schema: &Schema, finder: &Finder<'_>, service: &str, from: Option<Id>, found: &Method) -> Json {
    let key: Vec<String> = method_field(service, &found.name).iter().map(|byte| format!("{byte:02x}")).collect();
    let arguments: Vec<_> = found.arguments.iter().map(|field| (field, finder.of_field(field))).collect();
    let throws: Vec<_> = found.throws.iter().map(|field| (field, finder.of_field(field))).collect();
    let result = found.result.as_ref().map(|of| (of, finder.of_result(of, found.result_by_reference)));
    let in_call = pointers_max(arguments.iter().map(|(_, references)| references));
    let in_answer = pointers_max(result.iter().map(|(_, references)| references))
        .max(throws.iter().map(|(_, references)| pointers_max([references])).max().unwrap_or(0));
    let list = |fields: &[(&Field, References)]| {
        Json::List(fields.iter().map(|(field, references)| member(schema, finder, field, references)).collect())
    };
    Json::Object(vec![
        ("name", Json::text(&found.name)),
        ("full_name", Json::Text(format!("{service}:{}", found.name))),
        ("field", Json::Text(key.concat())),
        ("inherited_from", from.map_or(Json::Null, |owner| Json::Text(qualified(schema, owner)))),
        ("line", Json::number(found.line)),
        ("oneway", Json::Bool(found.oneway)),
        ("short", Json::Bool(found.short)),
        ("idempotent", Json::Bool(found.idempotent)),
        ("on_failure", found.on_failure.map_or(Json::Null, |policy| Json::text(policy_word(policy)))),
        ("pointers_max", Json::Object(vec![("call", Json::number(in_call)), ("answer", Json::number(in_answer))])),
        ("arguments", list(&arguments)),
        (
            "result",
            result.map_or(Json::Null, |(of, references)| {
                Json::Object(value_members(schema, finder, of, found.result_by_reference, &references))
            }),
        ),
        ("exceptions", list(&throws)),
    ])
}

fn member(schema: &Schema, finder: &Finder<'_>, field: &Field, references: &References) -> Json {
    let required = match field.requiredness {
        Requiredness::Default => "default",
        Requiredness::Required => "required",
        Requiredness::Optional => "optional",
    };
    let mut members = vec![
        ("id", Json::Number(field.id.into())),
        ("name", Json::text(&field.name)),
        ("required", Json::text(required)),
    ];
    members.extend(value_members(schema, finder, &field.field_type, field.by_reference, references));
    Json::Object(members)
}

fn value_members(
    schema: &Schema,
    finder: &Finder<'_>,
    of: &Type,
    by_reference: bool,
    references: &References,
) -> Vec<(&'static str, Json)> {
    let reference = match (by_reference, finder.is_pointer(of)) {
        (true, _) => Json::text("ref"),
        (false, true) => Json::text("pointer"),
        (false, false) => Json::Null,
    };
    vec![
        ("type", Json::Text(type_name(schema, of))),
        ("reference", reference),
        ("references", Json::List(references.places.iter().map(references::Reference::json).collect())),
        ("more_references", Json::Bool(references.is_open)),
    ]
}

/// How many pointers a call or an answer may carry: the sum, or the limit if nothing else bounds them.
fn pointers_max<'r>(all: impl IntoIterator<Item = &'r References>) -> usize {
    let sum = all.into_iter().try_fold(0_usize, |sum, references| Some(sum.saturating_add(references.count()?)));
    sum.map_or(POINTERS_MAX, |sum| sum.min(POINTERS_MAX))
}

fn policy_word(policy: OnFailure) -> &'static str {
    match policy {
        OnFailure::Recover => "recover",
        OnFailure::FateShare => "fate_share",
        OnFailure::Tainted => "tainted",
    }
}

fn qualified(schema: &Schema, id: Id) -> String {
    format!("{}.{}", schema.files[id.file].program, schema.definition(id).name)
}

/// The type as an IDL file that includes all others would write it, typedefs followed.
fn type_name(schema: &Schema, of: &Type) -> String {
    match schema.actual(of) {
        Type::Bool => "bool".to_owned(),
        Type::I8 => "i8".to_owned(),
        Type::I16 => "i16".to_owned(),
        Type::I32 => "i32".to_owned(),
        Type::I64 => "i64".to_owned(),
        Type::Double => "double".to_owned(),
        Type::String => "string".to_owned(),
        Type::Binary => "binary".to_owned(),
        Type::Uuid => "uuid".to_owned(),
        Type::List(element) => format!("list<{}>", type_name(schema, element)),
        Type::Ref(value) => type_name(schema, value),
        Type::Set(element) => format!("set<{}>", type_name(schema, element)),
        Type::Map(entry) => format!("map<{}, {}>", type_name(schema, &entry.0), type_name(schema, &entry.1)),
        Type::Typedef(id) | Type::Enum(id) | Type::Struct(id) => qualified(schema, *id),
    }
}
