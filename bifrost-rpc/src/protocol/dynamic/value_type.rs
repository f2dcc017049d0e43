use crate::protocol::error;
use thrift::Error;
use thrift::protocol::TType;

/// The wire type of a [`Value`](super::Value).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[allow(missing_docs, reason = "each is the Thrift type of its name")]
pub enum ValueType {
    /// That of the keys and values of an empty map where the protocol does not say.
    None,
    Bool,
    I8,
    I16,
    I32,
    I64,
    Double,
    Uuid,
    /// `string` or `binary`.
    Bytes,
    Struct,
    List,
    Set,
    Map,
}

impl From<ValueType> for TType {
    fn from(of: ValueType) -> Self {
        match of {
            ValueType::None => Self::Stop,
            ValueType::Bool => Self::Bool,
            ValueType::I8 => Self::I08,
            ValueType::I16 => Self::I16,
            ValueType::I32 => Self::I32,
            ValueType::I64 => Self::I64,
            ValueType::Double => Self::Double,
            ValueType::Uuid => Self::Uuid,
            ValueType::Bytes => Self::String,
            ValueType::Struct => Self::Struct,
            ValueType::List => Self::List,
            ValueType::Set => Self::Set,
            ValueType::Map => Self::Map,
        }
    }
}

impl TryFrom<TType> for ValueType {
    type Error = Error;

    fn try_from(of: TType) -> Result<Self, Error> {
        Ok(match of {
            TType::Stop => Self::None,
            TType::Bool => Self::Bool,
            TType::I08 => Self::I8,
            TType::I16 => Self::I16,
            TType::I32 => Self::I32,
            TType::I64 => Self::I64,
            TType::Double => Self::Double,
            TType::Uuid => Self::Uuid,
            TType::String | TType::Utf7 => Self::Bytes,
            TType::Struct => Self::Struct,
            TType::List => Self::List,
            TType::Set => Self::Set,
            TType::Map => Self::Map,
            other => return Err(error::unsuitable_type(other)),
        })
    }
}
