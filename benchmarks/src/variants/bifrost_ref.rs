//! Bifröst by reference: arguments and results wait in global memory, and calls carry pointers.
//!
//! `increment` and `add` are the whole loop: the arguments are written, the service is called, reads them, writes its
//! result, and the client reads that and frees everything. What does not have to wait for each other is under way at
//! once: the arguments of `add` on their way there and to the service, and the frees with the read of the result.

use super::memory;
use super::{BIFROST_REF, Session, Variant};
use crate::random::Random;
use crate::server::Setup;
use crate::services::benchmark::{
    SharedArraysClient, SharedArraysSyncProcessor, SharedChainClient, SharedChainSyncProcessor,
    TSharedArraysSyncClient, TSharedChainSyncClient,
};
use crate::services::stamped::{self, Stamped};
use crate::services::{SharedChainLink, SharedHandler};
use crate::task::{CallTask, Task};
use crate::watchdog::Aborter;
use crate::workload::{Argument, Bench, INCREMENT, Outcome, Workload};
use anyhow::{Context, Result, bail};
use bifrost_rpc::memory::{GlobalMemory, Pointer};
use bifrost_rpc::{Channel, Server};
use std::net::SocketAddr;

/// The whole loop; for `chain`, calls about an array that is in place.
#[derive(Debug)]
pub(crate) struct BifrostRef;

/// The same with arguments that are in place before and stay there.
#[derive(Debug)]
pub(crate) struct InPlace;

fn channel(setup: &Setup, server: SocketAddr) -> Result<Channel> {
    Ok(setup.channels()?.connect(&format!("udp://{server}"))?)
}

fn serve(setup: &Setup, ready: &mut dyn FnMut(u16) -> Result<()>) -> Result<()> {
    let memory = memory::connect(setup)?;
    let next = setup.next.map(|next| channel(setup, next)).transpose()?.map(SharedChainClient::new);
    let arrays = SharedHandler { memory: memory.clone() };
    let mut builder = Server::builder()
        .listen(&format!("udp://{}", SocketAddr::from((setup.address, 0))))
        .service(SharedChainSyncProcessor::new(SharedChainLink { memory, next }));
    builder = match setup.workload.bench {
        Bench::Breakdown => builder.service(Stamped(SharedArraysSyncProcessor::new(Stamped(arrays)))),
        _ => builder.service(SharedArraysSyncProcessor::new(arrays)),
    };
    if let Some(key) = setup.load_key()? {
        builder = builder.key(key);
    }
    let server = builder.start()?;
    ready(server.addresses().first().map_or(0, SocketAddr::port))?;
    loop {
        std::thread::park();
    }
}

impl Variant for BifrostRef {
    fn name(&self) -> &'static str {
        BIFROST_REF
    }

    fn measures(&self, workload: &Workload) -> bool {
        matches!(workload.bench, Bench::Increment | Bench::Add | Bench::Chain | Bench::Breakdown)
    }

    fn is_by_reference(&self) -> bool {
        true
    }

    fn memory_servers(&self, _workload: &Workload) -> usize {
        1
    }

    fn serve(&self, setup: &Setup, ready: &mut dyn FnMut(u16) -> Result<()>) -> Result<()> {
        serve(setup, ready)
    }

    fn connect(&self, setup: &Setup, server: SocketAddr) -> Result<Box<dyn Session>> {
        Ok(Box::new(Client::new(setup, server)?))
    }

    fn task(&self, setup: &Setup, server: SocketAddr) -> Result<Box<dyn Task>> {
        Ok(match setup.workload.bench {
            Bench::Chain => Box::new(InPlaceTask::new(setup, server)?),
            _ => Box::new(CallTask::new(setup.workload, self.connect(setup, server)?)),
        })
    }
}

impl Variant for InPlace {
    fn name(&self) -> &'static str {
        "bifrost-ref-in-place"
    }

    fn measures(&self, workload: &Workload) -> bool {
        matches!(workload.bench, Bench::Increment | Bench::Add)
    }

    fn is_by_reference(&self) -> bool {
        true
    }

    fn memory_servers(&self, _workload: &Workload) -> usize {
        1
    }

    fn serve(&self, setup: &Setup, ready: &mut dyn FnMut(u16) -> Result<()>) -> Result<()> {
        serve(setup, ready)
    }

    fn connect(&self, _setup: &Setup, _server: SocketAddr) -> Result<Box<dyn Session>> {
        bail!("its arguments have to be put in place")
    }

    fn task(&self, setup: &Setup, server: SocketAddr) -> Result<Box<dyn Task>> {
        Ok(Box::new(InPlaceTask::new(setup, server)?))
    }
}

