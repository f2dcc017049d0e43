//! A control plane as small as it can be: it takes in whoever has the key, believes what it is told, and answers.

use super::hub::{Hub, PREFIX, SWITCH_MAC, mac};
use bifrost_rpc::control::{ControlPacket, NodeKey, SealedControl};
use bifrost_rpc::wire::control::{
    Announce, ControlMessage, ControlRefusal, OutstandingCall, ReportLine, Serve, ServeState, Welcome,
    gatekeeper_address,
};
use bifrost_rpc::wire::frame::FrameAddresses;
use bifrost_rpc::wire::service_address;
use bifrost_rpc::{FramePort, Key};
use std::collections::BTreeMap;
use std::net::Ipv6Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// The node that it is on a [`Hub`].
const PORT: u16 = 99;
/// The number of its questions.
const QUERY: u64 = 77;

/// What it knows of a node.
#[derive(Debug, Default, Clone)]
pub(super) struct Known {
    pub(super) incarnation: u32,
    nonce: [u8; 16],
    pub(super) announce: Option<Announce>,
    pub(super) is_here: bool,
    pub(super) serves: Vec<Serve>,
    pub(super) reports: Vec<ReportLine>,
    pub(super) heartbeats: usize,
    pub(super) outstanding: Option<Vec<OutstandingCall>>,
    last: Option<ControlPacket>,
}

#[derive(Debug, Default)]
struct State {
    nodes: BTreeMap<Ipv6Addr, Known>,
    refuses: Option<ControlRefusal>,
    nonces: u64,
    servers: Vec<u8>,
}

/// The control plane. Clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Gatekeeper {
    key: Option<Key>,
    state: Arc<Mutex<State>>,
    /// Where services get their addresses, if the switch is one in the process.
    hub: Option<Hub>,
}

impl Gatekeeper {
    pub(super) fn new(key: Option<Key>) -> Self {
        Self { key, state: Arc::default(), hub: None }
    }

