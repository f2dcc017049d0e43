//! What stands between two nodes on UDP tunnels: the embedded switch, or a plain relay; and how nodes attach.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bifrost_rpc::endpoint::Time;
use bifrost_rpc::tunnel::{NodeEnd, NodeState};
use bifrost_rpc::wire::tunnel::{Identity, TUNNEL_HEADER_BYTES, TunnelHeader, TunnelKind};
use bifrost_switch::SharedEngine;
use bifrost_switch::daemon::{PortKind, Switch, TunnelPort};
use bifrost_switch::engine::Engine;
use bifrost_switch::runtime::{Runtime, Settings};

use super::super::rack::{self, CLIENT, MEMORY};
use crate::clock;

/// Nodes say nothing but frames once they are attached: they are remembered for longer than any run.
const LEASE: Duration = Duration::from_secs(30 * 24 * 3600);
const ATTACH: Duration = Duration::from_secs(10);
pub(super) const MTU: u16 = 9_000;
pub(super) const DATAGRAM_BYTES_MAX: usize = 65_536;

/// A switch with two tunnels.
pub(super) fn switch(address: IpAddr) -> Result<(Switch, SocketAddr)> {
    let engine = SharedEngine::new(Engine::load(bifrost_switch::PROGRAM, 1)?);
    rack::install(&Runtime::new(engine.clone(), bifrost_switch::PROGRAM, Settings::default()))?;
    let tunnel = || PortKind::Tunnel(TunnelPort::default());
    let builder = Switch::builder(engine).tunnels(SocketAddr::new(address, 0), None).lease(LEASE).mtu(MTU);
    let switch = builder.port(CLIENT, tunnel()).port(MEMORY, tunnel()).start()?;
    let at = switch.tunnel_address().context("a switch without tunnels")?;
    Ok((switch, at))
}

/// Attaches to a port of the switch; the number that frames carry.
pub(super) fn attach(
    port: u32,
    send: &dyn Fn(&[u8]) -> io::Result<()>,
    receive: &dyn Fn(&mut [u8]) -> io::Result<usize>,
) -> Result<u32> {
    let (began, mut buffer) = (clock::now(), vec![0; DATAGRAM_BYTES_MAX]);
    let now = || Time::from_nanos(1_000_000_000 + u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX));
    let seed = [port.to_be_bytes()[3]; 32];
    let mut node = NodeEnd::new(now(), Identity::Port(u16::try_from(port)?), MTU, None, seed);
    while began.elapsed() < ATTACH {
        while let Some(message) = node.poll_transmit() {
            send(&message)?;
        }
        if let NodeState::Attached(attachment, _) = node.state() {
            return Ok(attachment);
        }
        if let Ok(bytes) = receive(&mut buffer) {
            node.handle(now(), buffer.get(..bytes).unwrap_or_default());
        }
        node.handle_timeout(now());
    }
    bail!("the switch does not let port {port} attach")
}

/// A frame as it goes through a tunnel.
pub(super) fn datagram(attachment: u32, frame: &[u8]) -> Result<Vec<u8>> {
    let header = TunnelHeader { kind: TunnelKind::Frame, length: u16::try_from(frame.len())?, attachment };
    let header: [u8; TUNNEL_HEADER_BYTES] = header.to_bytes();
    Ok([&header[..], frame].concat())
}

/// A thread that sends each datagram of one of two addresses on to the other, by two system calls: the limit.
#[derive(Debug)]
pub(super) struct Relay {
    pub(super) address: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    pub(super) fn start(address: IpAddr, ends: [SocketAddr; 2]) -> Result<Self> {
        let socket = UdpSocket::bind((address, 0)).context("cannot bind a relay")?;
        let address = socket.local_addr()?;
        let thread = std::thread::Builder::new().name("relay".into()).spawn(move || relay(&socket, ends))?;
        Ok(Self { address, thread: Some(thread) })
    }
}

/// Until an empty datagram comes.
fn relay(socket: &UdpSocket, [one, other]: [SocketAddr; 2]) {
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    while let Ok((bytes, from)) = socket.recv_from(&mut buffer) {
        if bytes == 0 {
            return;
        }
        let to = if from == one { other } else { one };
        // A datagram that is not taken is lost, and whoever waits for it says so.
        let _ = socket.send_to(buffer.get(..bytes).unwrap_or_default(), to);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let any = SocketAddr::new(self.address.ip(), 0);
        let told = UdpSocket::bind(any).and_then(|socket| socket.send_to(&[], self.address));
        // A relay that cannot be told is left behind.
        if let (Ok(_), Some(thread)) = (told, self.thread.take()) {
            let _ = thread.join();
        }
    }
}

/// The one or the other.
#[derive(Debug)]
pub(super) enum Middle {
    Switch { _switch: Switch },
    Relay { _relay: Relay },
}
