pub(crate) mod value;

mod hostile;
mod hostile_json;
mod typed;
mod wire;

use super::{Binary, Codec, Compact, Encode, Json};
use crate::buffer::MessageBuffer;
use crate::compat::TJsonOutputProtocol;
use thrift::protocol::{TBinaryOutputProtocol, TCompactOutputProtocol, TOutputProtocol};

/// A protocol and Apache's of the same name. JSON's, which Apache's crate lacks, is ours.
pub(crate) trait Twin: Codec {
    /// Whether the types of an empty map are written.
    const EMPTY_MAP_TYPES: bool;

    fn apache(out: &mut Vec<u8>) -> Box<dyn TOutputProtocol + '_>;
}

impl Twin for Binary {
    const EMPTY_MAP_TYPES: bool = true;

    fn apache(out: &mut Vec<u8>) -> Box<dyn TOutputProtocol + '_> {
        Box::new(TBinaryOutputProtocol::new(out, true))
    }
}

impl Twin for Compact {
    const EMPTY_MAP_TYPES: bool = false;

    fn apache(out: &mut Vec<u8>) -> Box<dyn TOutputProtocol + '_> {
        Box::new(TCompactOutputProtocol::new(out))
    }
}

impl Twin for Json {
    const EMPTY_MAP_TYPES: bool = true;

    fn apache(out: &mut Vec<u8>) -> Box<dyn TOutputProtocol + '_> {
        Box::new(TJsonOutputProtocol::new(out))
    }
}

pub(crate) fn encode<C: Codec>(value: &impl Encode) -> Vec<u8> {
    let mut out = MessageBuffer::new();
    value.encode(&mut C::writer(&mut out)).unwrap();
    out.finish().to_vec()
}

pub(crate) fn encode_owned<C: Codec>(value: impl Encode) -> Vec<u8> {
    let mut out = MessageBuffer::new();
    value.encode_owned(&mut C::writer(&mut out)).unwrap();
    out.finish().to_vec()
}
