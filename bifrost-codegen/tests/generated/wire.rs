//! Values to bytes and back, in our protocols and in Apache's.

use bifrost_rpc::buffer::MessageBuffer;
use bifrost_rpc::protocol::{Binary, Codec, Compact, Decode, Encode, Json};
use bifrost_rpc::thrift::protocol::{
    TBinaryInputProtocol, TBinaryOutputProtocol, TInputProtocol, TOutputProtocol, TSerializable,
};
use bifrost_rpc::thrift::transport::{TBufferChannel, TIoChannel};
use std::fmt::Debug;

pub(crate) fn to_bytes<C: Codec, T: Encode>(value: &T) -> Vec<u8> {
    let mut out = MessageBuffer::new();
    value.encode(&mut C::writer(&mut out)).unwrap();
    out.finish().to_vec()
}

pub(crate) fn to_bytes_owned<C: Codec, T: Encode>(value: T) -> Vec<u8> {
    let mut out = MessageBuffer::new();
    value.encode_owned(&mut C::writer(&mut out)).unwrap();
    out.finish().to_vec()
}

pub(crate) fn from_bytes<C: Codec, T: Decode>(bytes: &[u8]) -> thrift::Result<T> {
    T::decode(&mut C::reader(bytes))
}

/// The bytes that Apache's binary protocol writes.
pub(crate) fn apache_bytes<T: TSerializable>(value: &T) -> Vec<u8> {
    let (_, write) = TBufferChannel::with_capacity(0, 1 << 16).split().unwrap();
    let mut protocol = TBinaryOutputProtocol::new(write, true);
    value.write_to_out_protocol(&mut protocol).unwrap();
    protocol.flush().unwrap();
    protocol.transport.write_bytes()
}

pub(crate) fn from_apache_bytes<T: TSerializable>(bytes: &[u8]) -> thrift::Result<T> {
    let mut channel = TBufferChannel::with_capacity(bytes.len(), 0);
    channel.set_readable_bytes(bytes);
    let mut protocol = TBinaryInputProtocol::new(channel, true);
    let protocol: &mut dyn TInputProtocol = &mut protocol;
    T::read_from_in_protocol(protocol)
}

/// The value survives every protocol, and both ways to encode it agree.
pub(crate) fn round_trips<T>(value: T)
where
    T: Encode + Decode + TSerializable + Clone + Debug + PartialEq,
{
    let binary = to_bytes::<Binary, T>(&value);
    assert_eq!(to_bytes_owned::<Binary, T>(value.clone()), binary);
    assert_eq!(from_bytes::<Binary, T>(&binary).unwrap(), value);
    let compact = to_bytes::<Compact, T>(&value);
    assert_eq!(to_bytes_owned::<Compact, T>(value.clone()), compact);
    assert_eq!(from_bytes::<Compact, T>(&compact).unwrap(), value);
    let json = to_bytes::<Json, T>(&value);
    assert_eq!(to_bytes_owned::<Json, T>(value.clone()), json);
    assert_eq!(from_bytes::<Json, T>(&json).unwrap(), value);
    assert_eq!(apache_bytes(&value), binary);
    assert_eq!(from_apache_bytes::<T>(&binary).unwrap(), value);
}
