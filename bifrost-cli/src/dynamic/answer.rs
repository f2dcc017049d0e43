//! The answer to a call.

use super::{read, wire_type};
use crate::idl::Found;
use bifrost_codegen::schema::{Field, Type};
use bifrost_rpc::protocol::Reader;
use bifrost_rpc::service::{missing_result, read_application_error};
use serde_json::{Map, Value};
use thrift::protocol::{
    TMessageType, TType, verify_expected_message_type, verify_expected_sequence_number, verify_expected_service_call,
};

/// What a method answered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    /// Its result; `null` for `void`.
    Result(Value),
    /// Its result, a `binary`.
    Binary(Vec<u8>),
    /// An exception that it declares: its type, and its fields.
    Declared(String, Map<String, Value>),
}

/// Reads the message that answers a call.
///
/// # Errors
///
/// The answer to another call, an application exception, or a malformed message.
pub(crate) fn read_answer<R: Reader>(found: Found<'_>, sequence: i32, input: &mut R) -> thrift::Result<Answer> {
    let header = input.message_begin()?;
    verify_expected_sequence_number(sequence, header.sequence)?;
    // Apache's multiplexer answers for a service that it does not have with the name as it came, prefix included.
    if header.kind == TMessageType::Exception {
        let error = read_application_error(input)?;
        input.message_end()?;
        return Err(thrift::Error::Application(error));
    }
    verify_expected_service_call(&found.method.name, &header.name)?;
    verify_expected_message_type(TMessageType::Reply, header.kind)?;
    let answer = result(found, input)?;
    input.message_end()?;
    match (answer, &found.method.result) {
        (Some(answer), _) => Ok(answer),
        (None, None) => Ok(Answer::Result(Value::Null)),
        (None, Some(_)) => Err(missing_result(&found.method.name)),
    }
}

/// The result struct: the result in field 0, or a declared exception.
fn result<R: Reader>(found: Found<'_>, input: &mut R) -> thrift::Result<Option<Answer>> {
    let mut answer = None;
    input.struct_begin()?;
    loop {
        let (wire, id) = input.field_begin()?;
        if wire == TType::Stop {
            break;
        }
        let exception = || found.method.throws.iter().find(|field| field.id == id && wire == TType::Struct);
        if let Some(of) = found.method.result.as_ref().filter(|of| id == 0 && wire == wire_type(found.schema, of)) {
            answer = Some(match found.schema.value_type(of) {
                Type::Binary => Answer::Binary(input.bytes()?),
                _ => Answer::Result(read::value(found.schema, of, input)?),
            });
        } else if id == 0 && wire == TType::Uuid && found.method.result_by_reference {
            let pointer = Value::from(input.uuid()?.to_string());
            answer = Some(Answer::Result(Value::Object([("bifrost.ref".to_owned(), pointer)].into_iter().collect())));
        } else if let Some(field) = exception() {
            answer = Some(declared(found, field, input)?);
        } else {
            input.skip(wire)?;
        }
        input.field_end()?;
    }
    input.struct_end()?;
    Ok(answer)
}

fn declared<R: Reader>(found: Found<'_>, field: &Field, input: &mut R) -> thrift::Result<Answer> {
    let Type::Struct(id) = found.schema.value_type(&field.field_type) else {
        input.skip(TType::Struct)?;
        return Ok(Answer::Declared(field.name.clone(), Map::new()));
    };
    let known = found.schema.struct_of(*id).map_or(&[][..], |found| &found.fields);
    let fields = read::fields(found.schema, known, input)?;
    Ok(Answer::Declared(found.schema.definition(*id).name.clone(), fields))
}
