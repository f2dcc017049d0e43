//! A small service, written by hand as generated code is.

use super::{Answer, CallResult, Dispatch, Method, exception, missing_field, missing_result, reply, unknown_method};
use crate::protocol::{Decode, Encode, MessageHeader, Reader, ThriftType, Writer};
use std::sync::atomic::{AtomicI32, Ordering::SeqCst};
use thrift::protocol::TType;

const fn method(name: &'static str, oneway: bool) -> Method {
    Method { service: "Counter", name, oneway, short: false, idempotent: false }
}

pub(crate) const ADD: Method = method("add", false);
pub(crate) const NOTE: Method = method("note", true);
pub(crate) const ABSENT: Method = method("absent", false);

/// `i32 add(1: i32 by)` counts, and fails in as many ways as there are special numbers;
/// `oneway void note(1: i32 by)`.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    pub(crate) count: AtomicI32,
}

pub(crate) const DECLARED: i32 = -1;
pub(crate) const APPLICATION: i32 = -2;
pub(crate) const USER: i32 = -3;
pub(crate) const PANIC: i32 = -4;
/// The result cannot be encoded.
pub(crate) const DEEP: i32 = -5;

/// A struct of one optional `i32` field.
#[derive(Debug, PartialEq)]
pub(crate) struct Number<const ID: i16>(pub(crate) Option<i32>);

pub(crate) type Args = Number<1>;

impl<const ID: i16> ThriftType for Number<ID> {
    const TYPE: TType = TType::Struct;
}

impl<const ID: i16> Encode for Number<ID> {
    fn encode<W: Writer>(&self, w: &mut W) -> thrift::Result<()> {
        w.struct_begin("Number")?;
        if let Some(number) = self.0 {
            w.field_begin("number", TType::I32, ID)?;
            w.i32(number)?;
            w.field_end()?;
        }
        w.field_stop()?;
        w.struct_end()
    }
}

impl<const ID: i16> Decode for Number<ID> {
    fn decode<R: Reader>(r: &mut R) -> thrift::Result<Self> {
        let mut number = None;
        r.struct_begin()?;
        loop {
            match r.field_begin()? {
                (TType::Stop, _) => break,
                (TType::I32, id) if id == ID => number = Some(r.i32()?),
                (other, _) => r.skip(other)?,
            }
            r.field_end()?;
        }
        r.struct_end()?;
        Ok(Self(number))
    }
}

/// The declared exception.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("code {0}")]
pub(crate) struct Declared(pub(crate) i32);

#[derive(Debug)]
pub(crate) enum AddResult {
    Success(i32),
    Declared(i32),
    Deep,
    Missing,
}

impl ThriftType for AddResult {
    const TYPE: TType = TType::Struct;
}

impl Encode for AddResult {
    fn encode<W: Writer>(&self, w: &mut W) -> thrift::Result<()> {
        match self {
            Self::Success(value) => Number::<0>(Some(*value)).encode(w),
            Self::Declared(code) => Number::<1>(Some(*code)).encode(w),
            Self::Missing => Number::<0>(None).encode(w),
            Self::Deep => {
                w.struct_begin("Deep")?;
                w.field_begin("deep", TType::Struct, 2)?;
                self.encode(w)
            }
        }
    }
}

impl Decode for AddResult {
    fn decode<R: Reader>(r: &mut R) -> thrift::Result<Self> {
        let mut result = Self::Missing;
        r.struct_begin()?;
        loop {
            match r.field_begin()? {
                (TType::Stop, _) => break,
                (TType::I32, 0) => result = Self::Success(r.i32()?),
                (TType::I32, 1) => result = Self::Declared(r.i32()?),
                (other, _) => r.skip(other)?,
            }
            r.field_end()?;
        }
        r.struct_end()?;
        Ok(result)
    }
}

impl CallResult for AddResult {
    type Value = i32;

    fn into_value(self) -> thrift::Result<i32> {
        match self {
            Self::Success(value) => Ok(value),
            Self::Declared(code) => Err(thrift::Error::User(Declared(code).into())),
            Self::Deep | Self::Missing => Err(missing_result("add")),
        }
    }
}

impl Counter {
    fn add(&self, by: i32) -> thrift::Result<AddResult> {
        match by {
            DECLARED => Ok(AddResult::Declared(7)),
            APPLICATION => {
                Err(thrift::new_application_error(thrift::ApplicationErrorKind::InvalidTransform, "as it is"))
            }
            USER => Err(thrift::Error::User("of the handler's own".into())),
            PANIC => panic!("a test of panics"),
            DEEP => Ok(AddResult::Deep),
            _ => Ok(AddResult::Success(self.count.fetch_add(by, SeqCst) + by)),
        }
    }
}

impl Dispatch for Counter {
    const SERVICE: &'static str = "Counter";
    const METHODS: &'static [Method] = &[ADD, NOTE];

    fn dispatch<R: Reader, W: Writer>(
        &self,
        header: &MessageHeader,
        args: &mut R,
        out: &mut W,
    ) -> thrift::Result<Answer> {
        match header.name.as_str() {
            "add" => {
                let by = Args::decode(args).and_then(|Number(by)| by.ok_or(missing_field("add", "by")));
                match by.and_then(|by| self.add(by)) {
                    Ok(result) => reply(header, out, result),
                    Err(error) => exception(header, out, error),
                }
            }
            "note" => {
                if let Ok(Number(Some(by))) = Args::decode(args) {
                    let _ = self.add(by);
                }
                Ok(Answer::Nothing)
            }
            _ => unknown_method(header, args, out),
        }
    }
}
