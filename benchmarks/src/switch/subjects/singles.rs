//! Frames over tunnels, a datagram each.

use std::io::{IoSlice, IoSliceMut};
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::socket::{MsgFlags, MultiHeaders, recvmmsg, sendmmsg};

use super::super::rack::{self, CLIENT, MEMORY};
use super::middle::{self, Middle, Relay};
use super::{Plan, Subject, per_second};
use crate::{clock, sockets};

const WAIT: Duration = Duration::from_secs(5);
/// Frames that the client gives to the system by one call. The switch gets each by itself.
const BATCH: usize = 32;
/// Batches under way, and of a sample.
const BATCHES_UNDER_WAY: usize = 2;
const BATCHES: usize = 16;
const FRAME_BYTES_MAX: usize = 512;

/// Two nodes with something between them, and the datagrams that they send.
#[derive(Debug)]
struct Nodes {
    client: UdpSocket,
    memory: UdpSocket,
    there: Vec<u8>,
    back: Vec<u8>,
    _middle: Middle,
}

impl Nodes {
    fn new(plan: &Plan, is_switch: bool) -> Result<Self> {
        let bind = || UdpSocket::bind((plan.address, 0)).context("cannot bind a node");
        let (client, memory) = (bind()?, bind()?);
        let (middle, attachments) = if is_switch {
            let (switch, at) = middle::switch(plan.address)?;
            client.connect(at)?;
            memory.connect(at)?;
            let attachments = [attach(CLIENT, &client)?, attach(MEMORY, &memory)?];
            (Middle::Switch { _switch: switch }, attachments)
        } else {
            let relay = Relay::start(plan.address, [client.local_addr()?, memory.local_addr()?])?;
            client.connect(relay.address)?;
            memory.connect(relay.address)?;
            (Middle::Relay { _relay: relay }, [1, 2])
        };
        client.set_read_timeout(Some(WAIT))?;
        memory.set_read_timeout(None)?;
        let there = middle::datagram(attachments[0], &rack::there()?.bytes)?;
        let back = middle::datagram(attachments[1], &rack::back()?.bytes)?;
        Ok(Self { client, memory, there, back, _middle: middle })
    }
}

fn attach(port: u32, socket: &UdpSocket) -> Result<u32> {
    socket.set_read_timeout(Some(Duration::from_millis(20)))?;
    middle::attach(port, &|bytes| socket.send(bytes).map(drop), &|into| socket.recv(into))
}

/// A frame there, which a thread answers by another.
#[derive(Debug)]
pub(super) struct Ping {
    client: UdpSocket,
    memory: Arc<UdpSocket>,
    there: Vec<u8>,
    buffer: Vec<u8>,
    echo: Option<JoinHandle<()>>,
    _middle: Middle,
}

impl Ping {
    pub(super) fn new(plan: &Plan, is_switch: bool) -> Result<Self> {
        let Nodes { client, memory, there, back, _middle } = Nodes::new(plan, is_switch)?;
        let memory = Arc::new(memory);
        let socket = Arc::clone(&memory);
        let echo = std::thread::Builder::new().name("echo".into()).spawn(move || echo(&socket, &back))?;
        Ok(Self { client, memory, there, buffer: vec![0; FRAME_BYTES_MAX], echo: Some(echo), _middle })
    }
}

/// Until the socket is shut down.
fn echo(socket: &UdpSocket, back: &[u8]) {
    let mut buffer = vec![0; FRAME_BYTES_MAX];
    while socket.recv(&mut buffer).is_ok_and(|bytes| bytes > 0) {
        // What is lost, whoever waits for it says so.
        let _ = socket.send(back);
    }
}

impl Drop for Ping {
    fn drop(&mut self) {
        sockets::shut_down(self.memory.as_ref());
        if let Some(echo) = self.echo.take() {
            let _ = echo.join();
        }
    }
}

impl Subject for Ping {
    fn sample(&mut self) -> Result<f64> {
        let start = clock::now();
        self.client.send(&self.there)?;
        let bytes = self.client.recv(&mut self.buffer).context("a frame was lost")?;
        let time = clock::now() - start;
        ensure!(bytes == self.there.len(), "an answer of {bytes} bytes");
        Ok(time.as_secs_f64() * 1e9)
    }
}

/// Frames in one direction. Both ends are this thread, which spends as little as it can on each: many for a system call.
#[derive(Debug)]
pub(super) struct Flow {
    nodes: Nodes,
    headers: MultiHeaders<()>,
    buffers: Vec<[u8; FRAME_BYTES_MAX]>,
}

impl Flow {
    pub(super) fn new(plan: &Plan, is_switch: bool) -> Result<Self> {
        let nodes = Nodes::new(plan, is_switch)?;
        nodes.memory.set_read_timeout(Some(WAIT))?;
        let headers = MultiHeaders::preallocate(BATCH, None);
        Ok(Self { nodes, headers, buffers: vec![[0; FRAME_BYTES_MAX]; BATCH] })
    }

    fn send(&mut self) -> Result<()> {
        let slices = [[IoSlice::new(&self.nodes.there)]; BATCH];
        let mut sent = 0;
        while sent < BATCH {
            let fd = self.nodes.client.as_raw_fd();
            let results = sendmmsg(fd, &mut self.headers, &slices[sent..], [None; BATCH], [], MsgFlags::empty())?;
            sent += results.count().max(1);
        }
        Ok(())
    }

    /// What has come, at least one.
    fn receive(&mut self) -> Result<usize> {
        let mut slices: Vec<_> = self.buffers.iter_mut().map(|buffer| [IoSliceMut::new(buffer)]).collect();
        let fd = self.nodes.memory.as_raw_fd();
        let results = recvmmsg(fd, &mut self.headers, slices.iter_mut(), MsgFlags::MSG_WAITFORONE, None);
        Ok(results.context("a frame was lost")?.count())
    }
}

impl Subject for Flow {
    fn sample(&mut self) -> Result<f64> {
        let start = clock::now();
        let (mut batches, mut under_way) = (0, 0);
        while batches < BATCHES || under_way > 0 {
            if batches < BATCHES && under_way <= BATCH * (BATCHES_UNDER_WAY - 1) {
                self.send()?;
                batches += 1;
                under_way += BATCH;
            } else {
                let received = self.receive()?;
                ensure!(received <= under_way, "more frames arrived than were sent");
                under_way -= received;
            }
        }
        Ok(per_second(BATCHES * BATCH, start))
    }
}
