//! What the tests share: a service, processes that serve it, a network that misbehaves, a limit on time.

pub(crate) mod load;
pub(crate) mod panics;
pub(crate) mod probe;
pub(crate) mod process;
pub(crate) mod random;
pub(crate) mod store;
pub(crate) mod watchdog;

pub(crate) use bifrost_rpc::sim::proxy::{Faults, Proxy};
pub(crate) use load::{Load, check_effects};
pub(crate) use probe::{Client, Effects, Probe};
pub(crate) use process::{ServerProcess, Spec};
pub(crate) use random::Random;
pub(crate) use watchdog::Watchdog;

use bifrost_rpc::CallError;

/// A key for tests.
pub(crate) const KEY: [u8; 32] = [0x5A; 32];

/// The call error in an error that must be one.
pub(crate) fn call_error<T: std::fmt::Debug>(result: &thrift::Result<T>) -> CallError {
    let error = result.as_ref().expect_err("the call must fail");
    CallError::of(error).unwrap_or_else(|| panic!("no call error: {error:?}")).clone()
}

/// The kind of the application exception that a call must end with.
pub(crate) fn application_error<T: std::fmt::Debug>(result: &thrift::Result<T>) -> thrift::ApplicationErrorKind {
    match result {
        Err(thrift::Error::Application(error)) => error.kind,
        other => panic!("no application exception: {other:?}"),
    }
}
