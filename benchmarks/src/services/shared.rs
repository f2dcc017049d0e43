//! The services whose arrays are in global memory.

use bifrost_rpc::memory::{GlobalMemory, MemoryError, Pointer};
use uuid::Uuid;

use super::benchmark::{SharedArraysSyncHandler, SharedChainClient, SharedChainSyncHandler, TSharedChainSyncClient};
use super::refused;
use crate::{chain, workload};

/// Handles `SharedArrays` over the memory that it is given.
#[derive(Debug, Clone)]
pub struct SharedHandler {
    /// Where the arrays are, and the results go.
    pub memory: GlobalMemory,
}

fn failed(error: MemoryError) -> thrift::Error {
    thrift::new_application_error(thrift::ApplicationErrorKind::InternalError, error.to_string())
}

/// A length that a caller has named; what it names too much is the memory server's to refuse.
fn length(length: i64) -> thrift::Result<u64> {
    u64::try_from(length).map_err(refused)
}

impl SharedArraysSyncHandler for SharedHandler {
    fn handle_increment(&self, data: Uuid, len: i64, amount: i8) -> thrift::Result<Uuid> {
        let mut data = self.memory.read(Pointer::from(data), 0, length(len)?).map_err(failed)?;
        workload::increment(&mut data, amount);
        Ok(self.memory.alloc_and_write(data).map_err(failed)?.into())
    }

    fn handle_add(&self, a: Uuid, b: Uuid, len: i64) -> thrift::Result<Uuid> {
        let read = |array: Uuid| self.memory.start_read(array.into(), 0, length(len)?, Vec::new()).map_err(failed);
        let (a, b) = (read(a)?, read(b)?);
        let (mut a, b) = (a.wait().map_err(failed)?, b.wait().map_err(failed)?);
        workload::add(&mut a, &b);
        Ok(self.memory.alloc_and_write(a).map_err(failed)?.into())
    }
}

/// A service of a chain whose array is in global memory.
#[derive(Debug, Clone)]
pub(crate) struct SharedChainLink {
    pub(crate) memory: GlobalMemory,
    /// The one after it; none for the last.
    pub(crate) next: Option<SharedChainClient>,
}

impl SharedChainSyncHandler for SharedChainLink {
    fn handle_visit(&self, data: Uuid, len: i64, offset: i32) -> thrift::Result<i64> {
        let bytes = usize::try_from(len).map_err(refused)?;
        let part = chain::part(bytes, offset).map_err(refused)?;
        let (at, count) = (part.start as u64, part.len() as u64);
        let own = chain::digest(&self.memory.read(data.into(), at, count).map_err(failed)?);
        match self.next.clone() {
            Some(mut next) => Ok(chain::combined(own, next.visit(data, len, chain::next_offset(bytes, own))?)),
            None => Ok(own),
        }
    }
}
