//! Several clients at once, each with a thread, sockets and an identity of its own, and one operation under way.

use std::sync::Barrier;
use std::time::Duration;

use anyhow::{Result, ensure};
use bifrost_rpc::bytes::Bytes;
use bifrost_rpc::memory::{GlobalMemory, Pointer};

use super::Operation;
use crate::clock;
use crate::random::Random;
use crate::server::Setup;
use crate::together::{self, Turn};
use crate::variants::RateSession;
use crate::watchdog::Aborter;
use crate::workload::{Workload, check_bytes};

/// Objects of each client for each server: placement spreads them.
const OBJECTS_PER_SERVER: usize = 2;
/// Of each read, while others wait; at the end of a turn everything is looked at.
const LOOKED_AT_BYTES: usize = 8;

/// All of them.
#[derive(Debug)]
pub(super) struct Clients(Vec<Client>);

impl Clients {
    pub(super) fn new(clients: Vec<Client>) -> Self {
        Self(clients)
    }
}

impl RateSession for Clients {
    fn run(&mut self, budget: Duration) -> Result<(u64, Duration)> {
        together::run(&mut self.0, |client, barrier| client.run(barrier, budget))
    }

    fn aborter(&self) -> Result<Option<Aborter>> {
        Ok(None)
    }
}

/// A client with some objects, which it reads or writes in turn.
#[derive(Debug)]
pub(super) struct Client {
    operation: Operation,
    memory: GlobalMemory,
    objects: Vec<Pointer>,
    size: usize,
    random: Random,
    buffer: Vec<u8>,
}

impl Client {
    /// Makes its objects.
    pub(super) fn new(operation: Operation, memory: GlobalMemory, setup: &Setup) -> Result<Self> {
        let Workload { size, servers, .. } = setup.workload;
        let objects = (0..OBJECTS_PER_SERVER * servers).map(|_| memory.alloc(size as u64)).collect::<Result<_, _>>()?;
        let random = Random::seeded(clock::unix_nanoseconds());
        Ok(Self { operation, memory, objects, size, random, buffer: Vec::new() })
    }

    /// Draws what the objects are to hold, works for about `budget`, and looks at what they hold.
    fn run(&mut self, barrier: &Barrier, budget: Duration) -> Result<Turn> {
        let contents = self.prepare();
        // Even a client that has failed comes here: the others wait for it.
        barrier.wait();
        let contents = contents?;
        let start = clock::now();
        let mut count = 0;
        let end = loop {
            let at = count % self.objects.len();
            self.operate(at, &contents[at])?;
            count += 1;
            let now = clock::now();
            if now - start >= budget {
                break now;
            }
        };
        for (object, content) in self.objects.iter().zip(&contents).take(count) {
            check_bytes(&self.memory.read(*object, 0, self.size as u64)?, content)?;
        }
        Ok((count as u64, start, end))
    }

    fn prepare(&mut self) -> Result<Vec<Bytes>> {
        let contents: Vec<Bytes> = self.objects.iter().map(|_| self.random.bytes(self.size).into()).collect();
        if self.operation == Operation::Read {
            for (object, content) in self.objects.iter().zip(&contents) {
                self.memory.write(*object, 0, content.clone())?;
            }
        }
        Ok(contents)
    }

    #[inline]
    fn operate(&mut self, at: usize, content: &Bytes) -> Result<()> {
        let object = self.objects[at];
        if self.operation == Operation::Write {
            return Ok(self.memory.write(object, 0, content.clone())?);
        }
        self.memory.read_into(object, 0, self.size as u64, &mut self.buffer)?;
        let looked_at = self.size.min(LOOKED_AT_BYTES);
        ensure!(self.buffer[..looked_at] == content[..looked_at], "a read has got what was there before");
        Ok(())
    }
}
