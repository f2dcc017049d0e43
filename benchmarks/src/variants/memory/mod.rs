//! Memory servers, and single operations on them.

mod operations;
mod rate;

use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use bifrost_dsm::{Config, daemon};
use bifrost_rpc::memory::GlobalMemory;

use super::{RateSession, Session, Variant};
use crate::clock;
use crate::server::Setup;
use crate::task::Task;
use crate::workload::{Bench, Workload};

pub(crate) const READ: &str = "read";
pub(crate) const WRITE: &str = "write";
pub(crate) const ALLOC_WRITE: &str = "alloc-write";
pub(crate) const FREE: &str = "free";

/// Enough for every benchmark: sixteen clients with a few of the largest objects each.
const CAPACITY_BYTES: u64 = 4 << 30;

/// A memory server, open to every node, as `bifrost mem` starts one.
#[derive(Debug)]
pub(crate) struct Daemon;

impl Variant for Daemon {
    fn name(&self) -> &'static str {
        "memory-server"
    }

    fn measures(&self, _workload: &Workload) -> bool {
        false
    }

    /// The memory servers in the setup are those started before: their number makes this one's id.
    fn serve(&self, setup: &Setup, ready: &mut dyn FnMut(u16) -> Result<()>) -> Result<()> {
        let server = u8::try_from(setup.memory.len() + 1).context("more memory servers than there are ids")?;
        let boot = u32::try_from(clock::unix_seconds() & u64::from(u32::MAX))?;
        let config = Config { open: true, server, boot, capacity_bytes: CAPACITY_BYTES, ..Config::default() };
        let mut builder =
            daemon::Daemon::builder(config).listen(&format!("udp://{}", SocketAddr::from((setup.address, 0))));
        if let Some(key) = setup.load_key()? {
            builder = builder.key(key);
        }
        let daemon = builder.start()?;
        ready(daemon.server().addresses().first().map_or(0, SocketAddr::port))?;
        loop {
            std::thread::park();
        }
    }

    fn connect(&self, _setup: &Setup, _server: SocketAddr) -> Result<Box<dyn Session>> {
        bail!("a memory server answers no calls")
    }
}

/// A new client of the memory servers in `setup`.
pub(crate) fn connect(setup: &Setup) -> Result<GlobalMemory> {
    let urls: Vec<String> = setup.memory.iter().map(|address| format!("udp://{address}")).collect();
    Ok(GlobalMemory::connect_with(&urls.join(","), setup.channels()?)?)
}

/// One kind of operation, on an object of the workload's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// A read of all of it.
    Read,
    /// A write of all of it.
    Write,
    /// Making it with its content, by one message.
    AllocWrite,
    /// Giving it back.
    Free,
}

impl Variant for Operation {
    fn name(&self) -> &'static str {
        match self {
            Self::Read => READ,
            Self::Write => WRITE,
            Self::AllocWrite => ALLOC_WRITE,
            Self::Free => FREE,
        }
    }

    fn measures(&self, workload: &Workload) -> bool {
        match workload.bench {
            Bench::Memory => true,
            Bench::MemoryRate => matches!(self, Self::Read | Self::Write),
            _ => false,
        }
    }

    fn is_by_reference(&self) -> bool {
        true
    }

    fn memory_servers(&self, workload: &Workload) -> usize {
        workload.servers
    }

    fn services(&self, _workload: &Workload) -> usize {
        0
    }

    fn serve(&self, _setup: &Setup, _ready: &mut dyn FnMut(u16) -> Result<()>) -> Result<()> {
        bail!("memory operations need no service")
    }

    fn connect(&self, _setup: &Setup, _server: SocketAddr) -> Result<Box<dyn Session>> {
        bail!("memory operations are no calls")
    }

    fn task(&self, setup: &Setup, _server: SocketAddr) -> Result<Box<dyn Task>> {
        operations::task(*self, connect(setup)?, setup.workload.size)
    }

    fn connect_rate(&self, setup: &Setup, _server: SocketAddr) -> Result<Box<dyn RateSession>> {
        let clients = (0..setup.workload.outstanding).map(|_| rate::Client::new(*self, connect(setup)?, setup));
        Ok(Box::new(rate::Clients::new(clients.collect::<Result<_>>()?)))
    }
}
