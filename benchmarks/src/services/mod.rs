//! The services of `idl/benchmark.thrift` and `idl/passing.thrift`: generated code, and handlers of the former.

mod shared;
pub(crate) mod stamped;

use self::benchmark::{
    ArraysSyncHandler, ChainClient, ChainSyncHandler, EchoSyncHandler, PingSyncHandler, TChainSyncClient,
};
use crate::chain;
pub(crate) use shared::SharedChainLink;
pub use shared::SharedHandler;

include!(concat!(env!("OUT_DIR"), "/thrift.rs"));

/// Handles `Ping`, `Echo` and `Arrays` as their IDL says.
#[derive(Debug, Clone, Copy, Default)]
pub struct Handler;

impl PingSyncHandler for Handler {
    fn handle_ping(&self) -> thrift::Result<()> {
        Ok(())
    }
}

impl EchoSyncHandler for Handler {
    fn handle_echo(&self, data: Vec<u8>) -> thrift::Result<Vec<u8>> {
        Ok(data)
    }
}

impl ArraysSyncHandler for Handler {
    fn handle_increment(&self, mut data: Vec<u8>, amount: i8) -> thrift::Result<Vec<u8>> {
        data.iter_mut().for_each(|byte| *byte = byte.wrapping_add_signed(amount));
        Ok(data)
    }

    fn handle_add(&self, mut a: Vec<u8>, b: Vec<u8>) -> thrift::Result<Vec<u8>> {
        a.truncate(b.len());
        a.iter_mut().zip(&b).for_each(|(sum, byte)| *sum = sum.wrapping_add(*byte));
        Ok(a)
    }

    fn handle_increment_list(&self, mut data: Vec<i8>, amount: i8) -> thrift::Result<Vec<i8>> {
        data.iter_mut().for_each(|byte| *byte = byte.wrapping_add(amount));
        Ok(data)
    }
}

/// A service of a chain.
#[derive(Debug, Clone)]
pub(crate) struct ChainLink {
    /// The one after it; none for the last.
    pub(crate) next: Option<ChainClient>,
}

impl ChainSyncHandler for ChainLink {
    fn handle_visit(&self, data: Vec<u8>, offset: i32) -> thrift::Result<i64> {
        let len = data.len();
        let own = chain::digest(&data[chain::part(len, offset).map_err(refused)?]);
        match self.next.clone() {
            Some(mut next) => Ok(chain::combined(own, next.visit(data, chain::next_offset(len, own))?)),
            None => Ok(own),
        }
    }
}

/// The caller has asked for what does not make sense.
pub(crate) fn refused(error: impl std::fmt::Display) -> thrift::Error {
    thrift::new_application_error(thrift::ApplicationErrorKind::ProtocolError, error.to_string())
}