    /// At a port of a switch in this process.
    pub(super) fn on(hub: &Hub, key: Option<Key>) -> Running {
        let gatekeeper = Self { hub: Some(hub.clone()), ..Self::new(key) };
        hub.own(PORT, gatekeeper_address(PREFIX));
        let is_stopped = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let (cable, mut gatekeeper, is_stopped) = (hub.port(PORT), gatekeeper.clone(), Arc::clone(&is_stopped));
            move || {
                while !is_stopped.load(Ordering::Acquire) {
                    let mut answers = Vec::new();
                    cable.receive(Duration::from_millis(10), &mut |frame| answers.extend(gatekeeper.handle(frame)));
                    cable.send(&mut answers.iter().map(Vec::as_slice));
                }
            }
        });
        Running { gatekeeper, is_stopped, thread: Some(thread), hub: hub.clone() }
    }

    pub(super) fn known(&self, node: Ipv6Addr) -> Known {
        self.state.lock().unwrap().nodes.get(&node).cloned().unwrap_or_default()
    }

    pub(super) fn refuse(&self, why: Option<ControlRefusal>) {
        self.state.lock().unwrap().refuses = why;
    }

    pub(super) fn set_servers(&self, servers: &[u8]) {
        self.state.lock().unwrap().servers = servers.to_vec();
    }

    /// Takes the node for dead.
    pub(super) fn fence(&self, node: Ipv6Addr) {
        self.state.lock().unwrap().nodes.get_mut(&node).unwrap().is_here = false;
    }

    /// A question to a node, as a frame.
    fn ask(&self, node: Ipv6Addr) -> Vec<u8> {
        let mut state = self.state.lock().unwrap();
        let known = state.nodes.get_mut(&node).unwrap();
        known.outstanding = None;
        let incarnation = known.incarnation;
        drop(state);
        let message = ControlMessage::Query { session: 0, rpc: 0 };
        self.frame(node, &ControlPacket { number: QUERY, incarnation, message })
    }

    /// What a frame of a node is answered with.
    pub(super) fn handle(&mut self, frame: &[u8]) -> Option<Vec<u8>> {
        let (addresses, packet) = SealedControl::of_frame(frame)?;
        assert_eq!(addresses.destination, gatekeeper_address(PREFIX));
        let packet = packet.open(self.seal(addresses.source, packet.incarnation).as_ref())?;
        let answer = self.answer(addresses.source, &packet)?;
        Some(self.frame(addresses.source, &answer))
    }

    fn seal(&self, node: Ipv6Addr, incarnation: u32) -> Option<bifrost_rpc::control::ControlSeal> {
        // Nodes have names after their addresses.
        let name = format!("n{}", node.segments()[7]);
        let key = NodeKey::new(self.key.as_ref()?, &name);
        Some(if incarnation == 0 { key.announcing() } else { key.living(node, incarnation) })
    }

    fn frame(&self, to: Ipv6Addr, packet: &ControlPacket) -> Vec<u8> {
        let mut nonce = [0; 24];
        let mut state = self.state.lock().unwrap();
        state.nonces += 1;
        nonce[..8].copy_from_slice(&state.nonces.to_be_bytes());
        drop(state);
        let addresses = FrameAddresses {
            source_mac: mac(PORT),
            destination_mac: SWITCH_MAC,
            source: gatekeeper_address(PREFIX),
            destination: to,
            source_port: 0,
            destination_port: 0,
        };
        let seal = self.seal(to, packet.incarnation);
        packet.to_frame(&addresses, seal.as_ref().map(|seal| (seal, nonce)))
    }

    fn answer(&self, from: Ipv6Addr, packet: &ControlPacket) -> Option<ControlPacket> {
        let mut state = self.state.lock().unwrap();
        let answer = |message| Some(ControlPacket { number: packet.number, incarnation: packet.incarnation, message });
        let (refuses, servers) = (state.refuses, state.servers.clone());
        let node = state.nodes.entry(from).or_default();
        if let ControlMessage::Announce(announce) = &packet.message {
            let token = [u8::try_from(node.incarnation).unwrap(); 32];
            if let Some(why) = refuses {
                return answer(ControlMessage::Refused(why));
            }
            if announce.nonce != node.nonce {
                if announce.token != Some(token) {
                    return answer(ControlMessage::Challenge(token));
                }
                let incarnation = node.incarnation + 1;
                let announce = Some(announce.clone());
                *node =
                    Known { incarnation, nonce: announce.as_ref()?.nonce, announce, is_here: true, ..Known::default() };
            }
            let (nonce, incarnation) = (node.nonce, node.incarnation);
            return answer(ControlMessage::Welcome(Welcome { nonce, incarnation, term: 1, heartbeat_ms: 50, servers }));
        }
        if packet.incarnation != node.incarnation || !node.is_here {
            return answer(ControlMessage::Fenced);
        }
        match &packet.message {
            ControlMessage::Heartbeat => {
                node.heartbeats += 1;
                return answer(ControlMessage::Alive { term: 1, servers });
            }
            ControlMessage::Outstanding { calls, more } => {
                assert!(!more && packet.number == QUERY);
                node.outstanding = Some(calls.clone());
                return None;
            }
            _ => {}
        }
        if node.last.as_ref().is_none_or(|last| last.number < packet.number) {
            match &packet.message {
                ControlMessage::Serve(serve) => {
                    node.serves.push(serve.clone());
                    self.place(from, serve);
                }
                ControlMessage::Report(lines) => node.reports.extend_from_slice(lines),
                ControlMessage::Leave => node.is_here = false,
                other => panic!("{other:?}"),
            }
            let refuses = refuses.filter(|_| matches!(packet.message, ControlMessage::Serve(_)));
            node.last = answer(refuses.map_or(ControlMessage::Confirmed, ControlMessage::Refused));
        }
        node.last.clone().filter(|last| last.number == packet.number)
    }

    /// Calls of a service go to who serves it.
    fn place(&self, node: Ipv6Addr, serve: &Serve) {
        let Some(hub) = &self.hub else { return };
        let address = service_address(PREFIX, &serve.service);
        match serve.state {
            ServeState::Open => hub.own(node.segments()[7], address),
            ServeState::Draining | ServeState::Ended => hub.disown(address),
        }
    }
}

/// A control plane at work.
#[derive(Debug)]
pub(super) struct Running {
    gatekeeper: Gatekeeper,
    is_stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    hub: Hub,
}

impl std::ops::Deref for Running {
    type Target = Gatekeeper;

    fn deref(&self) -> &Gatekeeper {
        &self.gatekeeper
    }
}

impl Running {
    /// Asks a node for the calls that it knows.
    pub(super) fn query(&self, node: Ipv6Addr) {
        let frame = self.gatekeeper.ask(node);
        self.hub.port(PORT).send(&mut std::iter::once(&frame[..]));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.is_stopped.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}
