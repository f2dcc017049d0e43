//! A raw round trip: a datagram there and another back, over connected sockets.

use std::net::{IpAddr, UdpSocket};
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::{Context, Result, ensure};

use super::Subject;
use crate::workload::{PING_REPLY_BYTES, PING_REQUEST_BYTES};
use crate::{clock, sockets};

/// A socket, and a thread that answers it.
pub(super) struct Raw {
    socket: UdpSocket,
    other: Arc<UdpSocket>,
    thread: Option<JoinHandle<()>>,
}

impl Raw {
    pub(super) fn start(address: IpAddr) -> Result<Self> {
        let bind = || UdpSocket::bind((address, 0)).context("cannot bind a raw socket");
        let (socket, other) = (bind()?, Arc::new(bind()?));
        socket.connect(other.local_addr()?)?;
        other.connect(socket.local_addr()?)?;
        let own = Arc::clone(&other);
        let thread = std::thread::Builder::new().name("raw".into()).spawn(move || answer(&own))?;
        Ok(Self { socket, other, thread: Some(thread) })
    }
}

/// Until the socket is shut down.
fn answer(socket: &UdpSocket) {
    let mut buffer = [0; PING_REQUEST_BYTES];
    while socket.recv(&mut buffer).is_ok_and(|bytes| bytes > 0) {
        if socket.send(&[0; PING_REPLY_BYTES]).is_err() {
            return;
        }
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        sockets::shut_down(self.other.as_ref());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has ended, too.
            let _ = thread.join();
        }
    }
}

impl Subject for Raw {
    fn sample(&mut self) -> Result<f64> {
        let mut buffer = [0; PING_REQUEST_BYTES];
        let start = clock::now();
        self.socket.send(&buffer)?;
        let bytes = self.socket.recv(&mut buffer)?;
        let time = clock::now() - start;
        ensure!(bytes == PING_REPLY_BYTES, "an answer of {bytes} bytes");
        Ok(time.as_secs_f64() * 1e9)
    }
}
