//! Calls through a rack, and a call through a relay.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use bifrost_rpc::reference::{Owned, Ref};
use bifrost_rpc::{Channel, Server};

use super::Subject;
use super::live::Rack;
use super::relay::Relay;
use crate::clock;
use crate::services::benchmark::{
    PingClient, PingSyncProcessor, SharedArraysClient, SharedArraysSyncHandler, SharedArraysSyncProcessor,
    TPingSyncClient, TSharedArraysSyncClient,
};
use crate::services::{Handler, refused};

/// Bytes of the objects that are passed.
const OBJECT_BYTES: usize = 64;

fn nanoseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9
}

fn timed<R>(work: impl FnOnce() -> Result<R>) -> Result<(R, f64)> {
    let start = clock::now();
    let result = work()?;
    Ok((result, nanoseconds(clock::now() - start)))
}

/// `ping` through a rack.
pub(super) struct Ping {
    client: PingClient,
    _rack: Rack,
}

impl Ping {
    pub(super) fn start(address: IpAddr) -> Result<Self> {
        let rack = Rack::start(address, |_| Ok(PingSyncProcessor::new(Handler)))?;
        Ok(Self { client: PingClient::new(rack.channel("Ping")?), _rack: rack })
    }
}

impl Subject for Ping {
    fn sample(&mut self) -> Result<f64> {
        Ok(timed(|| Ok(self.client.ping()?))?.1)
    }
}

/// `ping` without a rack, over UDP, each datagram of which a relay sends on.
pub(super) struct RelayedPing {
    client: PingClient,
    _relay: Relay,
    _server: Server,
}

impl RelayedPing {
    pub(super) fn start(address: IpAddr) -> Result<Self> {
        let any = SocketAddr::new(address, 0);
        let builder = Server::builder().listen(&format!("udp://{any}"));
        let server = builder.service(PingSyncProcessor::new(Handler)).start()?;
        let at = *server.addresses().first().context("no address of the server")?;
        let relay = Relay::start(UdpSocket::bind(any)?, at)?;
        let channel = Channel::builder().connect(&format!("udp://{}", relay.address()))?;
        Ok(Self { client: PingClient::new(channel), _relay: relay, _server: server })
    }
}

impl Subject for RelayedPing {
    fn sample(&mut self) -> Result<f64> {
        Ok(timed(|| Ok(self.client.ping()?))?.1)
    }
}

/// Objects that a service has, and gives away.
type Store = Arc<Mutex<VecDeque<Owned<Vec<u8>>>>>;

/// Takes a pointer and gives another away, without a look at either's data.
struct Giver(Store);

impl SharedArraysSyncHandler for Giver {
    fn handle_increment(&self, data: Ref<Vec<u8>>, _amount: i8) -> thrift::Result<Ref<Vec<u8>>> {
        data.pointer().ok_or_else(|| refused("the argument is no pointer"))?;
        let given = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        Ok(given.ok_or_else(|| refused("there is nothing to give"))?.give())
    }

    fn handle_add(&self, _a: Ref<Vec<u8>>, _b: Ref<Vec<u8>>) -> thrift::Result<Ref<Vec<u8>>> {
        Err(refused("nobody adds here"))
    }
}

/// A call with a pointer each way. Both objects are there before it, and what came is freed after it.
pub(super) struct Pointers {
    client: SharedArraysClient,
    argument: Owned<Vec<u8>>,
    store: Store,
    rack: Rack,
}

impl Pointers {
    pub(super) fn start(address: IpAddr) -> Result<Self> {
        let store = Store::default();
        let giver = Giver(Arc::clone(&store));
        let rack = Rack::start(address, |_| Ok(SharedArraysSyncProcessor::new(giver)))?;
        let client = SharedArraysClient::new(rack.channel("SharedArrays")?);
        let argument = rack.client().memory().store(vec![1; OBJECT_BYTES])?;
        Ok(Self { client, argument, store, rack })
    }
}

impl Subject for Pointers {
    fn sample(&mut self) -> Result<f64> {
        let object = self.rack.server().memory().store(vec![2; OBJECT_BYTES])?;
        let pointer = object.pointer();
        self.store.lock().unwrap_or_else(PoisonError::into_inner).push_back(object);
        let argument = self.argument.lend();
        let (result, time) = timed(|| Ok(self.client.increment(argument, 0)?))?;
        ensure!(result.pointer() == Some(pointer), "another object came");
        result.into_owned().map_err(|_| anyhow!("the object does not belong to the caller"))?.free()?;
        Ok(time)
    }
}
