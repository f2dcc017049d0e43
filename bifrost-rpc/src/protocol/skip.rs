//! Passing over values with nothing but a [`Reader`].

use super::{Reader, error};
use thrift::protocol::TType;

/// Passes over a value; `skip_block` does so for a `string` or `binary`. Recursion is bounded by the reader's limit
/// on depth.
pub(crate) fn skip_value<R: Reader>(
    r: &mut R,
    value: TType,
    skip_block: fn(&mut R) -> thrift::Result<()>,
) -> thrift::Result<()> {
    match value {
        TType::Bool => r.bool().map(drop),
        TType::I08 => r.i8().map(drop),
        TType::I16 => r.i16().map(drop),
        TType::I32 => r.i32().map(drop),
        TType::I64 => r.i64().map(drop),
        TType::Double => r.double().map(drop),
        TType::Uuid => r.uuid().map(drop),
        TType::String | TType::Utf7 => skip_block(r),
        TType::Struct => {
            r.struct_begin()?;
            loop {
                let (field, _) = r.field_begin()?;
                if field == TType::Stop {
                    return r.struct_end();
                }
                skip_value(r, field, skip_block)?;
                r.field_end()?;
            }
        }
        TType::List => {
            let (element, len) = r.list_begin()?;
            (0..len).try_for_each(|_| skip_value(r, element, skip_block))?;
            r.list_end()
        }
        TType::Set => {
            let (element, len) = r.set_begin()?;
            (0..len).try_for_each(|_| skip_value(r, element, skip_block))?;
            r.set_end()
        }
        TType::Map => {
            let (key, value, len) = r.map_begin()?;
            for _ in 0..len {
                skip_value(r, key, skip_block)?;
                skip_value(r, value, skip_block)?;
            }
            r.map_end()
        }
        TType::Stop | TType::Void => Err(error::unsuitable_type(value)),
    }
}
