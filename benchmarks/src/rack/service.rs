//! What the rack's nodes serve.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use bifrost_rpc::Server;
use bifrost_rpc::memory::GlobalMemory;
use bifrost_rpc::node::Node;
use bifrost_rpc::reference::{Owned, Ref};

use super::machines;
use crate::child;
use crate::services::benchmark::PingSyncProcessor;
use crate::services::passing::{PassingSyncHandler, PassingSyncProcessor};
use crate::services::{Handler, refused};

/// Bytes of the objects that are passed.
pub(super) const OBJECT_BYTES: usize = 64;
/// What those hold that the service gives away.
pub(super) const GIVEN: u8 = 2;
/// Objects that wait to be given away, at most.
const STOCK_MAX: usize = 4_096;

/// Takes pointers and gives others away, without a look at the data.
struct Passer {
    memory: GlobalMemory,
    stock: Mutex<Vec<Owned<Vec<u8>>>>,
}

impl PassingSyncHandler for Passer {
    fn handle_stock(&self, objects: i32) -> thrift::Result<()> {
        for _ in 0..objects {
            let object = self.memory.store(vec![GIVEN; OBJECT_BYTES])?;
            let mut stock = self.stock.lock().unwrap_or_else(PoisonError::into_inner);
            if stock.len() == STOCK_MAX {
                return Err(refused("too many objects"));
            }
            stock.push(object);
        }
        Ok(())
    }

    fn handle_exchange(&self, data: Ref<Vec<u8>>) -> thrift::Result<Ref<Vec<u8>>> {
        data.pointer().ok_or_else(|| refused("the argument is no pointer"))?;
        let given = self.stock.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Ok(given.ok_or_else(|| refused("there is nothing to give"))?.give())
    }

    fn handle_process(&self) -> thrift::Result<i64> {
        Ok(std::process::id().into())
    }
}

/// Is the node of this name, and serves, for ever.
pub(super) fn run(tunnel: SocketAddr, name: &str) -> Result<()> {
    let node = machines::join(tunnel, name)?;
    let _server = serve(&node)?;
    child::announce(0)?;
    loop {
        std::thread::park();
    }
}

/// What a node serves.
pub(super) fn serve(node: &Node) -> Result<Server> {
    let memory = node.memory();
    let builder = node.server().global_memory(memory.clone()).service(PingSyncProcessor::new(Handler));
    let passer = Passer { memory, stock: Mutex::default() };
    Ok(builder.service(PassingSyncProcessor::new(passer)).start()?)
}
