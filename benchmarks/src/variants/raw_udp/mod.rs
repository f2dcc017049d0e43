//! Raw UDP: the limit that everything else is compared with.
//!
//! Both sockets are connected, the calling thread itself sends and receives with plain `send` and
//! `recv`, and there is no receive time-out in the way (see [`crate::watchdog`]). How large messages
//! are laid out and why: [`pipe`]. Measured for a ping on one processor, as ratios to this: a receive
//! time-out 1.02, `recvmsg` 1.03, an unconnected server 1.06, both ends by `quinn-udp` 1.2.

mod batch;
mod pipe;
mod transfer;

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use anyhow::{Context, Result};

use super::{RAW_UDP, RateSession, Session, Variant};
use crate::server::Setup;
use crate::task::{CallTask, Task};
use crate::watchdog::Aborter;
use crate::workload::{Bench, PING_REPLY_BYTES, PING_REQUEST_BYTES, Workload};
use batch::BatchRate;
use pipe::Pipe;
pub(crate) use transfer::{RawUdpEcho, RawUdpWrite};

const HELLO_MS_MAX: u64 = 5_000;

/// Blocking, connected datagram sockets; nothing is retransmitted, and a loss is an error.
#[derive(Debug)]
pub(crate) struct RawUdp;

impl Variant for RawUdp {
    fn name(&self) -> &'static str {
        RAW_UDP
    }

    fn measures(&self, workload: &Workload) -> bool {
        Bench::BY_VALUE.contains(&workload.bench) || workload.bench == Bench::Memory
    }

    fn serve(&self, setup: &Setup, ready: &mut dyn FnMut(u16) -> Result<()>) -> Result<()> {
        let socket = UdpSocket::bind((setup.address, 0)).context("cannot bind a UDP socket")?;
        ready(socket.local_addr()?.port())?;
        let pipe = accept(socket)?;
        let workload = setup.workload;
        match workload.bench {
            Bench::Rate => {
                pipe.keep_datagrams_apart()?;
                return batch::answer(pipe.socket());
            }
            Bench::Memory => return transfer::serve_reads(&pipe, workload.size),
            _ => {}
        }
        let mut buffer = vec![0; workload.request_bytes()];
        loop {
            pipe.receive(&mut buffer).context("the request did not arrive whole")?;
            workload.serve_in_place(&mut buffer);
            pipe.send(&[&buffer[..workload.reply_bytes()]]).context("cannot send")?;
        }
    }

    fn connect(&self, setup: &Setup, server: SocketAddr) -> Result<Box<dyn Session>> {
        Ok(Box::new(RawUdpSession { pipe: meet(setup, server)?, spare: vec![0; setup.workload.reply_bytes()] }))
    }

    fn task(&self, setup: &Setup, server: SocketAddr) -> Result<Box<dyn Task>> {
        Ok(match setup.workload.bench {
            Bench::Memory => Box::new(transfer::Read::new(meet(setup, server)?, setup.workload.size)),
            _ => Box::new(CallTask::new(setup.workload, self.connect(setup, server)?)),
        })
    }

    fn connect_rate(&self, setup: &Setup, server: SocketAddr) -> Result<Box<dyn RateSession>> {
        let pipe = meet(setup, server)?;
        pipe.keep_datagrams_apart()?;
        Ok(Box::new(BatchRate::new(pipe, setup.workload.outstanding)))
    }
}

/// The server's end: learns the first peer, connects to it, and agrees with it on a window.
fn accept(socket: UdpSocket) -> Result<Pipe> {
    let mut hello = [0; 8];
    let (_, peer) = socket.recv_from(&mut hello).context("no client came")?;
    socket.connect(peer).context("cannot connect to the client")?;
    let mut pipe = Pipe::new(socket)?;
    pipe.limit_window(u64::from_be_bytes(hello));
    pipe.socket().send(&pipe.window_bytes().to_be_bytes()).context("cannot answer the client")?;
    Ok(pipe)
}

/// The client's end of [`accept`].
fn meet(setup: &Setup, server: SocketAddr) -> Result<Pipe> {
    let socket = UdpSocket::bind((setup.address, 0)).context("cannot bind a UDP socket")?;
    socket.connect(server).with_context(|| format!("cannot connect to {server} over UDP"))?;
    let mut pipe = Pipe::new(socket)?;
    let mut hello = pipe.window_bytes().to_be_bytes();
    pipe.socket().set_read_timeout(Some(Duration::from_millis(HELLO_MS_MAX)))?;
    pipe.socket().send(&hello).context("cannot send")?;
    pipe.socket().recv(&mut hello).with_context(|| format!("{server} does not answer"))?;
    pipe.socket().set_read_timeout(None)?;
    pipe.limit_window(u64::from_be_bytes(hello));
    Ok(pipe)
}

/// A connected socket, and the buffer that the next reply goes into.
#[derive(Debug)]
struct RawUdpSession {
    pipe: Pipe,
    spare: Vec<u8>,
}

impl RawUdpSession {
    /// Receives `size` bytes; `request`, sent by now, takes the next reply.
    fn reply(&mut self, size: usize, request: Vec<u8>) -> Result<Vec<u8>> {
        self.spare.resize(size, 0);
        self.pipe.receive(&mut self.spare).context("the reply did not arrive whole")?;
        Ok(std::mem::replace(&mut self.spare, request))
    }
}

impl Session for RawUdpSession {
    fn ping(&mut self) -> Result<()> {
        self.pipe.send(&[&[0; PING_REQUEST_BYTES]]).context("cannot send")?;
        self.pipe.receive(&mut [0; PING_REPLY_BYTES]).context("the reply did not arrive")
    }

    fn echo(&mut self, data: Vec<u8>) -> Result<Vec<u8>> {
        self.pipe.send(&[&data]).context("cannot send")?;
        self.reply(data.len(), data)
    }

    fn increment(&mut self, data: Vec<u8>, _amount: i8) -> Result<Vec<u8>> {
        self.echo(data)
    }

    fn increment_list(&mut self, data: Vec<i8>, _amount: i8) -> Result<Vec<i8>> {
        Ok(bytemuck::cast_vec(self.echo(bytemuck::cast_vec(data))?))
    }

    fn add(&mut self, mut a: Vec<u8>, b: Vec<u8>) -> Result<Vec<u8>> {
        let size = a.len();
        if 2 * size <= self.pipe.packet_bytes_max() {
            a.extend_from_slice(&b);
            self.pipe.send(&[&a]).context("cannot send")?;
        } else {
            self.pipe.send(&[&a, &b]).context("cannot send")?;
        }
        self.reply(size, b)
    }

    fn aborter(&self) -> Result<Option<Aborter>> {
        self.pipe.aborter().map(Some)
    }
}
