//! What joins links in these tests: frames go to whoever owns their address, by cables in the process or by tunnels.

use super::gatekeeper::Gatekeeper;
use bifrost_rpc::endpoint::Time;
use bifrost_rpc::tunnel::{PortEvent, SwitchEnd};
use bifrost_rpc::wire::frame::{FrameAddresses, Mac};
use bifrost_rpc::wire::tunnel::{Seat, TunnelHeader, TunnelKind};
use bifrost_rpc::{FramePort, Key, Link};
use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

pub(super) const PREFIX: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xb1f0, 0, 1, 0, 0, 0, 0);
pub(super) const SWITCH_MAC: Mac = [0x02, 0xb1, 0xf0, 0, 0, 1];

pub(super) fn address(node: u16) -> Ipv6Addr {
    Ipv6Addr::from_bits(PREFIX.to_bits() | u128::from(node))
}

pub(super) fn mac(node: u16) -> Mac {
    [2, 0, 0, 0, 0, u8::try_from(node).unwrap()]
}

/// Who owns which address.
#[derive(Debug, Default)]
struct Owners {
    by_address: BTreeMap<Ipv6Addr, u16>,
    memory: Option<u16>,
}

impl Owners {
    /// The node that a frame is for, and the frame as it gets it.
    fn route(&self, frame: &[u8]) -> Option<(u16, Vec<u8>)> {
        let (addresses, _) = FrameAddresses::parse(frame).unwrap();
        assert_eq!(addresses.destination_mac, SWITCH_MAC);
        let is_pointer = addresses.destination.octets()[..5] == [0, 0, 0, 0, 0xfd];
        let to = if is_pointer { self.memory } else { self.by_address.get(&addresses.destination).copied() }?;
        let mut frame = frame.to_vec();
        frame[..6].copy_from_slice(&mac(to));
        frame[6..12].copy_from_slice(&SWITCH_MAC);
        Some((to, frame))
    }
}

#[derive(Debug, Default)]
struct Cables {
    owners: Owners,
    queues: BTreeMap<u16, VecDeque<Vec<u8>>>,
    /// Every so many frames one is lost.
    lose_each: usize,
    sent: usize,
    lost: usize,
}

/// A switch in this process.
#[derive(Debug, Default, Clone)]
pub(super) struct Hub(Arc<(Mutex<Cables>, Condvar)>);

/// A node's cable to it.
#[derive(Debug)]
pub(super) struct Cable {
    hub: Hub,
    node: u16,
}

impl Hub {
    pub(super) fn port(&self, node: u16) -> Cable {
        self.own(node, address(node));
        Cable { hub: self.clone(), node }
    }

    pub(super) fn link(&self, node: u16) -> Link {
        Link::builder().address(address(node)).mac(mac(node)).in_process(self.port(node)).unwrap()
    }

    pub(super) fn own(&self, node: u16, address: Ipv6Addr) {
        self.0.0.lock().unwrap().owners.by_address.insert(address, node);
    }

    pub(super) fn disown(&self, address: Ipv6Addr) {
        self.0.0.lock().unwrap().owners.by_address.remove(&address);
    }

    pub(super) fn own_memory(&self, node: u16) {
        self.0.0.lock().unwrap().owners.memory = Some(node);
    }

    pub(super) fn lose(&self, each: usize) {
        self.0.0.lock().unwrap().lose_each = each;
    }

    pub(super) fn lost(&self) -> usize {
        self.0.0.lock().unwrap().lost
    }
}

impl FramePort for Cable {
    fn send(&self, frames: &mut dyn Iterator<Item = &[u8]>) {
        let (cables, arrived) = &*self.hub.0;
        let mut cables = cables.lock().unwrap();
        for frame in frames {
            cables.sent += 1;
            if cables.lose_each > 0 && cables.sent.is_multiple_of(cables.lose_each) {
                cables.lost += 1;
            } else if let Some((to, frame)) = cables.owners.route(frame) {
                cables.queues.entry(to).or_default().push_back(frame);
            }
        }
        arrived.notify_all();
    }

    fn receive(&self, wait: Duration, take: &mut dyn FnMut(&[u8])) -> bool {
        let (cables, arrived) = &*self.hub.0;
        let is_idle = |cables: &mut Cables| cables.queues.entry(self.node).or_default().is_empty();
        let mut cables = arrived.wait_timeout_while(cables.lock().unwrap(), wait, is_idle).unwrap().0;
        let frames = std::mem::take(cables.queues.entry(self.node).or_default());
        drop(cables);
        frames.iter().for_each(|frame| take(frame));
        true
    }
}

