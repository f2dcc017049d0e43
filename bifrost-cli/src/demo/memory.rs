//! `bifrost demo memory`: three memory servers, a service of arrays, and calls that carry pointers.

use super::checks::timed;
use super::child::Child;
use anyhow::{Context, Result, anyhow, ensure};
use bifrost_bench::services::benchmark::{SharedArraysClient, TSharedArraysSyncClient};
use bifrost_rpc::Channel;
use bifrost_rpc::memory::{GlobalMemory, MemoryStatus, Pointer};
use bifrost_rpc::reference::Ref;
use std::time::Duration;

const SERVERS: u8 = 3;
/// Bytes of an array: all go by reference, however short.
const SIZES: [usize; 5] = [1, 1000, 64 << 10, 1 << 20, 2 << 20];
const DEADLINE: Duration = Duration::from_secs(10);
const AMOUNT: i8 = 3;

/// Starts all, calls with checked results, and stops all.
pub(super) fn run() -> Result<()> {
    eprintln!("Arrays in global memory: calls carry pointers of 16 bytes");
    let states = tempfile::tempdir().context("cannot make a directory for temporary files")?;
    let servers = (1..=SERVERS).map(|id| start_memory(id, &states)).collect::<Result<Vec<_>>>()?;
    let urls = servers.iter().map(Child::url).collect::<Vec<_>>().join(",");
    let service = Child::start(&["serve", "SharedArrays", "--memory", &urls, "--listen", "udp://[::1]:0"])?;
    eprintln!("   a service of arrays at {}", service.url());
    let mut client = Client::connect(&urls, service.url())?;
    for size in SIZES {
        timed(&format!("increment {size} bytes by reference"), || client.increment(size))?;
        timed(&format!("add two arrays of {size} bytes by reference"), || client.add(size))?;
    }
    ensure!(client.seen.len() == usize::from(SERVERS), "not every memory server was given a result");
    drop(client);
    service.stop()?;
    servers.into_iter().try_for_each(Child::stop)?;
    eprintln!("   every result was read and freed; all five processes have ended");
    Ok(())
}

fn start_memory(id: u8, states: &tempfile::TempDir) -> Result<Child> {
    let state = states.path().join(format!("m{id}.boot")).display().to_string();
    let id = id.to_string();
    let args = ["mem", "udp://[::1]:0", "--server", &id, "--capacity", "64M", "--state", &state, "--open"];
    let server = Child::start(&args)?;
    eprintln!("   memory server m{id} at {}", server.url());
    Ok(server)
}

struct Client {
    memory: GlobalMemory,
    arrays: SharedArraysClient,
    /// The memory servers that have had a result.
    seen: std::collections::BTreeSet<u8>,
}

impl Client {
    fn connect(memory: &str, service: &str) -> Result<Self> {
        let memory = GlobalMemory::connect_with(memory, Channel::builder().deadline(DEADLINE))?;
        let channel = Channel::builder().deadline(DEADLINE).global_memory(memory.clone()).connect(service)?;
        Ok(Self { memory, arrays: SharedArraysClient::new(channel), seen: [].into() })
    }

    fn increment(&mut self, size: usize) -> Result<()> {
        let data = pattern(size, 1);
        let result = self.arrays.increment(Ref::by_reference(data.clone()), AMOUNT)?;
        self.check(result, data.iter().map(|byte| byte.wrapping_add_signed(AMOUNT)).collect())
    }

    fn add(&mut self, size: usize) -> Result<()> {
        let (a, b) = (pattern(size, 1), pattern(size, 7));
        let result = self.arrays.add(Ref::by_reference(a.clone()), Ref::by_reference(b.clone()))?;
        self.check(result, a.iter().zip(&b).map(|(a, b)| a.wrapping_add(*b)).collect())
    }

    /// Reads the result, frees it, and looks whether it is gone.
    fn check(&mut self, result: Ref<Vec<u8>>, expected: Vec<u8>) -> Result<()> {
        let result = result.into_owned().map_err(|_| anyhow!("the result came by value"))?;
        let pointer: Pointer = result.pointer();
        ensure!(result.read()? == expected, "the result is wrong");
        result.free()?;
        let status = self.memory.read(pointer, 0, 1).err().and_then(|error| error.status());
        ensure!(status == Some(MemoryStatus::NoObject), "{pointer} can be read after it was freed: {status:?}");
        self.seen.insert(pointer.server());
        Ok(())
    }
}

/// Bytes that differ from place to place, and from `step` to `step`.
fn pattern(size: usize, step: u8) -> Vec<u8> {
    (0..=250_u8).cycle().map(|byte| byte.wrapping_mul(step)).take(size).collect()
}
