//! The Thrift binary protocol, as Apache's `TBinaryProtocol` writes and reads it.

#![warn(clippy::indexing_slicing)]

mod reader;
mod writer;

pub use reader::BinaryReader;
pub use writer::BinaryWriter;

use thrift::protocol::TType;

/// First half of a strict message header; the other half holds the kind.
const VERSION: [u8; 2] = [0x80, 0x01];

#[inline]
fn type_byte(of: TType) -> u8 {
    match of {
        TType::Stop => 0,
        TType::Void => 1,
        TType::Bool => 2,
        TType::I08 => 3,
        TType::Double => 4,
        TType::I16 => 6,
        TType::I32 => 8,
        TType::I64 => 10,
        TType::String | TType::Utf7 => 11,
        TType::Struct => 12,
        TType::Map => 13,
        TType::Set => 14,
        TType::List => 15,
        TType::Uuid => 16,
    }
}

#[inline]
fn type_of(byte: u8) -> thrift::Result<TType> {
    Ok(match byte {
        0 => TType::Stop,
        1 => TType::Void,
        2 => TType::Bool,
        3 => TType::I08,
        4 => TType::Double,
        6 => TType::I16,
        8 => TType::I32,
        10 => TType::I64,
        11 => TType::String,
        12 => TType::Struct,
        13 => TType::Map,
        14 => TType::Set,
        15 => TType::List,
        16 => TType::Uuid,
        _ => return Err(super::error::bad_type(byte)),
    })
}

/// The bytes of every value of a fixed-width type.
#[inline]
pub(crate) const fn fixed_bytes(of: TType) -> Option<usize> {
    match of {
        TType::Bool | TType::I08 => Some(1),
        TType::I16 => Some(2),
        TType::I32 => Some(4),
        TType::I64 | TType::Double => Some(8),
        TType::Uuid => Some(16),
        _ => None,
    }
}

/// The bytes of the shortest value of a type; one for types that have no values, so that no count is free.
#[inline]
fn bytes_min(of: TType) -> usize {
    match of {
        TType::String | TType::Utf7 => 4,
        TType::List | TType::Set => 5,
        TType::Map => 6,
        other => fixed_bytes(other).unwrap_or(1),
    }
}
