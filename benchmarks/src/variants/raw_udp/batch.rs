//! Small datagrams per second: one socket, several outstanding, many for each system call.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::socket::{MsgFlags, MultiHeaders, recvmmsg, sendmmsg};

use super::pipe::Pipe;
use crate::clock;
use crate::variants::RateSession;
use crate::watchdog::Aborter;
use crate::workload::{PING_REPLY_BYTES, PING_REQUEST_BYTES};

/// Datagrams for each system call. More are outstanding in several calls.
const BATCH: usize = 64;
const DATAGRAM_BYTES: usize = 64;

/// Keeps a number of requests under way.
#[derive(Debug)]
pub(super) struct BatchRate {
    pipe: Pipe,
    outstanding: usize,
}

impl BatchRate {
    /// Over `pipe`, with `outstanding` requests under way.
    pub(super) fn new(pipe: Pipe, outstanding: usize) -> Self {
        Self { pipe, outstanding }
    }
}

impl RateSession for BatchRate {
    fn run(&mut self, budget: Duration) -> Result<(u64, Duration)> {
        let socket = self.pipe.socket();
        let mut batch = Batch::new();
        let start = clock::now();
        let (mut answered, mut waiting) = (0, self.outstanding);
        batch.send::<PING_REQUEST_BYTES>(socket, waiting).context("cannot send")?;
        loop {
            let received = batch.receive(socket).context("a reply was lost")?;
            if received > waiting {
                bail!("{received} replies to {waiting} requests");
            }
            answered += received as u64;
            waiting -= received;
            let elapsed = clock::now() - start;
            if elapsed < budget {
                batch.send::<PING_REQUEST_BYTES>(socket, received).context("cannot send")?;
                waiting += received;
            } else if waiting == 0 {
                return Ok((answered, elapsed));
            }
        }
    }

    fn aborter(&self) -> Result<Option<Aborter>> {
        self.pipe.aborter().map(Some)
    }
}

/// Answers each datagram with the shortest one, for ever.
pub(super) fn answer(socket: &UdpSocket) -> Result<()> {
    let mut batch = Batch::new();
    loop {
        let received = batch.receive(socket).context("cannot receive")?;
        batch.send::<PING_REPLY_BYTES>(socket, received).context("cannot send")?;
    }
}

/// The headers and buffers of one system call.
#[derive(Debug)]
struct Batch {
    headers: MultiHeaders<()>,
    buffers: Vec<[u8; DATAGRAM_BYTES]>,
}

impl Batch {
    fn new() -> Self {
        Self { headers: MultiHeaders::preallocate(BATCH, None), buffers: vec![[0; DATAGRAM_BYTES]; BATCH] }
    }

    /// Waits for at least one datagram, and takes what else is there.
    fn receive(&mut self, socket: &UdpSocket) -> io::Result<usize> {
        let mut slices: Vec<_> = self.buffers.iter_mut().map(|buffer| [IoSliceMut::new(buffer)]).collect();
        let results =
            recvmmsg(socket.as_raw_fd(), &mut self.headers, slices.iter_mut(), MsgFlags::MSG_WAITFORONE, None)?;
        let (mut count, mut empty) = (0, false);
        for message in results {
            count += 1;
            empty |= message.bytes == 0;
        }
        // A socket that was shut down delivers nothing, without an error.
        if empty { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(count) }
    }

    /// Sends `count` datagrams of `BYTES`.
    fn send<const BYTES: usize>(&mut self, socket: &UdpSocket, mut count: usize) -> io::Result<()> {
        let payload = [0; BYTES];
        let slices: Vec<_> = (0..count.min(BATCH)).map(|_| [IoSlice::new(&payload)]).collect();
        while count > 0 {
            let group = &slices[..count.min(BATCH)];
            let results = sendmmsg(socket.as_raw_fd(), &mut self.headers, group, [None; BATCH], [], MsgFlags::empty())?;
            count -= results.count().max(1);
        }
        Ok(())
    }
}
