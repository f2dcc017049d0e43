//! Bifröst by reference: arguments and results wait in global memory, and calls carry pointers.
//!
//! `increment` and `add` are the whole loop: the arguments are written, the service is called, reads them, writes its
//! result, and the client reads that and frees everything. The arguments of `add` are written at once and read at once. Those
//! of both are freed with what is sent next: with a short result by one message, which is waited for; with a long one while it
//! is read.

use super::memory;
use super::{BIFROST_REF, Session, Variant};
use crate::random::Random;
use crate::server::Setup;
use crate::services::benchmark::{
    SharedArraysClient, SharedArraysSyncProcessor, SharedChainClient, SharedChainSyncProcessor,
    TSharedArraysSyncClient, TSharedChainSyncClient,
};
use crate::services::stamped::{self, Stamped, StampedShared};
use crate::services::{SharedChainLink, SharedHandler};
use crate::task::{CallTask, Task};
use crate::watchdog::Aborter;
use crate::workload::{Argument, Bench, INCREMENT, Outcome, Workload};
use anyhow::{Context, Result, anyhow, bail};
use bifrost_rpc::memory::GlobalMemory;
use bifrost_rpc::reference::{Owned, Ref};
use bifrost_rpc::{Channel, Server};
use std::net::SocketAddr;

/// Results up to this size are read and freed by one message: their bytes are copied once more, which takes less time than
/// another message.
const TOGETHER_BYTES_MAX: usize = 32 << 10;

/// The whole loop; for `chain`, calls about an array that is in place.
#[derive(Debug)]
pub(crate) struct BifrostRef;

/// The same with arguments that are in place before and stay there.
#[derive(Debug)]
pub(crate) struct InPlace;

fn channel(setup: &Setup, server: SocketAddr, memory: &GlobalMemory) -> Result<Channel> {
    Ok(setup.channels()?.global_memory(memory.clone()).connect(&format!("udp://{server}"))?)
}

fn serve(setup: &Setup, ready: &mut dyn FnMut(u16) -> Result<()>) -> Result<()> {
    let memory = memory::connect(setup)?;
    let next = setup.next.map(|next| channel(setup, next, &memory)).transpose()?.map(SharedChainClient::new);
    let mut builder = Server::builder()
        .listen(&format!("udp://{}", SocketAddr::from((setup.address, 0))))
        .global_memory(memory.clone())
        .service(SharedChainSyncProcessor::new(SharedChainLink { next }));
    builder = match setup.workload.bench {
        Bench::Breakdown => {
            builder.service(Stamped(SharedArraysSyncProcessor::new(StampedShared(SharedHandler, memory))))
        }
        _ => builder.service(SharedArraysSyncProcessor::new(SharedHandler)),
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
}

impl Client {
    fn new(setup: &Setup, server: SocketAddr) -> Result<Self> {
        let memory = memory::connect(setup)?;
        let channel = channel(setup, server, &memory)?;
        let noted = (setup.workload.bench == Bench::Breakdown).then(|| channel.clone());
        let (arrays, chain) = (SharedArraysClient::new(channel.clone()), SharedChainClient::new(channel));
        Ok(Self { memory, arrays, noted, chain })
    }
}

/// Reads the result and frees it: the loop ends when that has been answered. A short one is read and freed by one message.
fn collect(memory: &GlobalMemory, result: Ref<Vec<u8>>, size: usize) -> Result<Vec<u8>> {
    let result = result.into_owned().map_err(|_| anyhow!("the result did not come by reference"))?;
    if size <= TOGETHER_BYTES_MAX {
        let outcomes = memory.batch(result.release()).read(0, size as u64).free().run()?;
        let [data, freed] = <[_; 2]>::try_from(outcomes).map_err(|_| anyhow!("not one outcome for each operation"))?;
        freed?;
        return Ok(data?.into());
    }
    let data = result.read()?;
    result.free()?;
    Ok(data)
}

impl Session for Client {
    fn increment(&mut self, data: Vec<u8>, amount: i8) -> Result<Vec<u8>> {
        let size = data.len();
        let result = match &self.noted {
            // What the runtime does within a call is done here outside of it, to be told apart: storing and freeing.
            Some(channel) => {
                let data = self.memory.store(data)?;
                stamped::shared_increment(channel, data.lend(), amount)?
            }
            None => self.arrays.increment(Ref::by_reference(data), amount)?,
        };
        collect(&self.memory, result, size)
    }

    fn add(&mut self, a: Vec<u8>, b: Vec<u8>) -> Result<Vec<u8>> {
        let size = a.len();
        let result = self.arrays.add(Ref::by_reference(a), Ref::by_reference(b))?;
        collect(&self.memory, result, size)
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
    objects: Vec<Owned<Vec<u8>>>,
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
        self.objects = arrays.into_iter().map(|data| memory.store(data)).collect::<Result<_, _>>()?;
        Ok(())
    }

    #[inline]
    fn run(&mut self) -> Result<()> {
        let client = &mut self.client;
        let result = match (&self.argument, &self.objects[..]) {
            (Argument::Visit(_, offset), [data]) => {
                let length = i64::try_from(self.workload.size)?;
                self.outcome = Some(Outcome::Number(client.chain.visit(data.lend(), length, *offset)?));
                return Ok(());
            }
            (_, [data]) => client.arrays.increment(data.lend(), INCREMENT)?,
            (_, [a, b]) => client.arrays.add(a.lend(), b.lend())?,
            _ => bail!("no arguments are in place"),
        };
        self.outcome = Some(Outcome::Bytes(collect(&client.memory, result, self.workload.size)?));
        Ok(())
    }

    fn check(&mut self) -> Result<()> {
        let outcome = self.outcome.take().context("a check without a call")?;
        self.objects.drain(..).try_for_each(Owned::free)?;
        self.workload.check(&self.argument, &outcome)
    }

    fn aborter(&self) -> Result<Option<Aborter>> {
        Ok(None)
    }
}
