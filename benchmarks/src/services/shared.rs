//! The services whose arrays may be in global memory.

use bifrost_rpc::reference::Ref;

use super::benchmark::{SharedArraysSyncHandler, SharedChainClient, SharedChainSyncHandler, TSharedChainSyncClient};
use super::refused;
use crate::{chain, workload};

/// Handles `SharedArrays` as its IDL says. Its results go by reference to everybody who understands that.
#[derive(Debug, Clone, Copy, Default)]
pub struct SharedHandler;

impl SharedArraysSyncHandler for SharedHandler {
    fn handle_increment(&self, data: Ref<Vec<u8>>, amount: i8) -> thrift::Result<Ref<Vec<u8>>> {
        let mut data = data.into_value()?;
        workload::increment(&mut data, amount);
        Ok(Ref::by_reference(data))
    }

    fn handle_add(&self, a: Ref<Vec<u8>>, b: Ref<Vec<u8>>) -> thrift::Result<Ref<Vec<u8>>> {
        let (mut a, b) = a.into_value_with(b)?;
        a.truncate(b.len());
        workload::add(&mut a, &b);
        Ok(Ref::by_reference(a))
    }
}

/// A service of a chain whose array is in global memory.
#[derive(Debug, Clone)]
pub(crate) struct SharedChainLink {
    /// The one after it; none for the last.
    pub(crate) next: Option<SharedChainClient>,
}

impl SharedChainSyncHandler for SharedChainLink {
    fn handle_visit(&self, data: Ref<Vec<u8>>, length: i64, offset: i32) -> thrift::Result<i64> {
        let len = usize::try_from(length).map_err(refused)?;
        let part = chain::part(len, offset).map_err(refused)?;
        let own = chain::digest(&data.read_range(part.start as u64..part.end as u64)?);
        match self.next.clone() {
            Some(mut next) => Ok(chain::combined(own, next.visit(data, length, chain::next_offset(len, own))?)),
            None => Ok(own),
        }
    }
}
