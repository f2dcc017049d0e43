//! JSON scalars and the numbers they stand for.

use super::{enum_values, type_name};
use bifrost_codegen::schema::{Id, Schema, Type};
use serde_json::{Number, Value};

/// An integer of a type that ends at `i64`.
pub(super) fn integer<T: TryFrom<i64>>(json: &Value, name: &str) -> Result<T, String> {
    let number = match json {
        Value::Number(number) => number.as_i64().or_else(|| whole(number)),
        _ => return Err(format!("expected {name}, got {}", describe(json))),
    };
    let fitting = number.and_then(|number| T::try_from(number).ok());
    fitting.ok_or_else(|| format!("{} is no {name}", describe(json)))
}

/// A number written as `2.0` or `1e3`.
fn whole(number: &Number) -> Option<i64> {
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    let value = number.as_f64().filter(|value| value.fract() == 0.0 && value.abs() <= EXACT_MAX)?;
    format!("{value:.0}").parse().ok()
}

/// A double.
pub(super) fn double(json: &Value) -> Result<f64, String> {
    match json {
        Value::Number(number) => number.as_f64().ok_or_else(|| format!("{number} is no double")),
        Value::String(text) if text == "NaN" => Ok(f64::NAN),
        Value::String(text) if text == "Infinity" => Ok(f64::INFINITY),
        Value::String(text) if text == "-Infinity" => Ok(f64::NEG_INFINITY),
        _ => Err(format!(
            "expected double, got {}; write a number, \"NaN\", \"Infinity\" or \"-Infinity\"",
            describe(json)
        )),
    }
}

/// The JSON of a double.
pub(super) fn from_double(value: f64) -> Value {
    match Number::from_f64(value) {
        Some(number) => Value::Number(number),
        None if value.is_nan() => "NaN".into(),
        None if value > 0.0 => "Infinity".into(),
        None => "-Infinity".into(),
    }
}

/// The number of an enum, by name or number. A number that has no name is taken: the other side may know more.
pub(super) fn enum_number(schema: &Schema, id: Id, json: &Value) -> Result<i32, String> {
    let Value::String(text) = json else {
        return integer(json, &type_name(schema, &Type::Enum(id)));
    };
    let name = text.rsplit_once('.').map_or(text.as_str(), |(_, name)| name);
    let values = enum_values(schema, id);
    let found = values.iter().find(|value| value.name == name).map(|value| value.value);
    found.ok_or_else(|| {
        let known = crate::idl::list(values.iter().map(|value| value.name.clone()));
        format!("no {text:?} in {}; there are {known}", type_name(schema, &Type::Enum(id)))
    })
}

/// The JSON of an enum's number: its name if it has one.
pub(super) fn from_enum(schema: &Schema, id: Id, number: i32) -> Value {
    let named = enum_values(schema, id).iter().find(|value| value.value == number);
    named.map_or(Value::from(number), |value| value.name.as_str().into())
}

/// The JSON that a text stands for where a value of this type is wanted: in a map's key, or on the command line.
pub(super) fn from_text(schema: &Schema, of: &Type, text: &str) -> Result<Value, String> {
    let actual = schema.value_type(of);
    let parsed = serde_json::from_str::<Value>(text);
    match (actual, parsed) {
        // `"a"` is a; a is a, and so is anything else that is no JSON string.
        (Type::String | Type::Binary | Type::Uuid | Type::Enum(_) | Type::Double, Ok(Value::String(quoted))) => {
            Ok(Value::String(quoted))
        }
        (Type::String | Type::Binary | Type::Uuid, _) => Ok(text.into()),
        (Type::Enum(_) | Type::Double, Err(_)) => Ok(text.into()),
        (_, Ok(json)) => Ok(json),
        (_, Err(error)) => Err(format!("expected {} as JSON: {error}", type_name(schema, of))),
    }
}

/// The text of a map's key, from which [`from_key`] makes it again; none if it is no scalar.
pub(super) fn to_key(json: &Value) -> Option<String> {
    match json {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(json.to_string()),
        _ => None,
    }
}

/// The JSON that the text of a map's key stands for.
pub(super) fn from_key(schema: &Schema, of: &Type, text: &str) -> Result<Value, String> {
    match schema.value_type(of) {
        Type::String | Type::Binary | Type::Uuid => Ok(text.into()),
        _ => from_text(schema, of, text),
    }
}

/// A value for a message: its kind, and itself if it is short.
pub(super) fn describe(json: &Value) -> String {
    const CHARS_MAX: usize = 40;
    let text = json.to_string();
    let text = match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    };
    let kind = match json {
        Value::Null => return text,
        Value::Bool(_) => "the bool",
        Value::Number(_) => "the number",
        Value::String(_) => "the string",
        Value::Array(_) => "the list",
        Value::Object(_) => "the object",
    };
    format!("{kind} {text}")
}
