//! [`Encode`](super::Encode) and [`Decode`](super::Decode) of the types that Thrift's own types map to.

mod blocks;
mod containers;

mod scalars;

pub(crate) use containers::element_bytes;
