//! Frames over tunnels in bursts: one system call of an end sends or receives many.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use bifrost_rpc::udp::{RECEIVE_BYTES, Received, Socket};

use super::super::rack::{self, CLIENT, MEMORY};
use super::middle;
use super::{Plan, Subject, per_second};
use crate::clock;
use bifrost_switch::daemon::Switch;

const WAIT: Duration = Duration::from_secs(5);
/// Frames of a burst.
const BURST: usize = 32;
/// Bursts under way, and of a sample.
const BURSTS_UNDER_WAY: usize = 4;
const BURSTS: usize = 32;

/// Two nodes that segment and join, with something between them that does so too.
#[derive(Debug)]
pub(super) struct Flow {
    client: Socket,
    memory: Socket,
    to: SocketAddr,
    burst: Vec<u8>,
    datagram_bytes: usize,
    buffer: Vec<u8>,
    _middle: Middle,
}

#[derive(Debug)]
enum Middle {
    Switch { _switch: Switch },
    Relay { _relay: Relay },
}

impl Flow {
    pub(super) fn new(plan: &Plan, is_switch: bool) -> Result<Self> {
        let any = SocketAddr::new(plan.address, 0);
        let (client, memory) = (Socket::bind(any)?, Socket::bind(any)?);
        let frame = rack::there()?.bytes;
        let (middle, to, attachment) = if is_switch {
            let (switch, at) = middle::switch(plan.address)?;
            let attachment = attach(CLIENT, &client, at)?;
            attach(MEMORY, &memory, at)?;
            (Middle::Switch { _switch: switch }, at, attachment)
        } else {
            let relay = Relay::start(plan.address, memory.local_addr()?, middle::datagram(1, &frame)?.len())?;
            let at = relay.socket.local_addr()?;
            (Middle::Relay { _relay: relay }, at, 1)
        };
        memory.set_receive_timeout(Some(WAIT))?;
        let datagram = middle::datagram(attachment, &frame)?;
        let buffer = vec![0; RECEIVE_BYTES];
        let (burst, datagram_bytes) = (datagram.repeat(BURST), datagram.len());
        Ok(Self { client, memory, to, burst, datagram_bytes, buffer, _middle: middle })
    }
}

fn attach(port: u32, socket: &Socket, to: SocketAddr) -> Result<u32> {
    socket.set_receive_timeout(Some(Duration::from_millis(20)))?;
    let send = |bytes: &[u8]| {
        socket.send_run(to, bytes, bytes.len());
        Ok(())
    };
    let receive = |into: &mut [u8]| match socket.receive(into)? {
        Received::Bytes(bytes, ..) => Ok(bytes),
        _ => Err(std::io::ErrorKind::WouldBlock.into()),
    };
    middle::attach(port, &send, &receive)
}

impl Subject for Flow {
    fn sample(&mut self) -> Result<f64> {
        let start = clock::now();
        let (mut bursts, mut under_way) = (0, 0);
        while bursts < BURSTS || under_way > 0 {
            if bursts < BURSTS && under_way <= BURST * (BURSTS_UNDER_WAY - 1) {
                ensure!(self.client.send_run(self.to, &self.burst, self.datagram_bytes), "the system takes no burst");
                bursts += 1;
                under_way += BURST;
                continue;
            }
            let Received::Bytes(bytes, ..) = self.memory.receive(&mut self.buffer)? else { bail!("a frame was lost") };
            let received = bytes / self.datagram_bytes;
            ensure!(received <= under_way, "more frames arrived than were sent");
            under_way -= received;
        }
        Ok(per_second(BURSTS * BURST, start))
    }
}

/// A thread that sends what comes on, as it comes joined.
#[derive(Debug)]
struct Relay {
    socket: Arc<Socket>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    fn start(address: IpAddr, to: SocketAddr, datagram_bytes: usize) -> Result<Self> {
        let socket = Arc::new(Socket::bind(SocketAddr::new(address, 0))?);
        let own = Arc::clone(&socket);
        let run = move || {
            let mut buffer = vec![0; RECEIVE_BYTES];
            while let Ok(received) = own.receive(&mut buffer) {
                match received {
                    // What is not taken is lost, and whoever waits for it says so.
                    Received::Bytes(bytes, ..) => {
                        own.send_run(to, buffer.get(..bytes).unwrap_or_default(), datagram_bytes);
                    }
                    Received::Nothing => {}
                    Received::Ended => return,
                }
            }
        };
        let thread = std::thread::Builder::new().name("relay".into()).spawn(run)?;
        Ok(Self { socket, thread: Some(thread) })
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.socket.shut_down();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
