//! The engine's errors as those of the wire.

use super::idl::bmv2_simple_pre_lag::{InvalidMcOperation, McOperationErrorCode};
use super::idl::bmv2_simple_switch::{InvalidMirroringOperation, MirroringOperationErrorCode};
use super::idl::bmv2_standard as idl;
use crate::engine::{ArrayError, CrcError, LearnError, MeterError, MulticastError, SetError, TableError};
use thrift::ApplicationErrorKind::InternalError;

pub(super) fn table(error: TableError) -> thrift::Error {
    table_code(idl::TableOperationErrorCode(error.code()))
}

pub(super) fn table_code(code: idl::TableOperationErrorCode) -> thrift::Error {
    idl::InvalidTableOperation::new(code).into()
}

pub(super) fn counter(error: ArrayError) -> thrift::Error {
    idl::InvalidCounterOperation::new(idl::CounterOperationErrorCode(error.code())).into()
}

pub(super) fn register(error: ArrayError) -> thrift::Error {
    register_code(idl::RegisterOperationErrorCode(error.code()))
}

pub(super) fn register_code(code: idl::RegisterOperationErrorCode) -> thrift::Error {
    idl::InvalidRegisterOperation::new(code).into()
}

pub(super) fn value_set(error: SetError) -> thrift::Error {
    idl::InvalidParseVSetOperation::new(idl::ParseVSetOperationErrorCode(error.code())).into()
}

pub(super) fn crc(error: CrcError) -> thrift::Error {
    idl::InvalidCrcOperation::new(idl::CrcErrorCode(error.code())).into()
}

/// No program that is loaded has such a hash.
pub(super) fn toeplitz() -> thrift::Error {
    idl::InvalidToeplitzHashOperation::new(idl::ToeplitzHashErrorCode::WRONG_TYPE_CALCULATION).into()
}

pub(super) fn meter(error: MeterError) -> thrift::Error {
    idl::InvalidMeterOperation::new(idl::MeterOperationErrorCode(error.code())).into()
}

pub(super) fn learning(error: LearnError) -> thrift::Error {
    idl::InvalidLearnOperation::new(idl::LearnOperationErrorCode(error.code())).into()
}

pub(super) fn ports() -> thrift::Error {
    idl::InvalidDevMgrOperation::new(idl::DevMgrErrorCode::ERROR).into()
}

pub(super) fn swap(code: idl::SwapOperationErrorCode) -> thrift::Error {
    idl::InvalidSwapOperation::new(code).into()
}

pub(super) fn multicast(error: MulticastError) -> thrift::Error {
    multicast_code(McOperationErrorCode(error.code()))
}

pub(super) fn multicast_code(code: McOperationErrorCode) -> thrift::Error {
    InvalidMcOperation::new(code).into()
}

pub(super) fn no_session() -> thrift::Error {
    InvalidMirroringOperation::new(MirroringOperationErrorCode::SESSION_NOT_FOUND).into()
}

/// For what the API has no error of its own for.
pub(super) fn because(text: String) -> thrift::Error {
    thrift::new_application_error(InternalError, text)
}

/// There is one context, as in `simple_switch`.
pub(super) fn context(id: i32) -> thrift::Result<()> {
    if id == 0 { Ok(()) } else { Err(because(format!("there is no context {id}; the only one is 0"))) }
}
