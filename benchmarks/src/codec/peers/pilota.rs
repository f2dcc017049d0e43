//! The `pilota` crate's safe codecs: the calls that the code of its generator makes, on the types of ours.
//!
//! Not used are its unchecked binary protocol and its `FastStr`, which would make this a comparison of string types.

mod values;

use std::hint::black_box;
use std::marker::PhantomData;

use anyhow::{Context, Result};
use bytes::{Bytes, BytesMut};
use pilota::LinkedBytes;
use pilota::thrift::binary::TBinaryProtocol;
use pilota::thrift::compact::{TCompactInputProtocol, TCompactOutputProtocol};
use pilota::thrift::{TInputProtocol, TOutputProtocol, ThriftException};

pub(in crate::codec) use self::values::Value;
use crate::codec::subject::{Named, Subject};

/// Its binary and compact protocols, writing to one block.
pub(in crate::codec) fn subjects<T>(value: &T) -> Result<Vec<Named>>
where
    T: Value + Clone + PartialEq + 'static,
{
    Ok(vec![
        ("pilota-binary", Box::new(Pilota::<_, Binary, BytesMut>::new(value.clone())?)),
        ("pilota-compact", Box::new(Pilota::<_, Compact, BytesMut>::new(value.clone())?)),
    ])
}

/// The same, writing to a list of blocks that takes over a large `Bytes` instead of copying it.
pub(in crate::codec) fn linked_subjects<T>(value: &T) -> Result<Vec<Named>>
where
    T: Value + Clone + PartialEq + 'static,
{
    Ok(vec![
        ("pilota-binary", Box::new(Pilota::<_, Binary, LinkedBytes>::new(value.clone())?)),
        ("pilota-compact", Box::new(Pilota::<_, Compact, LinkedBytes>::new(value.clone())?)),
    ])
}

/// What a message is written to.
trait Buffer: Default {
    fn empty(&mut self);
    fn to_vec(&self) -> Vec<u8>;
}

impl Buffer for BytesMut {
    fn empty(&mut self) {
        self.clear();
    }
    fn to_vec(&self) -> Vec<u8> {
        <[u8]>::to_vec(self)
    }
}

impl Buffer for LinkedBytes {
    fn empty(&mut self) {
        self.reset();
    }
    fn to_vec(&self) -> Vec<u8> {
        self.concat().to_vec()
    }
}

/// How to make the two ends of a protocol.
trait Protocol<B> {
    fn output(out: &mut B) -> impl TOutputProtocol;
    fn input(bytes: &mut Bytes) -> impl TInputProtocol;
}

struct Binary;
struct Compact;

macro_rules! protocols {
    ($($buffer:ty),*) => {
        $(
            impl Protocol<$buffer> for Binary {
                #[inline]
                fn output(out: &mut $buffer) -> impl TOutputProtocol {
                    TBinaryProtocol::new(out, true)
                }
                #[inline]
                fn input(bytes: &mut Bytes) -> impl TInputProtocol {
                    TBinaryProtocol::new(bytes, true)
                }
            }

            impl Protocol<$buffer> for Compact {
                #[inline]
                fn output(out: &mut $buffer) -> impl TOutputProtocol {
                    TCompactOutputProtocol::new(out, true)
                }
                #[inline]
                fn input(bytes: &mut Bytes) -> impl TInputProtocol {
                    TCompactInputProtocol::new(bytes)
                }
            }
        )*
    };
}

protocols!(BytesMut, LinkedBytes);

struct Pilota<T, P, B> {
    value: T,
    out: B,
    encoded: Bytes,
    protocol: PhantomData<P>,
}

impl<T: Value + PartialEq, P: Protocol<B>, B: Buffer> Pilota<T, P, B> {
    fn new(value: T) -> Result<Self> {
        let mut new = Self { value, out: B::default(), encoded: Bytes::new(), protocol: PhantomData };
        new.encode(1)?;
        new.encoded = Bytes::from(new.out.to_vec());
        Ok(new)
    }
}

impl<T: Value + PartialEq, P: Protocol<B>, B: Buffer> Subject for Pilota<T, P, B> {
    fn encode(&mut self, times: u32) -> Result<()> {
        for _ in 0..times {
            self.out.empty();
            black_box(&self.value).encode(&mut P::output(&mut self.out)).map_err(readable)?;
            black_box(&self.out);
        }
        Ok(())
    }

    /// Its protocols consume a `Bytes`, so each turn takes a reference to the same memory.
    fn decode(&mut self, times: u32) -> Result<()> {
        for _ in 0..times {
            let mut bytes = black_box(&self.encoded).clone();
            black_box(T::decode(&mut P::input(&mut bytes)).map_err(readable)?);
        }
        Ok(())
    }

    fn encoded(&self) -> Vec<u8> {
        self.encoded.to_vec()
    }

    fn adopt(&mut self, encoded: &[u8]) {
        self.encoded = Bytes::copy_from_slice(encoded);
    }

    fn reads(&self, bytes: &[u8]) -> Result<bool> {
        let mut bytes = Bytes::copy_from_slice(bytes);
        let read = T::decode(&mut P::input(&mut bytes)).map_err(readable).context("cannot decode")?;
        Ok(read == self.value)
    }
}

fn readable(error: ThriftException) -> anyhow::Error {
    anyhow::anyhow!("{error}")
}
