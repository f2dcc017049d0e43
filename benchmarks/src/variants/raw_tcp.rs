//! Raw TCP: what a stream socket costs, with no codec.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use anyhow::{Context, Result};

use super::{RAW_TCP, Session, Variant};
use crate::server::Setup;
use crate::sockets;
use crate::watchdog::Aborter;
use crate::workload::{PING_REPLY_BYTES, PING_REQUEST_BYTES, Workload};

/// Two arguments up to this many bytes together are copied into one write.
const GATHER_BYTES_MAX: usize = 65_536;

/// Blocking reads and writes of exactly the bytes that both ends expect, with `TCP_NODELAY` and without pacing.
#[derive(Debug)]
pub(crate) struct RawTcp;

impl Variant for RawTcp {
    fn name(&self) -> &'static str {
        RAW_TCP
    }

    fn serve(&self, setup: &Setup, ready: &mut dyn FnMut(u16) -> Result<()>) -> Result<()> {
        let listener = TcpListener::bind((setup.address, 0)).context("cannot bind a TCP socket")?;
        ready(listener.local_addr()?.port())?;
        let workload = setup.workload;
        sockets::serve_tcp(&listener, move |stream| {
            // The peer has closed the connection; it reports what it missed.
            let _ = answer(&stream, workload);
        })
    }

    fn connect(&self, setup: &Setup, server: SocketAddr) -> Result<Box<dyn Session>> {
        let stream = sockets::connect_tcp(server)?;
        Ok(Box::new(RawTcpSession { stream, spare: vec![0; setup.workload.reply_bytes()] }))
    }
}

fn answer(mut stream: &TcpStream, workload: Workload) -> std::io::Result<()> {
    let mut buffer = vec![0; workload.request_bytes()];
    loop {
        stream.read_exact(&mut buffer)?;
        workload.serve_in_place(&mut buffer);
        stream.write_all(&buffer[..workload.reply_bytes()])?;
    }
}

/// A connection, and the buffer that the next reply goes into.
#[derive(Debug)]
struct RawTcpSession {
    stream: TcpStream,
    spare: Vec<u8>,
}

impl RawTcpSession {
    /// Sends `request` and receives as many bytes; the request's memory takes the next reply.
    fn exchange(&mut self, request: Vec<u8>) -> Result<Vec<u8>> {
        self.stream.write_all(&request).context("cannot send")?;
        self.spare.resize(request.len(), 0);
        self.stream.read_exact(&mut self.spare).context("the reply did not arrive")?;
        Ok(std::mem::replace(&mut self.spare, request))
    }
}

impl Session for RawTcpSession {
    fn ping(&mut self) -> Result<()> {
        self.stream.write_all(&[0; PING_REQUEST_BYTES]).context("cannot send")?;
        self.stream.read_exact(&mut [0; PING_REPLY_BYTES]).context("the reply did not arrive")
    }

    fn echo(&mut self, data: Vec<u8>) -> Result<Vec<u8>> {
        self.exchange(data)
    }

    fn increment(&mut self, data: Vec<u8>, _amount: i8) -> Result<Vec<u8>> {
        self.exchange(data)
    }

    fn increment_list(&mut self, data: Vec<i8>, _amount: i8) -> Result<Vec<i8>> {
        Ok(bytemuck::cast_vec(self.exchange(bytemuck::cast_vec(data))?))
    }

    fn add(&mut self, mut a: Vec<u8>, b: Vec<u8>) -> Result<Vec<u8>> {
        let size = a.len();
        if 2 * size <= GATHER_BYTES_MAX {
            a.extend_from_slice(&b);
            self.stream.write_all(&a).context("cannot send")?;
        } else {
            self.stream.write_all(&a).and_then(|()| self.stream.write_all(&b)).context("cannot send")?;
        }
        self.spare.resize(size, 0);
        self.stream.read_exact(&mut self.spare).context("the reply did not arrive")?;
        Ok(std::mem::replace(&mut self.spare, b))
    }

    fn aborter(&self) -> Result<Option<Aborter>> {
        let stream = self.stream.try_clone().context("cannot duplicate the socket")?;
        Ok(Some(Box::new(move || sockets::shut_down(&stream))))
    }
}
