//! What generated processors answer with.

use super::Answer;
use crate::protocol::{Encode, MessageHeader, Reader, Writer};
use crate::reference::prepare;
use thrift::protocol::{TMessageType, TType};
use thrift::{ApplicationError, ApplicationErrorKind, Error, ProtocolErrorKind};

/// Writes a REPLY with the result struct of a method; an EXCEPTION if what goes by reference cannot be stored.
///
/// # Errors
///
/// What the writer reports.
pub fn reply<W: Writer, R: Encode>(header: &MessageHeader, out: &mut W, mut result: R) -> thrift::Result<Answer> {
    if let Err(error) = prepare(&mut result, out.passing()) {
        return exception(header, out, error);
    }
    out.message_begin(&header.name, TMessageType::Reply, header.sequence)?;
    result.encode_owned(out)?;
    out.message_end()?;
    Ok(Answer::Reply)
}

/// Writes an EXCEPTION for the failure of a call: an application error as it is, a protocol error as
/// [`ApplicationErrorKind::ProtocolError`], anything else as [`ApplicationErrorKind::InternalError`].
///
/// # Errors
///
/// What the writer reports.
pub fn exception<W: Writer>(header: &MessageHeader, out: &mut W, error: Error) -> thrift::Result<Answer> {
    out.message_begin(&header.name, TMessageType::Exception, header.sequence)?;
    write_application_error(&application_error(error), out)?;
    out.message_end()?;
    Ok(Answer::Exception)
}

/// Writes an EXCEPTION for arguments that cannot be read: a [`ApplicationErrorKind::ProtocolError`] that says why.
///
/// # Errors
///
/// What the writer reports.
pub fn bad_arguments<W: Writer>(header: &MessageHeader, out: &mut W, error: Error) -> thrift::Result<Answer> {
    let message = application_error(error).message;
    exception(header, out, thrift::new_application_error(ApplicationErrorKind::ProtocolError, message))
}

pub(super) fn application_error(error: Error) -> ApplicationError {
    match error {
        Error::Application(error) => error,
        Error::Protocol(error) => ApplicationError::new(ApplicationErrorKind::ProtocolError, error.message),
        Error::Transport(error) => ApplicationError::new(ApplicationErrorKind::InternalError, error.message),
        Error::User(error) => ApplicationError::new(ApplicationErrorKind::InternalError, error.to_string()),
    }
}

/// Passes over the arguments of a method that the service does not have, and says so.
///
/// # Errors
///
/// What the writer reports. Malformed arguments are answered, too.
pub fn unknown_method<R: Reader, W: Writer>(
    header: &MessageHeader,
    args: &mut R,
    out: &mut W,
) -> thrift::Result<Answer> {
    let skipped = args.skip(TType::Struct);
    if header.kind == TMessageType::OneWay {
        return Ok(Answer::Nothing);
    }
    let error = match skipped {
        Ok(()) => thrift::new_application_error(
            ApplicationErrorKind::UnknownMethod,
            format!("unknown method {}", header.name),
        ),
        Err(error) => error,
    };
    exception(header, out, error)
}

/// A struct came without a required field.
#[cold]
#[must_use]
pub fn missing_field(struct_name: &str, field: &str) -> Error {
    thrift::new_protocol_error(
        ProtocolErrorKind::InvalidData,
        format!("{struct_name} lacks its required field {field}"),
    )
}

/// A reply holds neither a value nor a declared exception.
#[cold]
#[must_use]
pub fn missing_result(method: &str) -> Error {
    thrift::new_application_error(ApplicationErrorKind::MissingResult, format!("no result received for {method}"))
}

/// Writes the struct of an application exception.
///
/// # Errors
///
/// What the writer reports.
pub fn write_application_error<W: Writer>(error: &ApplicationError, out: &mut W) -> thrift::Result<()> {
    out.struct_begin("TApplicationException")?;
    out.field_begin("message", TType::String, 1)?;
    out.string(&error.message)?;
    out.field_end()?;
    out.field_begin("type", TType::I32, 2)?;
    out.i32(error.kind as i32)?;
    out.field_end()?;
    out.field_stop()?;
    out.struct_end()
}

/// Reads the struct of an application exception. A kind that is not known is read as
/// [`ApplicationErrorKind::Unknown`].
///
/// # Errors
///
/// What the reader reports.
pub fn read_application_error<R: Reader>(input: &mut R) -> thrift::Result<ApplicationError> {
    let mut error = ApplicationError::new(ApplicationErrorKind::Unknown, "general remote error");
    input.struct_begin()?;
    loop {
        match input.field_begin()? {
            (TType::Stop, _) => break,
            (TType::String, 1) => error.message = input.string()?,
            (TType::I32, 2) => {
                error.kind = input.i32()?.try_into().unwrap_or(error.kind);
            }
            (other, _) => input.skip(other)?,
        }
        input.field_end()?;
    }
    input.struct_end()?;
    Ok(error)
}
