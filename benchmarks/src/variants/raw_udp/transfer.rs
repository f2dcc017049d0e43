//! Data one way: what reading and writing memory is compared with.

use std::net::{SocketAddr, UdpSocket};

use anyhow::{Context, Result, ensure};

use super::pipe::Pipe;
use super::{RawUdp, accept, meet};
use crate::random::Random;
use crate::server::Setup;
use crate::task::{CallTask, Task};
use crate::variants::{RAW_UDP_ECHO, RAW_UDP_WRITE, Session, Variant};
use crate::watchdog::Aborter;
use crate::workload::{Bench, PING_REPLY_BYTES, PING_REQUEST_BYTES, Workload, check_bytes};

/// The first byte of a request that data follow.
const STORE: u8 = 1;
/// The first byte of a request for the data that were stored.
const FETCH: u8 = 2;

/// Keeps `size` bytes: takes others when told so, and answers short requests with them.
pub(super) fn serve_reads(pipe: &Pipe, size: usize) -> Result<()> {
    let (mut request, mut data) = ([0; PING_REQUEST_BYTES], vec![0; size]);
    loop {
        pipe.receive(&mut request).context("the request did not arrive")?;
        if request[0] == STORE {
            pipe.receive(&mut data).context("the data did not arrive whole")?;
            pipe.send(&[&[0; PING_REPLY_BYTES]]).context("cannot send")?;
        } else {
            pipe.send(&[&data]).context("cannot send")?;
        }
    }
}

/// A short request, and data as its reply. The data were sent there before, as those of an object were.
#[derive(Debug)]
pub(super) struct Read {
    pipe: Pipe,
    stored: Vec<u8>,
    data: Vec<u8>,
}

impl Read {
    pub(super) fn new(pipe: Pipe, size: usize) -> Self {
        Self { pipe, stored: vec![0; size], data: vec![0; size] }
    }
}

impl Task for Read {
    fn prepare(&mut self, random: &mut Random) -> Result<()> {
        self.stored = random.bytes(self.stored.len());
        self.pipe.send(&[&[STORE; PING_REQUEST_BYTES]]).context("cannot send")?;
        self.pipe.send(&[&self.stored]).context("cannot send")?;
        self.pipe.receive(&mut [0; PING_REPLY_BYTES]).context("the data were not taken")
    }

    #[inline]
    fn run(&mut self) -> Result<()> {
        self.pipe.send(&[&[FETCH; PING_REQUEST_BYTES]]).context("cannot send")?;
        self.pipe.receive(&mut self.data).context("the reply did not arrive whole")
    }

    fn check(&mut self) -> Result<()> {
        check_bytes(&self.data, &self.stored)
    }

    fn aborter(&self) -> Result<Option<Aborter>> {
        self.pipe.aborter().map(Some)
    }
}

/// Data there, and their last byte back.
#[derive(Debug)]
pub(crate) struct RawUdpWrite;

impl Variant for RawUdpWrite {
    fn name(&self) -> &'static str {
        RAW_UDP_WRITE
    }

    fn measures(&self, workload: &Workload) -> bool {
        workload.bench == Bench::Memory
    }

    fn is_by_reference(&self) -> bool {
        true
    }

    fn serve(&self, setup: &Setup, ready: &mut dyn FnMut(u16) -> Result<()>) -> Result<()> {
        let socket = UdpSocket::bind((setup.address, 0)).context("cannot bind a UDP socket")?;
        ready(socket.local_addr()?.port())?;
        let pipe = accept(socket)?;
        let mut data = vec![0; setup.workload.size];
        loop {
            pipe.receive(&mut data).context("the data did not arrive whole")?;
            let last = data.last().copied().unwrap_or(0);
            pipe.send(&[&[last; PING_REPLY_BYTES]]).context("cannot send")?;
        }
    }

    fn connect(&self, setup: &Setup, server: SocketAddr) -> Result<Box<dyn Session>> {
        RawUdp.connect(setup, server)
    }

    fn task(&self, setup: &Setup, server: SocketAddr) -> Result<Box<dyn Task>> {
        Ok(Box::new(Write { pipe: meet(setup, server)?, data: vec![0; setup.workload.size], reply: [0] }))
    }
}

#[derive(Debug)]
struct Write {
    pipe: Pipe,
    data: Vec<u8>,
    reply: [u8; PING_REPLY_BYTES],
}

impl Task for Write {
    fn prepare(&mut self, random: &mut Random) -> Result<()> {
        self.data = random.bytes(self.data.len());
        Ok(())
    }

    #[inline]
    fn run(&mut self) -> Result<()> {
        self.pipe.send(&[&self.data]).context("cannot send")?;
        self.pipe.receive(&mut self.reply).context("the reply did not arrive")
    }

    fn check(&mut self) -> Result<()> {
        ensure!(self.data.last() == self.reply.first(), "the server has got another last byte");
        Ok(())
    }

    fn aborter(&self) -> Result<Option<Aborter>> {
        self.pipe.aborter().map(Some)
    }
}

/// One array there and back, whatever the benchmark sends: "one transfer both ways".
#[derive(Debug)]
pub(crate) struct RawUdpEcho;

fn as_echo(setup: &Setup) -> Setup {
    Setup { workload: Workload { bench: Bench::Echo, ..setup.workload }, ..setup.clone() }
}

impl Variant for RawUdpEcho {
    fn name(&self) -> &'static str {
        RAW_UDP_ECHO
    }

    fn measures(&self, workload: &Workload) -> bool {
        matches!(workload.bench, Bench::Increment | Bench::Add)
    }

    fn is_by_reference(&self) -> bool {
        true
    }

    fn serve(&self, setup: &Setup, ready: &mut dyn FnMut(u16) -> Result<()>) -> Result<()> {
        RawUdp.serve(&as_echo(setup), ready)
    }

    fn connect(&self, setup: &Setup, server: SocketAddr) -> Result<Box<dyn Session>> {
        RawUdp.connect(&as_echo(setup), server)
    }

    fn task(&self, setup: &Setup, server: SocketAddr) -> Result<Box<dyn Task>> {
        Ok(Box::new(CallTask::new(as_echo(setup).workload, self.connect(setup, server)?)))
    }
}
