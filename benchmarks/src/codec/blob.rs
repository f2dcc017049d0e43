//! The struct `Blob` of `idl/codec.thrift` with its `binary` as `Bytes`, in the shape of generated code.

use bifrost_rpc::protocol::{Decode, Encode, Reader, ThriftType, Writer};
use bifrost_rpc::service;
use bytes::Bytes;
use thrift::protocol::TType;

/// A block that is referred to, not copied.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct BlobBytes {
    pub(super) data: Bytes,
}

impl ThriftType for BlobBytes {
    const TYPE: TType = TType::Struct;
}

impl Encode for BlobBytes {
    fn encode<W: Writer>(&self, w: &mut W) -> thrift::Result<()> {
        w.struct_begin("Blob")?;
        w.field_begin("data", TType::String, 1)?;
        Encode::encode(&self.data, w)?;
        w.field_end()?;
        w.field_stop()?;
        w.struct_end()
    }
}

impl Decode for BlobBytes {
    fn decode<R: Reader>(r: &mut R) -> thrift::Result<Self> {
        let mut data = None;
        r.struct_begin()?;
        loop {
            match r.field_begin()? {
                (TType::Stop, _) => break,
                (TType::String, 1) => data = Some(Decode::decode(r)?),
                (field_type, _) => r.skip(field_type)?,
            }
            r.field_end()?;
        }
        r.struct_end()?;
        let Some(data) = data else {
            return Err(service::missing_field("Blob", "data"));
        };
        Ok(Self { data })
    }
}
