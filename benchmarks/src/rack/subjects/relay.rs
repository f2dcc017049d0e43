//! A plain relay: a process that sends each datagram on, by two system calls.

use std::net::{SocketAddr, UdpSocket};

use anyhow::{Context, Result};

use crate::child;

const DATAGRAM_BYTES_MAX: usize = 65_536;

/// Stands before a server; whoever else sent last is its client.
pub(in crate::rack) fn run(server: SocketAddr) -> Result<()> {
    let socket = UdpSocket::bind((server.ip(), 0)).context("cannot bind a relay")?;
    child::announce(socket.local_addr()?.port())?;
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    let mut client = None;
    loop {
        let (bytes, from) = socket.recv_from(&mut buffer).context("a relay cannot receive")?;
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
