//! Defaults of the IDL as JSON.

use super::{binary, enum_values, scalar};
use bifrost_codegen::schema::{Schema, Type, Value as Constant};
use serde_json::Value;
use uuid::Uuid;

/// The JSON of a constant of a type.
pub(super) fn to_json(schema: &Schema, of: &Type, constant: &Constant) -> Value {
    let actual = schema.value_type(of);
    match (constant, actual) {
        (Constant::Bool(value), _) => (*value).into(),
        (Constant::Int(value), _) => (*value).into(),
        (Constant::Double(value), _) => scalar::from_double(*value),
        (Constant::String(value), _) => value.as_str().into(),
        (Constant::Binary(value), _) => binary::format(value).into(),
        (Constant::Uuid(value), _) => Uuid::from_u128(*value).to_string().into(),
        (Constant::Enum(value), Type::Enum(id)) if !enum_values(schema, *id).is_empty() => {
            scalar::from_enum(schema, *id, *value)
        }
        (Constant::Enum(value), _) => (*value).into(),
        (Constant::List(items), Type::List(of) | Type::Set(of)) => {
            items.iter().map(|item| to_json(schema, of, item)).collect()
        }
        (Constant::Map(entries), Type::Map(of)) => {
            let pair = |(key, value)| Value::Array(vec![to_json(schema, &of.0, key), to_json(schema, &of.1, value)]);
            entries.iter().map(|(key, value)| pair((key, value))).collect()
        }
        (Constant::Struct(fields), Type::Struct(id)) => {
            let known = schema.struct_of(*id).map_or(&[][..], |found| &found.fields);
            let given = fields.iter().filter_map(|(index, value)| known.get(*index).map(|field| (field, value)));
            given.map(|(field, value)| (field.name.clone(), to_json(schema, &field.field_type, value))).collect()
        }
        // The resolver has fitted constants to their types.
        (Constant::List(_) | Constant::Map(_) | Constant::Struct(_), _) => Value::Null,
    }
}