/// A switch that nodes 1 and 2 attach to by tunnels.
#[derive(Debug)]
pub(super) struct Switch {
    address: SocketAddr,
    key: Option<Key>,
    mtu: u16,
    is_stopped: Arc<AtomicBool>,
    /// How often a node came.
    came: Arc<AtomicUsize>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Switch {
    pub(super) fn start(key: Option<Key>, mtu: u16) -> Self {
        Self::at("[::1]:0".parse().unwrap(), key, mtu, [8; 32], None)
    }

    /// One with a control plane.
    pub(super) fn with_gatekeeper(key: Option<Key>, gatekeeper: Gatekeeper) -> Self {
        Self::at("[::1]:0".parse().unwrap(), key, 9000, [8; 32], Some(gatekeeper))
    }

    fn at(address: SocketAddr, key: Option<Key>, mtu: u16, seed: [u8; 32], gatekeeper: Option<Gatekeeper>) -> Self {
        let socket = UdpSocket::bind(address).unwrap();
        let address = socket.local_addr().unwrap();
        let is_stopped = Arc::new(AtomicBool::new(false));
        let came = Arc::new(AtomicUsize::new(0));
        let thread = std::thread::spawn({
            let (key, is_stopped, came) = (key.clone(), Arc::clone(&is_stopped), Arc::clone(&came));
            move || run(&socket, key.as_ref(), (mtu, seed), gatekeeper, &is_stopped, &came)
        });
        Self { address, key, mtu, is_stopped, came, thread: Some(thread) }
    }

    pub(super) fn url(&self) -> String {
        format!("tunnel://{}", self.address)
    }

    pub(super) fn link(&self, node: u16, key: Option<&Key>) -> Link {
        let builder = key.into_iter().fold(Link::builder(), |builder, key| builder.key(key.clone()));
        builder.tunnel(&format!("{}?node=n{node}", self.url())).unwrap()
    }

    pub(super) fn came(&self) -> usize {
        self.came.load(Ordering::Acquire)
    }

    /// Ends without a word, and another begins.
    pub(super) fn restart(mut self) -> Self {
        self.stop();
        Self::at(self.address, self.key.clone(), self.mtu, [9; 32], None)
    }

    fn stop(&mut self) {
        self.is_stopped.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run(
    socket: &UdpSocket,
    key: Option<&Key>,
    (mtu, seed): (u16, [u8; 32]),
    mut gatekeeper: Option<Gatekeeper>,
    is_stopped: &AtomicBool,
    came: &AtomicUsize,
) {
    let started = Instant::now();
    let mut end = SwitchEnd::new(key, seed).with_lease(Duration::from_millis(600));
    let mut owners = Owners::default();
    for node in [1, 2] {
        owners.by_address.insert(address(node), node);
        let seat = Seat { port: node, mtu, mac: mac(node), switch_mac: SWITCH_MAC, address: address(node) };
        assert!(end.add_port(&format!("n{node}"), seat));
    }
    socket.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
    let mut buffer = vec![0; 65_536];
    while !is_stopped.load(Ordering::Acquire) {
        let now = Time::from_nanos(u64::try_from(started.elapsed().as_nanos()).unwrap() + 1);
        if let Ok((bytes, from)) = socket.recv_from(&mut buffer) {
            let mut rest = &buffer[..bytes];
            let message = rest;
            let (header, body) = TunnelHeader::take(&mut rest).unwrap();
            if header.kind != TunnelKind::Frame {
                end.handle(now, from, message);
            } else if end.port_of(from, header.attachment).is_some() {
                let answer = gatekeeper.as_mut().and_then(|gatekeeper| gatekeeper.handle(body));
                if let Some((to, frame)) = owners.route(answer.as_deref().unwrap_or(body))
                    && let Some((outer, attachment, _)) = end.outer_of(to)
                {
                    let length = u16::try_from(frame.len()).unwrap();
                    let header = TunnelHeader { attachment, length, ..header };
                    socket.send_to(&[&header.to_bytes()[..], &frame].concat(), outer).unwrap();
                }
            }
        }
        end.handle_timeout(now);
        while let Some(event) = end.poll_event() {
            came.fetch_add(usize::from(matches!(event, PortEvent::Attached(..))), Ordering::Release);
        }
        while let Some((to, message)) = end.poll_transmit() {
            socket.send_to(&message, to).unwrap();
        }
    }
}
