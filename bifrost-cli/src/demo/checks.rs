//! Calls through generated clients, with their results checked.

use crate::clock;
use crate::services::generated::example::{CounterClient, TCounterSyncClient};
use anyhow::{Context, Result, ensure};
use bifrost_bench::services::benchmark::{
    ArraysClient, EchoClient, PingClient, TArraysSyncClient, TEchoSyncClient, TPingSyncClient,
};
use bifrost_rpc::Channel;
use std::time::Duration;

/// Bytes of an argument: none, a small datagram, some, many, very many.
const SIZES: [usize; 7] = [0, 1, 512, 9000, 64 << 10, 1 << 20, 2 << 20];
const DEADLINE: Duration = Duration::from_secs(10);
const COUNTS: i64 = 1000;

/// Calls everything at `url`.
pub(super) fn run(url: &str) -> Result<()> {
    let channel = Channel::connect(url)?.with_deadline(DEADLINE);
    timed("ping", || Ok(PingClient::new(channel.clone()).ping()?))?;
    for size in SIZES {
        timed(&format!("echo and three kinds of array arithmetic on {size} bytes"), || arrays(&channel, size))?;
    }
    timed(&format!("{COUNTS} calls that each add 1 to a counter, which then is {COUNTS}"), || count(&channel))
}

/// Says what was done, once it has succeeded, and how long it took.
pub(super) fn timed(what: &str, check: impl FnOnce() -> Result<()>) -> Result<()> {
    let start = clock::now();
    check().with_context(|| format!("{what} failed"))?;
    let took = (clock::now() - start).as_secs_f64() * 1e3;
    eprintln!("   ok  {took:9.3} ms  {what}");
    Ok(())
}

fn arrays(channel: &Channel, size: usize) -> Result<()> {
    let data: Vec<u8> = (0..=250).cycle().take(size).collect();
    let echoed = EchoClient::new(channel.clone()).echo(data.clone())?;
    ensure!(echoed == data, "echo returned something else");
    let mut arrays = ArraysClient::new(channel.clone());
    let incremented = arrays.increment(data.clone(), 3)?;
    ensure!(incremented.len() == size && incremented.iter().zip(&data).all(|(sum, byte)| *sum == byte.wrapping_add(3)));
    let doubled = arrays.add(data.clone(), data.clone())?;
    ensure!(doubled.len() == size && doubled.iter().zip(&data).all(|(sum, byte)| *sum == byte.wrapping_mul(2)));
    let list: Vec<i8> = data.iter().map(|byte| byte.cast_signed()).collect();
    let decremented = arrays.increment_list(list.clone(), -1)?;
    ensure!(decremented.len() == size && decremented.iter().zip(&list).all(|(sum, byte)| *sum == byte.wrapping_sub(1)));
    Ok(())
}

fn count(channel: &Channel) -> Result<()> {
    let mut counter = CounterClient::new(channel.clone());
    for expected in 1..=COUNTS {
        let found = counter.add(1)?;
        ensure!(found == expected, "the counter is {found} after {expected} calls");
    }
    ensure!(counter.value()? == COUNTS, "a call ran twice or not at all");
    Ok(())
}