/// A client of the services and of the memory.
#[derive(Debug)]
struct Client {
    memory: GlobalMemory,
    arrays: SharedArraysClient,
    /// For calls that note the points they reach.
    noted: Option<Channel>,
    chain: SharedChainClient,
    /// Takes the next result.
    spare: Vec<u8>,
}

impl Client {
    fn new(setup: &Setup, server: SocketAddr) -> Result<Self> {
        let channel = channel(setup, server)?;
        let noted = (setup.workload.bench == Bench::Breakdown).then(|| channel.clone());
        let (arrays, chain) = (SharedArraysClient::new(channel.clone()), SharedChainClient::new(channel));
        Ok(Self { memory: memory::connect(setup)?, arrays, noted, chain, spare: Vec::new() })
    }

    /// Reads the result, and frees it and `arguments`.
    fn collect(&mut self, result: Pointer, len: usize, arguments: &[Pointer]) -> Result<Vec<u8>> {
        // It arrives while what has been read before is freed.
        let read = self.memory.start_read(result, 0, len as u64, std::mem::take(&mut self.spare))?;
        let freed = arguments.iter().map(|object| self.memory.start_free(*object)).collect::<Result<Vec<_>, _>>()?;
        let data = read.wait()?;
        self.memory.start_free(result)?.wait()?;
        freed.into_iter().try_for_each(|free| free.wait())?;
        Ok(data)
    }
}

fn length(len: usize) -> Result<i64> {
    i64::try_from(len).context("too long an array")
}

impl Session for Client {
    fn increment(&mut self, data: Vec<u8>, amount: i8) -> Result<Vec<u8>> {
        let len = data.len();
        let object = self.memory.alloc_and_write(data)?;
        let result = match &self.noted {
            Some(channel) => stamped::shared_increment(channel, object.into(), length(len)?, amount)?,
            None => self.arrays.increment(object.into(), length(len)?, amount)?,
        };
        self.collect(result.into(), len, &[object])
    }

    fn add(&mut self, a: Vec<u8>, b: Vec<u8>) -> Result<Vec<u8>> {
        let len = a.len();
        let (a, b) = (self.memory.start_alloc_and_write(a)?, self.memory.start_alloc_and_write(b)?);
        let (a, b) = (a.wait()?, b.wait()?);
        let result = self.arrays.add(a.into(), b.into(), length(len)?)?;
        self.collect(result.into(), len, &[a, b])
    }

    fn aborter(&self) -> Result<Option<Aborter>> {
        Ok(None)
    }
}

/// Calls about arrays that were written before the timing, and are freed after it.
#[derive(Debug)]
struct InPlaceTask {
    workload: Workload,
    client: Client,
    argument: Argument,
    objects: Vec<Pointer>,
    outcome: Option<Outcome>,
}

impl InPlaceTask {
    fn new(setup: &Setup, server: SocketAddr) -> Result<Self> {
        let client = Client::new(setup, server)?;
        Ok(Self { workload: setup.workload, client, argument: Argument::Nothing, objects: Vec::new(), outcome: None })
    }
}

impl Task for InPlaceTask {
    fn prepare(&mut self, random: &mut Random) -> Result<()> {
        self.argument = self.workload.draw(random);
        let arrays = match &self.argument {
            Argument::Bytes(data) | Argument::Visit(data, _) => vec![data.clone()],
            Argument::Pair(a, b) => vec![a.clone(), b.clone()],
            other => bail!("{other:?} has no arrays"),
        };
        let memory = &self.client.memory;
        self.objects = arrays.into_iter().map(|data| memory.alloc_and_write(data)).collect::<Result<_, _>>()?;
        Ok(())
    }

    #[inline]
    fn run(&mut self) -> Result<()> {
        let (client, size) = (&mut self.client, self.workload.size);
        let len = length(size)?;
        let result = match (&self.argument, &self.objects[..]) {
            (Argument::Visit(_, offset), &[data]) => {
                self.outcome = Some(Outcome::Number(client.chain.visit(data.into(), len, *offset)?));
                return Ok(());
            }
            (_, &[data]) => client.arrays.increment(data.into(), len, INCREMENT)?,
            (_, &[a, b]) => client.arrays.add(a.into(), b.into(), len)?,
            _ => bail!("no arguments are in place"),
        };
        self.outcome = Some(Outcome::Bytes(client.collect(result.into(), size, &[])?));
        Ok(())
    }

    fn check(&mut self) -> Result<()> {
        let outcome = self.outcome.take().context("a check without a call")?;
        self.objects.drain(..).try_for_each(|object| self.client.memory.free(object))?;
        self.workload.check(&self.argument, &outcome)
    }

    fn aborter(&self) -> Result<Option<Aborter>> {
        Ok(None)
    }
}
