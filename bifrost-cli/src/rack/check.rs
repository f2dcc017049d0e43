//! Calls through the rack's switch, with their results checked.

use super::direct::Direct;
use super::measure;
use crate::clock;
use crate::services::generated::example::{CounterClient, TCounterSyncClient};
use anyhow::{Context, Result, anyhow, ensure};
use bifrost_bench::services::benchmark::{
    EchoClient, PingClient, SharedArraysClient, TEchoSyncClient, TPingSyncClient, TSharedArraysSyncClient,
};
use bifrost_rpc::Channel;
use bifrost_rpc::node::Node;
use bifrost_rpc::reference::Ref;
use bifrost_switch::rules::rack::Rack;
use std::time::Duration;

/// The services that are called.
const SERVICES: [&str; 4] = ["Ping", "Echo", "SharedArrays", "Counter"];
/// Bytes of an argument: none, some, several fragments.
const SIZES: [usize; 4] = [1, 1000, 20_000, 1 << 20];
const AMOUNT: i8 = 3;
const COUNTS: i64 = 100;
/// Time for one call.
pub(super) const DEADLINE: Duration = Duration::from_secs(10);

/// Whether the rack has somebody who calls, and what is called.
pub(super) fn can_be_made(rack: &Rack) -> bool {
    let serves = |name: &str| rack.nodes.iter().any(|node| node.serves.iter().any(|of| of.get_ref().service() == name));
    rack.nodes.iter().any(|node| node.serves.is_empty()) && SERVICES.iter().all(|name| serves(name))
}

/// Checks calls from a node, again and again for so long, and prints the table of latencies.
pub(super) fn run(client: &Node, time: Duration, measured: u16, is_stopped: impl Fn() -> bool) -> Result<()> {
    let memory = client.memory();
    let connect = |service: &str| {
        let channel = client.channel().global_memory(memory.clone()).deadline(DEADLINE);
        channel.connect(&format!("rack://{service}"))
    };
    let mut rack = Calls::connect(|service| Ok(connect(service)?))?;
    let until = clock::now() + time;
    let mut rounds = 0_u64;
    eprintln!("calls from {} through the switch:", client.name());
    loop {
        rack.check(rounds == 0)?;
        rounds += 1;
        if is_stopped() || clock::now() >= until {
            break;
        }
    }
    if rounds > 1 {
        eprintln!("   ok  {rounds} rounds");
    }
    if is_stopped() {
        return Ok(());
    }
    let mut direct = Direct::start().context("the services cannot be called without a switch")?;
    measure::table(&mut rack, direct.calls(), measured.into())?;
    direct.stop();
    Ok(())
}

/// Clients of the services.
pub(super) struct Calls {
    ping: PingClient,
    echo: EchoClient,
    arrays: SharedArraysClient,
    counter: CounterClient,
    /// What the counter is.
    counted: i64,
}

impl Calls {
    pub(super) fn connect(connect: impl Fn(&str) -> Result<Channel>) -> Result<Self> {
        let [ping, echo, arrays, counter] = SERVICES.map(connect);
        Ok(Self {
            ping: PingClient::new(ping?),
            echo: EchoClient::new(echo?),
            arrays: SharedArraysClient::new(arrays?),
            counter: CounterClient::new(counter?),
            counted: 0,
        })
    }

    fn check(&mut self, is_told: bool) -> Result<()> {
        let timed = |what: &str, check: &mut dyn FnMut() -> Result<()>| {
            let start = clock::now();
            check().with_context(|| format!("{what} failed"))?;
            if is_told {
                eprintln!("   ok  {:9.3} ms  {what}", (clock::now() - start).as_secs_f64() * 1e3);
            }
            Ok::<(), anyhow::Error>(())
        };
        timed("ping", &mut || self.ping())?;
        for size in SIZES {
            timed(&format!("echo {size} bytes"), &mut || self.echo(size))?;
        }
        timed(&format!("{COUNTS} calls that each add 1 to a counter"), &mut || self.count())?;
        for size in SIZES {
            timed(&format!("increment {size} bytes by reference"), &mut || self.increment(size))?;
            timed(&format!("add two arrays of {size} bytes by reference"), &mut || self.add(size))?;
        }
        Ok(())
    }

    pub(super) fn ping(&mut self) -> Result<()> {
        Ok(self.ping.ping()?)
    }

    pub(super) fn echo(&mut self, size: usize) -> Result<()> {
        let data = pattern(size, 1);
        ensure!(self.echo.echo(data.clone())? == data, "echo returned something else");
        Ok(())
    }

    fn count(&mut self) -> Result<()> {
        for _ in 0..COUNTS {
            let found = self.counter.add(1)?;
            self.counted += 1;
            ensure!(found == self.counted, "the counter is {found} after {} calls", self.counted);
        }
        Ok(())
    }

    pub(super) fn increment(&mut self, size: usize) -> Result<()> {
        let data = pattern(size, 1);
        let result = self.arrays.increment(Ref::by_reference(data.clone()), AMOUNT)?;
        take(result, data.iter().map(|byte| byte.wrapping_add_signed(AMOUNT)).collect())
    }

    pub(super) fn add(&mut self, size: usize) -> Result<()> {
        let (a, b) = (pattern(size, 1), pattern(size, 7));
        let result = self.arrays.add(Ref::by_reference(a.clone()), Ref::by_reference(b.clone()))?;
        take(result, a.iter().zip(&b).map(|(a, b)| a.wrapping_add(*b)).collect())
    }
}

/// Reads a result, and frees it.
fn take(result: Ref<Vec<u8>>, expected: Vec<u8>) -> Result<()> {
    let result = result.into_owned().map_err(|_| anyhow!("the result came by value"))?;
    ensure!(result.read()? == expected, "the result is wrong");
    Ok(result.free()?)
}

/// Bytes that differ from place to place, and from `step` to `step`.
fn pattern(size: usize, step: u8) -> Vec<u8> {
    (0..=250_u8).cycle().map(|byte| byte.wrapping_mul(step)).take(size).collect()
}
