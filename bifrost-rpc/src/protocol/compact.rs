//! The Thrift compact protocol, as Apache's `TCompactProtocol` writes and reads it.

#![warn(clippy::indexing_slicing)]

mod ids;
mod reader;
mod varint;
mod writer;

pub use reader::CompactReader;
pub use writer::CompactWriter;

use super::error;
use thrift::protocol::TType;

const PROTOCOL_ID: u8 = 0x82;
const VERSION: u8 = 1;
const VERSION_MASK: u8 = 0x1f;
/// The kind of message is in the bits above the version.
const KIND_SHIFT: u32 = 5;

/// Field types of `bool`s, which carry their value.
const TRUE: u8 = 1;
const FALSE: u8 = 2;
/// A container's length that does not fit in its first byte.
const LONG: usize = 15;

/// The type nibble of a field or an element. Fields that are `bool`s have two of their own.
#[inline]
fn type_nibble(of: TType) -> thrift::Result<u8> {
    Ok(match of {
        TType::Stop => 0,
        TType::Bool => TRUE,
        TType::I08 => 3,
        TType::I16 => 4,
        TType::I32 => 5,
        TType::I64 => 6,
        TType::Double => 7,
        TType::String | TType::Utf7 => 8,
        TType::List => 9,
        TType::Set => 10,
        TType::Map => 11,
        TType::Struct => 12,
        TType::Uuid => 13,
        TType::Void => return Err(error::unsuitable_type(of)),
    })
}

#[inline]
fn type_of(nibble: u8) -> thrift::Result<TType> {
    Ok(match nibble {
        0 => TType::Stop,
        // Specifications and implementations differ about elements; fields have both.
        TRUE | FALSE => TType::Bool,
        3 => TType::I08,
        4 => TType::I16,
        5 => TType::I32,
        6 => TType::I64,
        7 => TType::Double,
        8 => TType::String,
        9 => TType::List,
        10 => TType::Set,
        11 => TType::Map,
        12 => TType::Struct,
        13 => TType::Uuid,
        _ => return Err(error::bad_type(nibble)),
    })
}

/// The bytes of the shortest value of a type.
#[inline]
fn bytes_min(of: TType) -> usize {
    match of {
        TType::Double => 8,
        TType::Uuid => 16,
        _ => 1,
    }
}
