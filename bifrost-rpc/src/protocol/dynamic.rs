//! Values whose types nobody declared: what is left of fields that a reader does not know.

mod unknown;
mod value;
mod value_type;

pub use unknown::{UnknownField, UnknownFields};
pub use value::Value;
pub use value_type::ValueType;
