//! Thrift values as JSON, by schema instead of generated code.
//!
//! What [`mod@read`] puts out, [`mod@write`] takes back: integers and doubles are numbers (`"NaN"`, `"Infinity"` and
//! `"-Infinity"` have no number in JSON), a `binary` is text (see [`binary`]), an enum its name, a struct an object by
//! field names, a union an object of one, a set a list, and a map an object, or a list of pairs where keys are no
//! scalars.

mod answer;
mod arguments;
pub(crate) mod binary;
mod default;
mod read;
mod scalar;
#[cfg(test)]
mod tests;
mod write;

pub(crate) use answer::{Answer, read_answer};
pub(crate) use arguments::Arguments;

use bifrost_codegen::schema::Type;
use bifrost_codegen::schema::{Id, Item, Schema};
use bifrost_codegen::syntax::ast::StructKind;
use thrift::protocol::TType;

/// The type byte of a type, with typedefs seen through.
fn wire_type(schema: &Schema, of: &Type) -> TType {
    match schema.value_type(of) {
        Type::Bool => TType::Bool,
        Type::I8 => TType::I08,
        Type::I16 => TType::I16,
        Type::I32 | Type::Enum(_) => TType::I32,
        Type::I64 => TType::I64,
        Type::Double => TType::Double,
        Type::String | Type::Binary => TType::String,
        Type::Uuid => TType::Uuid,
        Type::List(_) => TType::List,
        Type::Set(_) => TType::Set,
        Type::Map(_) => TType::Map,
        // Typedefs are resolved.
        Type::Typedef(_) | Type::Ref(_) | Type::Struct(_) => TType::Struct,
    }
}

/// A type as the IDL writes it, for messages.
fn type_name(schema: &Schema, of: &Type) -> String {
    let name = |id: &Id| schema.definition(*id).name.clone();
    match of {
        Type::Bool => "bool".into(),
        Type::I8 => "i8".into(),
        Type::I16 => "i16".into(),
        Type::I32 => "i32".into(),
        Type::I64 => "i64".into(),
        Type::Double => "double".into(),
        Type::String => "string".into(),
        Type::Binary => "binary".into(),
        Type::Uuid => "uuid".into(),
        Type::List(item) => format!("list<{}>", type_name(schema, item)),
        Type::Set(item) => format!("set<{}>", type_name(schema, item)),
        Type::Map(entry) => format!("map<{}, {}>", type_name(schema, &entry.0), type_name(schema, &entry.1)),
        Type::Ref(value) => type_name(schema, value),
        Type::Typedef(id) => format!("{} ({})", name(id), type_name(schema, schema.value_type(of))),
        Type::Enum(id) => format!("enum {}", name(id)),
        Type::Struct(id) => match schema.struct_of(*id).map(|found| found.kind) {
            Some(StructKind::Union) => format!("union {}", name(id)),
            Some(StructKind::Exception) => format!("exception {}", name(id)),
            Some(StructKind::Struct) | None => format!("struct {}", name(id)),
        },
    }
}

/// The names and numbers of an enum.
fn enum_values(schema: &Schema, id: Id) -> &[bifrost_codegen::schema::EnumValue] {
    match &schema.definition(id).item {
        Item::Enum(values) => values,
        _ => &[],
    }
}
