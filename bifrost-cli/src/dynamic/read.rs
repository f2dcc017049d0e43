//! Thrift into JSON.

use super::{binary, scalar, type_name, wire_type};
use bifrost_codegen::schema::{Field, Schema, Type};
use bifrost_rpc::protocol::Reader;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use thrift::protocol::TType;
use thrift::{ProtocolErrorKind, new_protocol_error};

/// Bytes charged for each JSON value, against the reader's limit on memory.
const VALUE_BYTES: usize = size_of::<Value>();

/// Reads a value of a type, whose type byte has been checked.
pub(super) fn value<R: Reader>(schema: &Schema, of: &Type, input: &mut R) -> thrift::Result<Value> {
    Ok(match schema.value_type(of) {
        Type::Bool => input.bool()?.into(),
        Type::I8 => input.i8()?.into(),
        Type::I16 => input.i16()?.into(),
        Type::I32 => input.i32()?.into(),
        Type::I64 => input.i64()?.into(),
        Type::Enum(id) => scalar::from_enum(schema, *id, input.i32()?),
        Type::Double => scalar::from_double(input.double()?),
        Type::String => input.string()?.into(),
        Type::Binary => binary::format(&input.bytes()?).into(),
        Type::Uuid => input.uuid()?.to_string().into(),
        Type::List(item) => {
            let (found, len) = input.list_begin()?;
            let items = elements(schema, item, found, len, input)?;
            input.list_end()?;
            items
        }
        Type::Set(item) => {
            let (found, len) = input.set_begin()?;
            let items = elements(schema, item, found, len, input)?;
            input.set_end()?;
            items
        }
        Type::Map(entry) => map(schema, entry, input)?,
        Type::Struct(id) => {
            let known = schema.struct_of(*id).map_or(&[][..], |found| &found.fields);
            Value::Object(fields(schema, known, input)?)
        }
        // `value_type` has seen through it.
        Type::Typedef(_) | Type::Ref(_) => Value::Null,
    })
}

fn check(schema: &Schema, of: &Type, found: TType, len: usize) -> thrift::Result<()> {
    // An empty container may come without types.
    if len == 0 || found == wire_type(schema, of) {
        return Ok(());
    }
    let text = format!("the answer has elements of wire type {found:?} where the IDL says {}", type_name(schema, of));
    Err(new_protocol_error(ProtocolErrorKind::InvalidData, text))
}

fn elements<R: Reader>(schema: &Schema, of: &Type, found: TType, len: usize, input: &mut R) -> thrift::Result<Value> {
    check(schema, of, found, len)?;
    let mut items = Vec::with_capacity(input.reserve_hint(len, VALUE_BYTES));
    for _ in 0..len {
        input.charge(VALUE_BYTES)?;
        items.push(value(schema, of, input)?);
    }
    Ok(Value::Array(items))
}

/// A map: an object if its keys are scalars and differ, or else a list of pairs.
fn map<R: Reader>(schema: &Schema, entry: &(Type, Type), input: &mut R) -> thrift::Result<Value> {
    let (key_found, value_found, len) = input.map_begin()?;
    check(schema, &entry.0, key_found, len)?;
    check(schema, &entry.1, value_found, len)?;
    let mut pairs = Vec::with_capacity(input.reserve_hint(len, 2 * VALUE_BYTES));
    for _ in 0..len {
        input.charge(2 * VALUE_BYTES)?;
        pairs.push((value(schema, &entry.0, input)?, value(schema, &entry.1, input)?));
    }
    input.map_end()?;
    let texts: BTreeSet<String> = pairs.iter().filter_map(|(key, _)| scalar::to_key(key)).collect();
    Ok(if texts.len() == pairs.len() {
        pairs.into_iter().filter_map(|(key, value)| Some((scalar::to_key(&key)?, value))).collect()
    } else {
        pairs.into_iter().map(|(key, value)| Value::Array(vec![key, value])).collect()
    })
}

/// The fields of a struct; those that the IDL does not know are passed over.
pub(super) fn fields<R: Reader>(schema: &Schema, known: &[Field], input: &mut R) -> thrift::Result<Map<String, Value>> {
    let mut found = Map::new();
    input.struct_begin()?;
    loop {
        let (wire, id) = input.field_begin()?;
        if wire == TType::Stop {
            break;
        }
        input.charge(2 * VALUE_BYTES)?;
        match known.iter().find(|field| field.id == id) {
            Some(field) if wire == wire_type(schema, &field.field_type) => {
                found.insert(field.name.clone(), value(schema, &field.field_type, input)?);
            }
            // A value that stayed in global memory: its pointer.
            Some(field) if wire == TType::Uuid && field.by_reference => {
                let pointer = Value::from(input.uuid()?.to_string());
                found.insert(
                    field.name.clone(),
                    Value::Object([("bifrost.ref".to_owned(), pointer)].into_iter().collect()),
                );
            }
            _ => input.skip(wire)?,
        }
        input.field_end()?;
    }
    input.struct_end()?;
    Ok(found)
}
