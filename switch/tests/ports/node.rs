//! A node at the end of a tunnel: the state machine of `bifrost-rpc` over a plain socket.

#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    reason = "shared by tests, each of which uses a part of it"
)]

use bifrost_rpc::Key;
use bifrost_rpc::endpoint::Time;
use bifrost_rpc::tunnel::{NodeEnd, NodeState};
use bifrost_rpc::wire::tunnel::{Identity, Seat, TunnelHeader, TunnelKind};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// Longer than anything takes that happens.
pub const WAIT: Duration = Duration::from_secs(20);

pub struct Node {
    pub socket: UdpSocket,
    switch: SocketAddr,
    end: NodeEnd,
    began: Instant,
}

#[expect(clippy::disallowed_methods, reason = "drivers mint the time")]
fn clock() -> Instant {
    Instant::now()
}

impl Node {
    /// Begins to ask for a port.
    pub fn new(switch: SocketAddr, identity: Identity, key: Option<&Key>, seed: u8) -> Self {
        let socket = UdpSocket::bind((switch.ip(), 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let began = clock();
        let mut node = Self { socket, switch, end: NodeEnd::new(now(began), identity, 9000, key, [seed; 32]), began };
        node.talk();
        node
    }

    /// Asks for a port by its number, and waits until it has it.
    pub fn attached(switch: SocketAddr, port: u16, key: Option<&Key>, seed: u8) -> Self {
        let mut node = Self::new(switch, Identity::Port(port), key, seed);
        assert!(node.wait(|state| matches!(state, NodeState::Attached(..))), "{:?}", node.state());
        node
    }

    pub fn state(&self) -> NodeState {
        self.end.state()
    }

    /// Does what is due, and takes one datagram in; its frames are returned.
    pub fn step(&mut self) -> Vec<Vec<u8>> {
        self.end.handle_timeout(now(self.began));
        self.talk();
        let mut buffer = vec![0; 65_536];
        let Ok((bytes, from)) = self.socket.recv_from(&mut buffer) else { return Vec::new() };
        assert_eq!(from, self.switch);
        let (mut rest, mut frames) = (&buffer[..bytes], Vec::new());
        while let Ok((header, body)) = TunnelHeader::take(&mut rest) {
            match header.kind {
                TunnelKind::Frame => frames.push(body.to_vec()),
                _ => self.end.handle(now(self.began), &buffer[..bytes]),
            }
        }
        self.talk();
        frames
    }

    /// Goes on until the state is so; frames are lost meanwhile.
    pub fn wait(&mut self, is_so: impl Fn(NodeState) -> bool) -> bool {
        let begun = clock();
        while begun.elapsed() < WAIT {
            if is_so(self.state()) {
                return true;
            }
            self.step();
        }
        false
    }

    /// The next frames: so many, or those that came in time.
    pub fn receive(&mut self, count: usize, wait: Duration) -> Vec<Vec<u8>> {
        let (begun, mut frames) = (clock(), Vec::new());
        while frames.len() < count && begun.elapsed() < wait {
            frames.extend(self.step());
        }
        frames
    }

    pub fn seat(&self) -> (u32, Seat) {
        match self.state() {
            NodeState::Attached(attachment, seat) => (attachment, seat),
            other => panic!("{other:?}"),
        }
    }

    /// A frame as it goes through the tunnel.
    pub fn datagram(&self, frame: &[u8]) -> Vec<u8> {
        let (attachment, _) = self.seat();
        let length = u16::try_from(frame.len()).unwrap();
        [&TunnelHeader { kind: TunnelKind::Frame, length, attachment }.to_bytes()[..], frame].concat()
    }

    pub fn send(&self, frame: &[u8]) {
        self.socket.send_to(&self.datagram(frame), self.switch).unwrap();
    }

    pub fn leave(mut self) {
        self.end.detach();
        self.talk();
    }

    fn talk(&mut self) {
        while let Some(message) = self.end.poll_transmit() {
            self.socket.send_to(&message, self.switch).unwrap();
        }
    }
}

fn now(began: Instant) -> Time {
    Time::from_nanos(1_000_000_000 + u64::try_from(began.elapsed().as_nanos()).unwrap())
}
