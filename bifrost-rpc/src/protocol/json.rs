//! The Thrift JSON protocol, as Apache's `TJSONProtocol` writes and reads it.
//!
//! A message is `[1,"name",kind,sequence,{…}]`, a struct `{"1":{"i32":5},…}` with the id and the type of each field, a
//! list or set `["i32",2,7,8]`, a map `["str","i32",1,{"key":5}]`. Numbers that are keys are quoted; keys that are
//! structs or containers stand where they stand, which is not JSON any more but what every implementation does.

#![warn(clippy::indexing_slicing)]

mod base64;
mod end;
mod nesting;
mod reader;
mod text;
mod tokens;
mod writer;

pub(crate) use end::{EndFinder, Progress, is_space};
pub use reader::JsonReader;
pub use writer::JsonWriter;

use super::error;
use thrift::protocol::TType;

/// The first item of a message.
const VERSION: i64 = 1;

/// What elements and fields of a type are announced by.
fn type_name(of: TType) -> thrift::Result<&'static str> {
    Ok(match of {
        TType::Bool => "tf",
        TType::I08 => "i8",
        TType::I16 => "i16",
        TType::I32 => "i32",
        TType::I64 => "i64",
        TType::Double => "dbl",
        TType::String | TType::Utf7 => "str",
        TType::Struct => "rec",
        TType::Map => "map",
        TType::List => "lst",
        TType::Set => "set",
        TType::Uuid => "uid",
        TType::Stop | TType::Void => return Err(error::unsuitable_type(of)),
    })
}

fn type_of(name: &[u8]) -> thrift::Result<TType> {
    Ok(match name {
        b"tf" => TType::Bool,
        b"i8" => TType::I08,
        b"i16" => TType::I16,
        b"i32" => TType::I32,
        b"i64" => TType::I64,
        b"dbl" => TType::Double,
        b"str" => TType::String,
        b"rec" => TType::Struct,
        b"map" => TType::Map,
        b"lst" => TType::List,
        b"set" => TType::Set,
        b"uid" => TType::Uuid,
        _ => return Err(error::bad_type_name(name)),
    })
}

/// The bytes of the shortest value of a type, without quotes that only a key has.
pub(crate) fn bytes_min(of: TType) -> usize {
    match of {
        TType::String | TType::Utf7 | TType::Struct => 2,
        TType::List | TType::Set => r#"["i8",0]"#.len(),
        TType::Map => r#"["i8","i8",0,{}]"#.len(),
        // Digits without hyphens are read, too.
        TType::Uuid => 34,
        _ => 1,
    }
}

#[cfg(test)]
mod tests;
