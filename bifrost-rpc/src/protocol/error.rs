//! The errors of readers and writers, built out of the way of the fast paths.

use thrift::protocol::TType;
use thrift::{Error, ProtocolErrorKind, new_protocol_error};

#[cold]
pub(crate) fn truncated() -> Error {
    new_protocol_error(ProtocolErrorKind::InvalidData, "the message ends inside a value")
}

#[cold]
pub(crate) fn too_large(what: &str, size: usize) -> Error {
    new_protocol_error(ProtocolErrorKind::SizeLimit, format!("a {what} of {size} exceeds the limit"))
}

#[cold]
pub(crate) fn container_exceeds_input(len: usize, remaining: usize) -> Error {
    new_protocol_error(
        ProtocolErrorKind::SizeLimit,
        format!("a container announces {len} elements with {remaining} bytes of the message left"),
    )
}

#[cold]
pub(crate) fn negative(size: i32) -> Error {
    new_protocol_error(ProtocolErrorKind::NegativeSize, format!("negative size {size}"))
}

#[cold]
pub(crate) fn too_deep(depth_max: u8) -> Error {
    new_protocol_error(ProtocolErrorKind::DepthLimit, format!("values are nested deeper than {depth_max} levels"))
}

#[cold]
pub(crate) fn bad_type(byte: u8) -> Error {
    new_protocol_error(ProtocolErrorKind::InvalidData, format!("{byte:#04x} is no type"))
}

#[cold]
pub(crate) fn bad_type_name(name: &[u8]) -> Error {
    let name = String::from_utf8_lossy(name.get(..8).unwrap_or(name));
    new_protocol_error(ProtocolErrorKind::InvalidData, format!("{name:?} is the name of no type"))
}

#[cold]
pub(crate) fn unexpected(expected: u8, found: u8) -> Error {
    let (expected, found) = (char::from(expected), char::from(found));
    new_protocol_error(ProtocolErrorKind::InvalidData, format!("expected {expected:?}, found {found:?}"))
}

#[cold]
pub(crate) fn unsuitable_type(found: TType) -> Error {
    new_protocol_error(ProtocolErrorKind::InvalidData, format!("there are no values of type {found}"))
}

#[cold]
pub(crate) fn element_type(expected: TType, found: TType) -> Error {
    new_protocol_error(ProtocolErrorKind::InvalidData, format!("expected elements of type {expected}, found {found}"))
}

#[cold]
pub(crate) fn bad_version(first: &[u8]) -> Error {
    new_protocol_error(ProtocolErrorKind::BadVersion, format!("no message header starts with {first:02x?}"))
}

#[cold]
pub(crate) fn bad_json_version() -> Error {
    new_protocol_error(ProtocolErrorKind::BadVersion, "a JSON message does not begin with version 1")
}

#[cold]
pub(crate) fn not_utf8(error: std::str::Utf8Error) -> Error {
    new_protocol_error(ProtocolErrorKind::InvalidData, error.to_string())
}

#[cold]
pub(crate) fn invalid(message: &str) -> Error {
    new_protocol_error(ProtocolErrorKind::InvalidData, message)
}
