//! `string` and `binary`.

use crate::protocol::{Decode, Encode, Reader, ThriftType, Writer};
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
}

impl Decode for String {
    #[inline]
    fn decode<R: Reader>(r: &mut R) -> thrift::Result<Self> {
        r.string()
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
}

impl Decode for Vec<u8> {
    #[inline]
    fn decode<R: Reader>(r: &mut R) -> thrift::Result<Self> {
        r.bytes()
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
}

impl Decode for Bytes {
    #[inline]
    fn decode<R: Reader>(r: &mut R) -> thrift::Result<Self> {
        r.bytes_shared()
    }
}
