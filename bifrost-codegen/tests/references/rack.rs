//! A memory server that counts, a service, and clients of both.

use crate::references::*;
use crate::store::Store;
use bifrost_rpc::memory::{GlobalMemory, Later, MemoryHandler, MemoryOp, MemoryOperation, MemoryReply, ServedCall};
use bifrost_rpc::reference::Ref;
use bifrost_rpc::{Channel, ChannelBuilder, Server, ServerBuilder, thrift};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

pub(crate) const LONG: usize = 100_000;

/// Bytes that say where they stand.
pub(crate) fn bytes(len: usize) -> Vec<u8> {
    (0..=250).cycle().take(len).collect()
}

#[derive(Default)]
pub(crate) struct Counting {
    pub(crate) store: Store,
    /// Messages other than those that free: these come some time later.
    pub(crate) asked: AtomicUsize,
    pub(crate) made: AtomicUsize,
    pub(crate) freed: AtomicUsize,
    pub(crate) read_bytes: AtomicUsize,
}

impl MemoryHandler for Counting {
    fn spans_objects(&self) -> bool {
        self.store.spans_objects()
    }

    fn announced(&self, operation: &MemoryOperation, bytes: u32) -> Option<MemoryReply> {
        MemoryHandler::announced(&self.store, operation, bytes)
    }

    fn run(&self, operation: &MemoryOperation, body: Vec<u8>, later: &Later<'_>) -> Option<MemoryReply> {
        let objects = if operation.fields.is_batch { usize::from(body[1]) } else { 1 };
        let reply = self.store.run(operation, body, later)?;
        self.asked.fetch_add(usize::from(operation.op() != MemoryOp::Free), SeqCst);
        match operation.op() {
            MemoryOp::Alloc => self.made.fetch_add(objects, SeqCst),
            MemoryOp::Free => self.freed.fetch_add(objects, SeqCst),
            MemoryOp::Read => self.read_bytes.fetch_add(reply.body.len(), SeqCst),
            MemoryOp::Write => 0,
        };
        Some(reply)
    }

    fn cancelled(&self, call: ServedCall) {
        self.store.cancelled(call);
    }
}

/// A memory server.
pub(crate) struct Rack {
    pub(crate) counts: Arc<Counting>,
    server: Server,
}

impl Rack {
    pub(crate) fn new() -> Self {
        Self::of(Store::default())
    }

    pub(crate) fn of(store: Store) -> Self {
        let counts = Arc::new(Counting { store, ..Counting::default() });
        let server = Server::builder().listen("udp://[::1]:0").memory(Arc::clone(&counts) as Arc<_>).start().unwrap();
        Self { counts, server }
    }

    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    pub(crate) fn memory(&self) -> GlobalMemory {
        let channels = Channel::builder().deadline(Duration::from_secs(30));
        GlobalMemory::connect_with(&self.server.url(), channels).unwrap()
    }

    pub(crate) fn channel(&self) -> ChannelBuilder {
        Channel::builder().deadline(Duration::from_secs(30)).global_memory(self.memory())
    }

    pub(crate) fn service(&self) -> ServerBuilder {
        Server::builder().listen("udp://[::1]:0").global_memory(self.memory())
    }

    pub(crate) fn made(&self) -> usize {
        self.counts.made.load(SeqCst)
    }

    pub(crate) fn read_bytes(&self) -> usize {
        self.counts.read_bytes.load(SeqCst)
    }

    /// Objects that are there when what was freed in the background is gone: waits until there are so many.
    pub(crate) fn settles_at(&self, objects: usize) {
        let there = || self.made() - self.counts.freed.load(SeqCst);
        for _ in 0..3000 {
            if there() == objects {
                return;
            }
            std::thread::park_timeout(Duration::from_millis(5));
        }
        panic!("{} objects are left, {objects} expected", there());
    }
}

/// `Memory` as a service: sums, and whatever else it is told to do by the number `c`.
pub(crate) struct Sums;

impl MemorySyncHandler for Sums {
    fn handle_sum(&self, a: Ref<Vec<u8>>, b: Ref<Vec<u8>>, c: i32) -> thrift::Result<Ref<Vec<u8>>> {
        match c {
            // Passed on.
            1 => return Ok(a),
            // A part only.
            2 => return Ok(Ref::from(a.read_range(10..20)?)),
            3 => return Ok(Ref::by_reference(vec![1, 2, 3])),
            4 => return Ok(Ref::by_value(a.into_value()?)),
            5 => return Err("on purpose".into()),
            6 => panic!("on purpose"),
            _ => {}
        }
        let (a, b) = (a.get()?, b.get()?);
        Ok(Ref::from(a.iter().zip(b.iter()).map(|(a, b)| a.wrapping_add(*b)).collect::<Vec<_>>()))
    }
    fn handle_plain(&self, _leaf: Leaf) -> thrift::Result<()> {
        Ok(())
    }
    fn handle_send(&self, request: Request) -> thrift::Result<Handle> {
        let data = request.data.unwrap_or_default();
        Ok(bifrost_rpc::uuid::Uuid::from_u128(data.len()? as u128))
    }
    fn handle_walk(&self, chain: Chain) -> thrift::Result<Chain> {
        Ok(chain)
    }
    fn handle_drop(&self, _which: crate::bifrost::Ptr) -> thrift::Result<()> {
        Ok(())
    }
}

pub(crate) fn sums(rack: &Rack) -> (Server, MemoryClient) {
    let server = rack.service().service(MemorySyncProcessor::new(Sums)).start().unwrap();
    let client = MemoryClient::new(rack.channel().connect(&server.url()).unwrap());
    (server, client)
}
