//! Apache's crate: the calls that the code of Apache's generator makes, on the types of ours.
//!
//! That code takes `&mut dyn` protocols, and its processors are handed such. So the compiler is kept from seeing which
//! protocol it is, as it sometimes can where there is but one call in a program.

mod values;

use std::hint::black_box;
use std::marker::PhantomData;

use anyhow::Result;
use thrift::protocol::{
    TBinaryInputProtocol, TBinaryOutputProtocol, TCompactInputProtocol, TCompactOutputProtocol, TInputProtocol,
    TOutputProtocol,
};

pub(in crate::codec) use self::values::Value;
use crate::codec::subject::{Named, Subject};

/// Its binary and compact protocols.
pub(in crate::codec) fn subjects<T>(value: &T) -> Result<Vec<Named>>
where
    T: Value + Clone + PartialEq + 'static,
{
    Ok(vec![
        ("apache-binary", Box::new(Apache::<_, Binary>::new(value.clone())?)),
        ("apache-compact", Box::new(Apache::<_, Compact>::new(value.clone())?)),
    ])
}

/// How to make the two ends of a protocol over memory. A vector and a slice are the cheapest transports there are.
trait Protocol {
    fn output<'a>(out: &'a mut Vec<u8>) -> impl TOutputProtocol + 'a;
    fn input<'a>(bytes: &'a [u8]) -> impl TInputProtocol + 'a;
}

struct Binary;

impl Protocol for Binary {
    #[inline]
    fn output<'a>(out: &'a mut Vec<u8>) -> impl TOutputProtocol + 'a {
        TBinaryOutputProtocol::new(out, true)
    }
    #[inline]
    fn input<'a>(bytes: &'a [u8]) -> impl TInputProtocol + 'a {
        TBinaryInputProtocol::new(bytes, true)
    }
}

struct Compact;

impl Protocol for Compact {
    #[inline]
    fn output<'a>(out: &'a mut Vec<u8>) -> impl TOutputProtocol + 'a {
        TCompactOutputProtocol::new(out)
    }
    #[inline]
    fn input<'a>(bytes: &'a [u8]) -> impl TInputProtocol + 'a {
        TCompactInputProtocol::new(bytes)
    }
}

struct Apache<T, P> {
    value: T,
    out: Vec<u8>,
    encoded: Vec<u8>,
    protocol: PhantomData<P>,
}

impl<T: Value + PartialEq, P: Protocol> Apache<T, P> {
    fn new(value: T) -> Result<Self> {
        let mut new = Self { value, out: Vec::new(), encoded: Vec::new(), protocol: PhantomData };
        new.encode(1)?;
        new.encoded = new.out.clone();
        Ok(new)
    }
}

impl<T: Value + PartialEq, P: Protocol> Subject for Apache<T, P> {
    fn encode(&mut self, times: u32) -> Result<()> {
        for _ in 0..times {
            self.out.clear();
            let mut output = P::output(&mut self.out);
            black_box(&self.value).write(black_box::<&mut dyn TOutputProtocol>(&mut output))?;
            drop(output);
            black_box(&self.out);
        }
        Ok(())
    }

    fn decode(&mut self, times: u32) -> Result<()> {
        for _ in 0..times {
            let mut input = P::input(black_box(&self.encoded));
            black_box(T::read(black_box::<&mut dyn TInputProtocol>(&mut input))?);
        }
        Ok(())
    }

    fn encoded(&self) -> Vec<u8> {
        self.encoded.clone()
    }

    fn adopt(&mut self, encoded: &[u8]) {
        self.encoded = encoded.to_vec();
    }

    fn reads(&self, bytes: &[u8]) -> Result<bool> {
        Ok(T::read(&mut P::input(bytes))? == self.value)
    }
}
