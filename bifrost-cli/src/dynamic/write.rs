//! JSON into Thrift.

use super::{binary, default, scalar, type_name, wire_type};
use crate::fault::Usage;
use bifrost_codegen::schema::{Field, Id, Schema, Type};
use bifrost_codegen::syntax::ast::{Requiredness, StructKind};
use bifrost_rpc::protocol::Writer;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use uuid::Uuid;

/// Why a value cannot be written.
#[derive(Debug)]
pub(super) enum WriteError {
    /// The JSON does not fit its type: where, and what is wrong.
    Json(String, String),
    /// The message cannot be written.
    Thrift(thrift::Error),
}

impl WriteError {
    pub(super) fn json(text: impl Into<String>) -> Self {
        Self::Json(String::new(), text.into())
    }

    /// The same error one level further out.
    pub(super) fn within(self, part: impl fmt::Display) -> Self {
        match self {
            Self::Json(path, text) => Self::Json(format!("{part}{path}"), text),
            Self::Thrift(error) => Self::Thrift(error),
        }
    }
}

impl From<thrift::Error> for WriteError {
    fn from(error: thrift::Error) -> Self {
        Self::Thrift(error)
    }
}

impl From<WriteError> for anyhow::Error {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Json(path, text) if path.is_empty() => Usage::new(text).into(),
            WriteError::Json(path, text) => Usage::new(format!("{path}: {text}")).into(),
            // Nothing has been sent: what was typed is over a limit.
            WriteError::Thrift(error) => Usage::new(error.to_string()).into(),
        }
    }
}

type Result<T = (), E = WriteError> = std::result::Result<T, E>;

/// Writes a value of a type.
pub(super) fn value<W: Writer>(schema: &Schema, of: &Type, json: &Value, out: &mut W) -> Result {
    let wrong = WriteError::json;
    let name = || type_name(schema, of);
    match schema.value_type(of) {
        Type::Bool => match json {
            Value::Bool(value) => out.bool(*value)?,
            _ => return Err(mismatch(schema, of, json)),
        },
        Type::I8 => out.i8(scalar::integer(json, &name()).map_err(wrong)?)?,
        Type::I16 => out.i16(scalar::integer(json, &name()).map_err(wrong)?)?,
        Type::I32 => out.i32(scalar::integer(json, &name()).map_err(wrong)?)?,
        Type::I64 => out.i64(scalar::integer(json, &name()).map_err(wrong)?)?,
        Type::Enum(id) => out.i32(scalar::enum_number(schema, *id, json).map_err(wrong)?)?,
        Type::Double => out.double(scalar::double(json).map_err(wrong)?)?,
        Type::String => out.string(text(schema, of, json)?)?,
        Type::Binary => out.bytes(&binary::parse(text(schema, of, json)?).map_err(wrong)?)?,
        Type::Uuid => {
            let parsed = Uuid::try_parse(text(schema, of, json)?);
            out.uuid(&parsed.map_err(|error| wrong(format!("{} is no uuid: {error}", scalar::describe(json))))?)?;
        }
        Type::List(item) => {
            let items = list(schema, of, json)?;
            out.list_begin(wire_type(schema, item), items.len())?;
            elements(schema, item, items, out)?;
            out.list_end()?;
        }
        Type::Set(item) => {
            let items = list(schema, of, json)?;
            let mut seen = BTreeSet::new();
            if let Some(twice) = items.iter().find(|item| !seen.insert(item.to_string())) {
                return Err(wrong(format!("{} is twice in the {}", scalar::describe(twice), name())));
            }
            out.set_begin(wire_type(schema, item), items.len())?;
            elements(schema, item, items, out)?;
            out.set_end()?;
        }
        Type::Map(entry) => map(schema, entry, json, out)?,
        Type::Struct(id) => structure(schema, *id, json, out)?,
        // `actual` has seen through it.
        Type::Typedef(_) | Type::Ref(_) => return Err(wrong(format!("{} is not resolved", name()))),
    }
    Ok(())
}

fn mismatch(schema: &Schema, of: &Type, json: &Value) -> WriteError {
    WriteError::json(format!("expected {}, got {}", type_name(schema, of), scalar::describe(json)))
}

