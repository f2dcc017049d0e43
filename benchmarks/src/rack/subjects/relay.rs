//! A plain relay: a thread that sends each datagram on, by two system calls.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::Result;

use crate::sockets;

const DATAGRAM_BYTES_MAX: usize = 65_536;

/// Stands before a server; whoever else sent last is its client. Dropping it ends the thread.
pub(super) struct Relay {
    socket: Arc<UdpSocket>,
    address: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    pub(super) fn start(socket: UdpSocket, server: SocketAddr) -> Result<Self> {
        let (address, socket) = (socket.local_addr()?, Arc::new(socket));
        let own = Arc::clone(&socket);
        let thread = std::thread::Builder::new().name("relay".into()).spawn(move || run(&own, server))?;
        Ok(Self { socket, address, thread: Some(thread) })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Until an empty datagram comes, or the socket is shut down.
fn run(socket: &UdpSocket, server: SocketAddr) {
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    let mut client = None;
    while let Ok((bytes, from)) = socket.recv_from(&mut buffer) {
        if bytes == 0 {
            return;
        }
        let to = if from == server {
            client
        } else {
            client = Some(from);
            Some(server)
        };
        // A datagram that is not taken is lost, and whoever waits for an answer asks again.
        let _ = to.map(|to| socket.send_to(buffer.get(..bytes).unwrap_or_default(), to));
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        sockets::shut_down(self.socket.as_ref());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has ended, too.
            let _ = thread.join();
        }
    }
}
