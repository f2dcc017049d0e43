//! Bifröst over UDP: the generated client and server with default settings.

use super::{RateSession, Session, Variant};
use crate::clock;
use crate::server::Setup;
use crate::services::Handler;
use crate::services::benchmark::{
    ArraysClient, ArraysSyncProcessor, EchoClient, EchoSyncProcessor, PingClient, PingSyncProcessor, TArraysSyncClient,
    TEchoSyncClient, TPingSyncClient,
};
use crate::watchdog::Aborter;
use anyhow::{Context, Result};
use bifrost_rpc::{Channel, Key, Pending, Server};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

/// What a user gets who changes nothing.
#[derive(Debug)]
pub(crate) struct BifrostUdp;

fn key(setup: &Setup) -> Result<Option<Key>> {
    let Some(path) = &setup.key else { return Ok(None) };
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read the key in {}", path.display()))?;
    let key = Key::from_hex(&text);
    key.map(Some).with_context(|| format!("{} does not hold a key: 64 hexadecimal digits", path.display()))
}

fn channel(setup: &Setup, server: SocketAddr) -> Result<Channel> {
    let mut builder = Channel::builder();
    if let Some(key) = key(setup)? {
        builder = builder.key(key);
    }
    Ok(builder.connect(&format!("udp://{server}"))?)
}

impl Variant for BifrostUdp {
    fn name(&self) -> &'static str {
        "bifrost-udp"
    }

    fn serve(&self, setup: &Setup, ready: &mut dyn FnMut(u16) -> Result<()>) -> Result<()> {
        let mut builder = Server::builder()
            .listen(&format!("udp://{}", SocketAddr::from((setup.address, 0))))
            .service(PingSyncProcessor::new(Handler))
            .service(EchoSyncProcessor::new(Handler))
            .service(ArraysSyncProcessor::new(Handler));
        if let Some(key) = key(setup)? {
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
            arrays: ArraysClient::new(channel),
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
}

impl Session for BifrostSession {
    fn ping(&mut self) -> Result<()> {
        Ok(self.ping.ping()?)
    }

    fn echo(&mut self, data: Vec<u8>) -> Result<Vec<u8>> {
        Ok(self.echo.echo(data)?)
    }

    fn increment(&mut self, data: Vec<u8>, amount: i8) -> Result<Vec<u8>> {
        Ok(self.arrays.increment(data, amount)?)
    }

    fn increment_list(&mut self, data: Vec<i8>, amount: i8) -> Result<Vec<i8>> {
        Ok(self.arrays.increment_list(data, amount)?)
    }

    fn add(&mut self, a: Vec<u8>, b: Vec<u8>) -> Result<Vec<u8>> {
        Ok(self.arrays.add(a, b)?)
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
