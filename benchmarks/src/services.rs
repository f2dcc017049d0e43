//! The services of `idl/benchmark.thrift`: generated code and its handlers.

use self::benchmark::{ArraysSyncHandler, EchoSyncHandler, PingSyncHandler};

include!(concat!(env!("OUT_DIR"), "/thrift.rs"));

/// Handles all three services as their IDL says.
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
