//! The codec of this project, through the code of its generator.

use std::hint::black_box;
use std::marker::PhantomData;

use anyhow::Result;
use bifrost_rpc::buffer::MessageBuffer;
use bifrost_rpc::protocol::{Binary, Codec, Compact, Decode, Encode, Limits};
use bytes::Bytes;

use crate::codec::subject::{Named, Subject};

/// Its binary and compact protocols, read from a slice.
pub(in crate::codec) fn subjects<T>(value: &T) -> Result<Vec<Named>>
where
    T: Encode + Decode + Clone + PartialEq + 'static,
{
    Ok(vec![
        ("bifrost-binary", Box::new(Bifrost::<_, Binary>::new(value.clone(), false)?)),
        ("bifrost-compact", Box::new(Bifrost::<_, Compact>::new(value.clone(), false)?)),
    ])
}

/// The same for a type with `Bytes` in it, read from a block that the value then refers to.
pub(in crate::codec) fn shared_subjects<T>(value: &T) -> Result<Vec<Named>>
where
    T: Encode + Decode + Clone + PartialEq + 'static,
{
    Ok(vec![
        ("bifrost-binary-bytes", Box::new(Bifrost::<_, Binary>::new(value.clone(), true)?)),
        ("bifrost-compact-bytes", Box::new(Bifrost::<_, Compact>::new(value.clone(), true)?)),
    ])
}

struct Bifrost<T, C> {
    value: T,
    out: MessageBuffer,
    encoded: Bytes,
    is_shared: bool,
    codec: PhantomData<C>,
}

impl<T: Encode + Decode + PartialEq, C: Codec> Bifrost<T, C> {
    fn new(value: T, is_shared: bool) -> Result<Self> {
        let mut out = MessageBuffer::new();
        value.encode(&mut C::writer(&mut out))?;
        let encoded = Bytes::from(out.finish().to_vec());
        Ok(Self { value, out: MessageBuffer::new(), encoded, is_shared, codec: PhantomData })
    }
}

impl<T: Encode + Decode + PartialEq, C: Codec> Subject for Bifrost<T, C> {
    fn encode(&mut self, times: u32) -> Result<()> {
        for _ in 0..times {
            self.out.clear();
            black_box(&self.value).encode(&mut C::writer(&mut self.out))?;
            black_box(&self.out);
        }
        Ok(())
    }

    fn decode(&mut self, times: u32) -> Result<()> {
        for _ in 0..times {
            if self.is_shared {
                black_box(T::decode(&mut C::shared_reader(black_box(&self.encoded), Limits::DEFAULT))?);
            } else {
                black_box(T::decode(&mut C::reader(black_box(&self.encoded)))?);
            }
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
        Ok(T::decode(&mut C::reader(bytes))? == self.value)
    }
}
