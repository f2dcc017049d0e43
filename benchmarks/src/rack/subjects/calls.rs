//! Calls with a pointer each way: the argument is lent, and the result is given away by the service. Both objects are there before; what came is
//! read and freed after.

use std::sync::Barrier;

use anyhow::{Result, anyhow, ensure};
use bifrost_rpc::Channel;
use bifrost_rpc::node::Node;
use bifrost_rpc::reference::{Owned, Ref};

use crate::cases::{Plan, Subject};
use crate::clock;
use crate::rack::case::Case;
use crate::rack::live::{Enclosed, Rack};
use crate::rack::machines::CLIENTS;
use crate::rack::service::{GIVEN, OBJECT_BYTES};
use crate::services::passing::{PassingClient, TPassingSyncClient};
use crate::together::{self, Turn};

const SERVICE: &str = "Passing";
/// Calls of each client in a sample of several.
const CALLS: usize = 16;
/// Calls one by one for which objects are made at once, so that they follow each other as those of a raw socket do.
const STOCK: usize = 32;

/// A client with its own identity, an object to lend, and what it was given.
struct Caller {
    client: PassingClient,
    argument: Owned<Vec<u8>>,
    results: Vec<Ref<Vec<u8>>>,
}

impl Caller {
    fn new(rack: &Rack, number: usize) -> Result<Self> {
        Self::at(rack.node(number)?, rack.channel(number, SERVICE)?)
    }

    fn at(node: &Node, channel: Channel) -> Result<Self> {
        let argument = node.memory().store(vec![1; OBJECT_BYTES])?;
        Ok(Self { client: PassingClient::new(channel), argument, results: Vec::new() })
    }

    /// Has the service make so many objects.
    fn stock(&mut self, objects: usize) -> Result<()> {
        Ok(self.client.stock(i32::try_from(objects)?)?)
    }

    /// Calls so often.
    fn call(&mut self, calls: usize) -> Result<()> {
        for _ in 0..calls {
            let result = self.client.exchange(self.argument.lend())?;
            self.results.push(result);
        }
        Ok(())
    }

    /// Checks what has come, and frees it.
    fn check(&mut self) -> Result<()> {
        for result in self.results.drain(..) {
            let result = result.into_owned().map_err(|_| anyhow!("a result has not come by reference"))?;
            ensure!(result.read()? == [GIVEN; OBJECT_BYTES], "a result holds something else");
            result.free()?;
        }
        Ok(())
    }
}

/// One call.
pub(super) struct Pointer<R> {
    caller: Caller,
    /// Objects that the service has made for further calls.
    stock: usize,
    _rack: R,
}

impl Pointer<Rack> {
    pub(super) fn start(plan: &Plan<Case>) -> Result<Self> {
        let rack = Rack::start(plan, 1, 1)?;
        Ok(Self { caller: Caller::new(&rack, 0)?, stock: 0, _rack: rack })
    }
}

impl Pointer<Enclosed> {
    pub(super) fn enclosed(plan: &Plan<Case>) -> Result<Self> {
        let rack = Enclosed::start(plan)?;
        Ok(Self { caller: Caller::at(rack.node(), rack.channel(SERVICE)?)?, stock: 0, _rack: rack })
    }
}

impl<R> Subject for Pointer<R> {
    fn sample(&mut self) -> Result<f64> {
        if self.stock == 0 {
            self.caller.stock(STOCK)?;
            self.stock = STOCK;
        }
        let ((), time) = clock::nanoseconds_of(|| self.caller.call(1))?;
        self.stock -= 1;
        if self.stock == 0 {
            self.caller.check()?;
        }
        Ok(time)
    }
}

/// Calls a second of several clients, each with a thread, spread over the nodes that call.
pub(super) struct Calls {
    callers: Vec<Caller>,
    _rack: Rack,
}

impl Calls {
    pub(super) fn start(plan: &Plan<Case>, clients: usize) -> Result<Self> {
        let rack = Rack::start(plan, clients.min(CLIENTS.len()), 1)?;
        let callers = (0..clients).map(|number| Caller::new(&rack, number)).collect::<Result<_>>()?;
        Ok(Self { callers, _rack: rack })
    }
}

impl Subject for Calls {
    fn sample(&mut self) -> Result<f64> {
        let objects = CALLS * self.callers.len();
        self.callers.first_mut().map_or(Ok(()), |caller| caller.stock(objects))?;
        let (calls, time) = together::run(&mut self.callers, turn)?;
        self.callers.iter_mut().try_for_each(Caller::check)?;
        Ok(calls as f64 / time.as_secs_f64())
    }
}

fn turn(caller: &mut Caller, barrier: &Barrier) -> Result<Turn> {
    barrier.wait();
    let start = clock::now();
    caller.call(CALLS)?;
    Ok((CALLS as u64, start, clock::now()))
}
