//! Requests and answers between two nodes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use socket2::{Domain, Socket, Type};

use super::BYTES_MAX;
use super::way::{ADDRESSES, Way};
use crate::clock;

const WAIT: Duration = Duration::from_secs(5);
const ECHO_REQUEST: u8 = 128;
const ECHO_REPLY: u8 = 129;
/// Type, code, checksum, identifier, sequence number.
const ICMP_BYTES: usize = 8;

/// By what a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Icmp,
    Udp,
    Tcp,
}

impl Protocol {
    pub(super) const ALL: [Self; 3] = [Self::Icmp, Self::Udp, Self::Tcp];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Icmp => "icmp",
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }
}

/// A client of one way. What answers it is a thread, or the other kernel.
#[derive(Debug)]
pub(super) struct Probe {
    socket: Client,
    sequence: u16,
    sent: Vec<u8>,
    got: Vec<u8>,
}

#[derive(Debug)]
enum Client {
    Icmp(Socket),
    Udp(UdpSocket),
    Tcp(TcpStream),
}

impl Probe {
    pub(super) fn new(way: &Way, protocol: Protocol) -> Result<Self> {
        let [one, two] = &way.nodes;
        let socket = match protocol {
            Protocol::Icmp => {
                let icmp = Some(socket2::Protocol::ICMPV6);
                let socket = one.within(move || Ok(Socket::new(Domain::IPV6, Type::RAW, icmp)?))?;
                socket.connect(&SocketAddr::from((ADDRESSES[1], 0)).into())?;
                socket.set_read_timeout(Some(WAIT))?;
                Client::Icmp(socket)
            }
            Protocol::Udp => {
                let server = two.within(|| Ok(UdpSocket::bind((ADDRESSES[1], 0))?))?;
                let socket = one.within(|| Ok(UdpSocket::bind((ADDRESSES[0], 0))?))?;
                socket.connect(server.local_addr()?)?;
                socket.set_read_timeout(Some(WAIT))?;
                std::thread::Builder::new().name("echo".into()).spawn(move || echo_udp(&server))?;
                Client::Udp(socket)
            }
            Protocol::Tcp => {
                let server = two.within(|| Ok(TcpListener::bind((ADDRESSES[1], 0))?))?;
                let to = server.local_addr()?;
                let socket = one.within(move || crate::sockets::connect_tcp(to))?;
                socket.set_read_timeout(Some(WAIT))?;
                let (stream, _) = server.accept()?;
                stream.set_nodelay(true)?;
                std::thread::Builder::new().name("echo".into()).spawn(move || echo_tcp(stream))?;
                Client::Tcp(socket)
            }
        };
        Ok(Self { socket, sequence: 0, sent: Vec::new(), got: vec![0; ICMP_BYTES + BYTES_MAX] })
    }

    /// Nanoseconds of a request of so many bytes and its answer.
    pub(super) fn ask(&mut self, bytes: usize) -> Result<f64> {
        self.sequence = self.sequence.wrapping_add(1);
        let [high, low] = self.sequence.to_be_bytes();
        self.sent.clear();
        if let Client::Icmp(_) = self.socket {
            self.sent.extend([ECHO_REQUEST, 0, 0, 0, 0xb1, 0xf0, high, low]);
        }
        self.sent.resize(self.sent.len() + bytes, low);
        let start = clock::now();
        self.exchange().context("a request was not answered")?;
        let time = clock::now() - start;
        let from = self.sent.len() - bytes;
        ensure!(self.got.get(from..self.sent.len()) == self.sent.get(from..), "another answer than was asked for");
        Ok(time.as_secs_f64() * 1e9)
    }

    fn exchange(&mut self) -> Result<()> {
        let Self { socket, sent, got, .. } = self;
        match socket {
            Client::Icmp(socket) => {
                socket.send(sent)?;
                // Neighbour discovery comes by this socket, too.
                loop {
                    let bytes = (&*socket).read(got)?;
                    if bytes >= ICMP_BYTES && got[0] == ECHO_REPLY && got[4..ICMP_BYTES] == sent[4..ICMP_BYTES] {
                        ensure!(bytes == sent.len(), "an answer of {bytes} bytes");
                        return Ok(());
                    }
                }
            }
            Client::Udp(socket) => {
                socket.send(sent)?;
                let bytes = socket.recv(got)?;
                ensure!(bytes == sent.len(), "an answer of {bytes} bytes");
            }
            Client::Tcp(socket) => {
                socket.write_all(sent)?;
                let into = got.get_mut(..sent.len()).context("too long a request")?;
                socket.read_exact(into)?;
            }
        }
        Ok(())
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        // An empty datagram ends its echo; a connection's ends with it.
        if let Client::Udp(socket) = &self.socket {
            let _ = socket.send(&[]);
        }
    }
}

/// Until an empty datagram comes.
fn echo_udp(socket: &UdpSocket) {
    let mut buffer = vec![0; BYTES_MAX];
    while let Ok((bytes @ 1.., from)) = socket.recv_from(&mut buffer) {
        // What is lost, whoever waits for it says so.
        let _ = socket.send_to(buffer.get(..bytes).unwrap_or_default(), from);
    }
}

/// Until the other side closes.
fn echo_tcp(mut stream: TcpStream) {
    let mut buffer = vec![0; BYTES_MAX];
    while let Ok(bytes @ 1..) = stream.read(&mut buffer) {
        if stream.write_all(buffer.get(..bytes).unwrap_or_default()).is_err() {
            return;
        }
    }
}
