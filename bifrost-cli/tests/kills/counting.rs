//! A service of arrays that counts the calls that it runs.

use bifrost_bench::services::SharedHandler;
use bifrost_bench::services::benchmark::{
    SharedArraysClient, SharedArraysSyncHandler, SharedArraysSyncProcessor, TSharedArraysSyncClient,
};
use bifrost_rpc::node::Node;
use bifrost_rpc::reference::Ref;
use bifrost_rpc::{Server, thrift};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

struct Handler(Arc<AtomicU32>);

impl SharedArraysSyncHandler for Handler {
    fn handle_increment(&self, data: Ref<Vec<u8>>, amount: i8) -> thrift::Result<Ref<Vec<u8>>> {
        self.0.fetch_add(1, Ordering::AcqRel);
        SharedHandler.handle_increment(data, amount)
    }

    fn handle_add(&self, a: Ref<Vec<u8>>, b: Ref<Vec<u8>>) -> thrift::Result<Ref<Vec<u8>>> {
        SharedHandler.handle_add(a, b)
    }
}

/// The service, at a node.
pub(crate) struct Counting {
    runs: Arc<AtomicU32>,
    _server: Server,
}

impl Counting {
    pub(crate) fn serve(node: &Node) -> Self {
        let runs = Arc::new(AtomicU32::new(0));
        let service = SharedArraysSyncProcessor::new(Handler(Arc::clone(&runs)));
        let server = node.server().global_memory(node.memory()).service(service);
        Self { runs, _server: server.start().unwrap() }
    }

    pub(crate) fn runs(&self) -> u32 {
        self.runs.load(Ordering::Acquire)
    }
}

/// Has an array incremented by 3, and reads what comes back.
pub(crate) fn increment(client: &mut SharedArraysClient, data: Ref<Vec<u8>>) -> thrift::Result<Vec<u8>> {
    let result = client.increment(data, 3)?.into_owned().unwrap();
    let read = result.read().unwrap();
    result.free().unwrap();
    Ok(read)
}