fn text<'a>(schema: &Schema, of: &Type, json: &'a Value) -> Result<&'a str> {
    json.as_str().ok_or_else(|| mismatch(schema, of, json))
}

fn list<'a>(schema: &Schema, of: &Type, json: &'a Value) -> Result<&'a [Value]> {
    json.as_array().map(Vec::as_slice).ok_or_else(|| mismatch(schema, of, json))
}

fn elements<W: Writer>(schema: &Schema, of: &Type, items: &[Value], out: &mut W) -> Result {
    for (n, item) in items.iter().enumerate() {
        value(schema, of, item, out).map_err(|error| error.within(format_args!("[{n}]")))?;
    }
    Ok(())
}

/// A map: an object, or a list of pairs.
fn map<W: Writer>(schema: &Schema, entry: &(Type, Type), json: &Value, out: &mut W) -> Result {
    let (key_type, value_type) = entry;
    let pairs: Vec<(Cow<'_, Value>, &Value)> = match json {
        Value::Object(object) => {
            let key = |text: &str| scalar::from_key(schema, key_type, text).map(Cow::Owned).map_err(WriteError::json);
            object.iter().map(|(text, value)| Ok((key(text)?, value))).collect::<Result<_>>()?
        }
        Value::Array(items) => {
            let pair = |item: &'_ Value| match item.as_array().map(Vec::as_slice) {
                Some([_, _]) => Ok(()),
                _ => Err(WriteError::json(format!("expected a pair [key, value], got {}", scalar::describe(item)))),
            };
            items.iter().try_for_each(pair)?;
            items.iter().filter_map(|item| Some((Cow::Borrowed(item.get(0)?), item.get(1)?))).collect()
        }
        _ => {
            let of = Type::Map(Box::new(entry.clone()));
            return Err(mismatch(schema, &of, json));
        }
    };
    out.map_begin(wire_type(schema, key_type), wire_type(schema, value_type), pairs.len())?;
    for (key, item) in pairs {
        let place = |error: WriteError| error.within(format_args!("[{key}]"));
        value(schema, key_type, &key, out).map_err(place)?;
        value(schema, value_type, item, out).map_err(place)?;
    }
    out.map_end()?;
    Ok(())
}

/// A struct, exception or union: an object by field names.
fn structure<W: Writer>(schema: &Schema, id: Id, json: &Value, out: &mut W) -> Result {
    let of = Type::Struct(id);
    let (Value::Object(object), Some(found)) = (json, schema.struct_of(id)) else {
        return Err(mismatch(schema, &of, json));
    };
    if found.kind == StructKind::Union && object.len() != 1 {
        let known = names(&found.fields);
        return Err(WriteError::json(format!(
            "a {} has one field of {known}, not {}",
            type_name(schema, &of),
            object.len()
        )));
    }
    fields(schema, &type_name(schema, &of), &found.fields, object, out)
}

/// The fields of a struct, or the arguments of a method, as a struct.
pub(super) fn fields<W: Writer>(
    schema: &Schema,
    of: &str,
    fields: &[Field],
    object: &Map<String, Value>,
    out: &mut W,
) -> Result {
    if let Some(unknown) = object.keys().find(|name| !fields.iter().any(|field| field.name == **name)) {
        return Err(WriteError::json(format!("no field {unknown:?} in {of}; it has {}", names(fields))));
    }
    out.struct_begin("")?;
    for field in fields {
        let given = object.get(&field.name).filter(|value| !value.is_null()).map(Cow::Borrowed);
        let default = || field.default.as_ref().map(|value| default::to_json(schema, &field.field_type, value));
        let json = match given.or_else(|| default().map(Cow::Owned)) {
            Some(json) => json,
            None if field.requiredness == Requiredness::Required => {
                let wanted = type_name(schema, &field.field_type);
                return Err(WriteError::json(format!("{of} needs its field {:?}, {wanted}", field.name)));
            }
            None => continue,
        };
        out.field_begin("", wire_type(schema, &field.field_type), field.id)?;
        value(schema, &field.field_type, &json, out).map_err(|error| error.within(format_args!(".{}", field.name)))?;
        out.field_end()?;
    }
    out.field_stop()?;
    out.struct_end()?;
    Ok(())
}

fn names(fields: &[Field]) -> String {
    crate::idl::list(fields.iter().map(|field| field.name.clone()))
}
