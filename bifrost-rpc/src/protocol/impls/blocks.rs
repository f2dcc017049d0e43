//! `string` and `binary`.

use crate::protocol::error::not_utf8;
use crate::protocol::{BinaryWriter, Decode, Encode, Reader, ThriftType, Writer};
use crate::reference::Content;
use bytes::Bytes;
use thrift::protocol::TType;

impl ThriftType for str {
    const TYPE: TType = TType::String;
}

impl Encode for str {
    #[inline]
    fn encode<W: Writer>(&self, w: &mut W) -> thrift::Result<()> {
        w.string(self)
    }
}

impl ThriftType for String {
    const TYPE: TType = TType::String;
}

impl Encode for String {
    #[inline]
    fn encode<W: Writer>(&self, w: &mut W) -> thrift::Result<()> {
        w.string(self)
    }
    #[inline]
    fn encode_field<W: Writer>(&self, w: &mut W, name: &'static str, id: i16) -> thrift::Result<()> {
        w.string_field(name, id, self)
    }
    fn object_len(&self) -> thrift::Result<usize> {
        Ok(self.len())
    }
    fn encode_object(self, w: &mut BinaryWriter<'_>) -> thrift::Result<()> {
        w.raw(self.into_bytes());
        Ok(())
    }
}

impl Decode for String {
    #[inline]
    fn decode<R: Reader>(r: &mut R) -> thrift::Result<Self> {
        r.string()
    }
    fn decode_object(object: Content) -> thrift::Result<Self> {
        String::from_utf8(object.into_bytes()?).map_err(|error| not_utf8(error.utf8_error()))
    }
}

// `u8` is no Thrift type, so that this is not a `list<byte>`.
impl ThriftType for Vec<u8> {
    const TYPE: TType = TType::String;
}

impl Encode for Vec<u8> {
    #[inline]
    fn encode<W: Writer>(&self, w: &mut W) -> thrift::Result<()> {
        w.bytes(self)
    }
    #[inline]
    fn encode_owned<W: Writer>(self, w: &mut W) -> thrift::Result<()> {
        w.bytes_owned(self)
    }
    fn object_len(&self) -> thrift::Result<usize> {
        Ok(self.len())
    }
    fn encode_object(self, w: &mut BinaryWriter<'_>) -> thrift::Result<()> {
        w.raw(self);
        Ok(())
    }
}

impl Decode for Vec<u8> {
    #[inline]
    fn decode<R: Reader>(r: &mut R) -> thrift::Result<Self> {
        r.bytes()
    }
    fn decode_object(object: Content) -> thrift::Result<Self> {
        object.into_bytes()
    }
}

impl ThriftType for Bytes {
    const TYPE: TType = TType::String;
}

impl Encode for Bytes {
    #[inline]
    fn encode<W: Writer>(&self, w: &mut W) -> thrift::Result<()> {
        w.bytes_shared(self.clone())
    }
    #[inline]
    fn encode_owned<W: Writer>(self, w: &mut W) -> thrift::Result<()> {
        w.bytes_shared(self)
    }
    fn object_len(&self) -> thrift::Result<usize> {
        Ok(self.len())
    }
    fn encode_object(self, w: &mut BinaryWriter<'_>) -> thrift::Result<()> {
        w.raw_shared(self);
        Ok(())
    }
}

impl Decode for Bytes {
    #[inline]
    fn decode<R: Reader>(r: &mut R) -> thrift::Result<Self> {
        r.bytes_shared()
    }
    fn decode_object(object: Content) -> thrift::Result<Self> {
        object.into_bytes().map(Self::from)
    }
}
