//! A client made of an endpoint and a socket by hand, which can do what others cannot: name a unit, stop half-way.

use bifrost_rpc::endpoint::{Answered, CallError, Config, Datagrams, Endpoint, Event, Time};
use bifrost_rpc::memory::{MemoryAnswer, MemoryRequest};
use std::hash::{BuildHasher, RandomState};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// Datagrams up to this size have no data: they ask, acknowledge and open.
const SMALL_BYTES: usize = 300;

pub(crate) struct Raw {
    socket: UdpSocket,
    peer: SocketAddr,
    endpoint: Endpoint,
    start: Instant,
    /// Bytes of datagrams with data that were sent.
    sent: usize,
}

impl Raw {
    #[expect(clippy::disallowed_methods, reason = "it is a driver, which mints the time")]
    pub(crate) fn new(url: &str) -> Self {
        let peer = url.strip_prefix("udp://").unwrap().parse().unwrap();
        let socket = UdpSocket::bind("[::1]:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&RandomState::new().hash_one(std::process::id()).to_le_bytes());
        Self { socket, peer, endpoint: Endpoint::new(Config::default(), seed), start: Instant::now(), sent: 0 }
    }

    fn now(&self) -> Time {
        Time::ZERO.plus(self.start.elapsed())
    }

    /// Says no more than that it is there, for so long: its session is kept, and what it has begun stays as it is.
    pub(crate) fn linger(&mut self, time: Duration) {
        let until = self.start.elapsed() + time;
        while self.start.elapsed() < until {
            self.step(0);
        }
    }

    /// Sends what there is to send, up to a limit that packets without data do not count for, and takes in what comes within a few milliseconds.
    fn step(&mut self, limit: usize) {
        let mut out = Datagrams::new();
        let now = self.now();
        while let Some(transmit) = self.endpoint.poll_transmit(now, 16, &mut out) {
            for datagram in out.to_vec().chunks(transmit.segment_bytes) {
                let has_data = datagram.len() > SMALL_BYTES;
                if has_data && self.sent >= limit {
                    continue;
                }
                // Nobody may be there any more.
                let _ = self.socket.send_to(datagram, transmit.to);
                self.sent += if has_data { datagram.len() } else { 0 };
            }
        }
        let mut buffer = [0; 1 << 16];
        if let Ok((len, from)) = self.socket.recv_from(&mut buffer) {
            let now = self.now();
            self.endpoint.handle(now, from, &mut buffer[..len]);
        }
        let now = self.now();
        self.endpoint.handle_timeout(now);
    }

    /// Starts an operation and goes on until it has ended, or so many bytes are sent.
    pub(crate) fn run(&mut self, request: MemoryRequest, limit: usize) -> Option<Result<MemoryAnswer, CallError>> {
        let now = self.now();
        self.endpoint.memory(now, self.peer, request).unwrap();
        while self.sent < limit {
            assert!(self.start.elapsed() < Duration::from_secs(60), "it takes too long");
            self.step(limit);
            if let Some(Event::Answer { result, .. }) = self.endpoint.poll_event() {
                return Some(result.map(|answered| match answered {
                    Answered::Memory(answer) => answer,
                    other => panic!("unexpected {other:?}"),
                }));
            }
        }
        None
    }
}
