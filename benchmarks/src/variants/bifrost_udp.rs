//! Bifröst over UDP: the generated client and server with default settings.

use super::{BIFROST_UDP, RateSession, Session, Variant};
use crate::clock;
use crate::server::Setup;
use crate::services::benchmark::{
    ArraysClient, ArraysSyncProcessor, ChainClient, ChainSyncProcessor, EchoClient, EchoSyncProcessor, PingClient,
    PingSyncProcessor, TArraysSyncClient, TChainSyncClient, TEchoSyncClient, TPingSyncClient,
};
use crate::services::stamped::{self, Stamped};
use crate::services::{ChainLink, Handler};
use crate::watchdog::Aborter;
use crate::workload::{Bench, Workload};
use anyhow::Result;
use bifrost_rpc::{Channel, Pending, Server};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

/// What a user gets who changes nothing.
#[derive(Debug)]
pub(crate) struct BifrostUdp;

fn channel(setup: &Setup, server: SocketAddr) -> Result<Channel> {
    Ok(setup.channels()?.connect(&format!("udp://{server}"))?)
}

/// A service of a chain, with the one after it.
fn chain_link(setup: &Setup) -> Result<ChainLink> {
    let next = setup.next.map(|next| channel(setup, next)).transpose()?;
    Ok(ChainLink { next: next.map(ChainClient::new) })
}

impl Variant for BifrostUdp {
    fn name(&self) -> &'static str {
        BIFROST_UDP
    }

    fn measures(&self, workload: &Workload) -> bool {
        Bench::BY_VALUE.contains(&workload.bench) || matches!(workload.bench, Bench::Chain | Bench::Breakdown)
    }

    fn serve(&self, setup: &Setup, ready: &mut dyn FnMut(u16) -> Result<()>) -> Result<()> {
        let mut builder = Server::builder()
            .listen(&format!("udp://{}", SocketAddr::from((setup.address, 0))))
            .service(PingSyncProcessor::new(Handler))
            .service(EchoSyncProcessor::new(Handler))
            .service(ChainSyncProcessor::new(chain_link(setup)?));
        builder = match setup.workload.bench {
            Bench::Breakdown => builder.service(Stamped(ArraysSyncProcessor::new(Stamped(Handler)))),
            _ => builder.service(ArraysSyncProcessor::new(Handler)),
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

    fn connect(&self, setup: &Setup, server: SocketAddr) -> Result<Box<dyn Session>> {
        let channel = channel(setup, server)?;
        Ok(Box::new(BifrostSession {
            ping: PingClient::new(channel.clone()),
            echo: EchoClient::new(channel.clone()),
            arrays: ArraysClient::new(channel.clone()),
            noted: (setup.workload.bench == Bench::Breakdown).then(|| channel.clone()),
            chain: ChainClient::new(channel),
        }))
    }

    fn connect_rate(&self, setup: &Setup, server: SocketAddr) -> Result<Box<dyn RateSession>> {
        let ping = PingClient::new(channel(setup, server)?);
        Ok(Box::new(InFlight { ping, outstanding: setup.workload.outstanding, calls: VecDeque::new() }))
    }
}

#[derive(Debug)]
struct BifrostSession {
    ping: PingClient,
    echo: EchoClient,
    arrays: ArraysClient,
    /// For calls that note the points they reach.
    noted: Option<Channel>,
    chain: ChainClient,
}

impl Session for BifrostSession {
    fn ping(&mut self) -> Result<()> {
        Ok(self.ping.ping()?)
    }

    fn echo(&mut self, data: Vec<u8>) -> Result<Vec<u8>> {
        Ok(self.echo.echo(data)?)
    }

    fn increment(&mut self, data: Vec<u8>, amount: i8) -> Result<Vec<u8>> {
        Ok(match &self.noted {
            Some(channel) => stamped::increment(channel, data, amount)?,
            None => self.arrays.increment(data, amount)?,
        })
    }

    fn increment_list(&mut self, data: Vec<i8>, amount: i8) -> Result<Vec<i8>> {
        Ok(self.arrays.increment_list(data, amount)?)
    }

    fn add(&mut self, a: Vec<u8>, b: Vec<u8>) -> Result<Vec<u8>> {
        Ok(self.arrays.add(a, b)?)
    }

    fn visit(&mut self, data: Vec<u8>, offset: i32) -> Result<i64> {
        Ok(self.chain.visit(data, offset)?)
    }

    fn aborter(&self) -> Result<Option<Aborter>> {
        Ok(None)
    }
}

/// One thread with several calls in flight.
#[derive(Debug)]
struct InFlight {
    ping: PingClient,
    outstanding: usize,
    calls: VecDeque<Pending<()>>,
}

impl RateSession for InFlight {
    fn run(&mut self, budget: Duration) -> Result<(u64, Duration)> {
        let start = clock::now();
        let mut answered = 0;
        while self.calls.len() < self.outstanding {
            self.calls.push_back(self.ping.start_ping()?);
        }
        while let Some(call) = self.calls.pop_front() {
            call.wait()?;
            answered += 1;
            if clock::now() - start < budget {
                self.calls.push_back(self.ping.start_ping()?);
            }
        }
        Ok((answered, clock::now() - start))
    }

    fn aborter(&self) -> Result<Option<Aborter>> {
        Ok(None)
    }
}
