//! A rack in which the state machine is alone: what it says is done at once.

use std::collections::BTreeSet;
use std::net::Ipv6Addr;

use anyhow::{Result, anyhow, ensure};
use bifrost_rpc::control::{ControlPacket, SealedControl};
use bifrost_rpc::endpoint::Time;
use bifrost_rpc::wire::control::{
    Announce, ControlMessage, MemoryServer, NodeKind, Serve, ServeState, gatekeeper_address,
};
use bifrost_rpc::wire::frame::FrameAddresses;
use bifrost_rpc::wire::{MethodField, Pointer};
use bifrost_switch::gatekeeper::{
    Answered, Config, Gatekeeper, Input, Output, Reason, Record, ServerObject, ServerTable,
};
use bifrost_switch::rules::rack::Mac;
use bifrost_switch::rules::topology::{Fabric, Topology};
use bifrost_switch::rules::{Intent, Sizes, Table};

use super::packets::{INSTANCE, MEMORY_PREFIX, OBJECT, PREFIX, SWITCH, address, addresses};

const NOW: Time = Time::from_nanos(1_000_000_000);
/// Room for the rights to a million objects.
const ENTRIES_MAX: usize = 4 << 20;

/// A rack of two nodes and a memory server, and what was last said to a node.
pub(super) struct World {
    pub(super) gatekeeper: Gatekeeper,
    records: Vec<Record>,
    heard: Option<ControlMessage>,
    is_listening: bool,
}

impl World {
    pub(super) fn new(records: Vec<Record>) -> Result<Self> {
        let mac = Mac(SWITCH);
        let fabric =
            Fabric { prefix: PREFIX, memory_prefix: MEMORY_PREFIX, mac, flood: BTreeSet::new(), places: Vec::new() };
        let sizes = Sizes::default().with(Table::MemoryAccess, ENTRIES_MAX);
        let rules = Intent::new(Topology::new(fabric), sizes).map_err(|_| anyhow!("an empty rack has no room"))?;
        let config = Config { is_open_to_all: true, ..Config::new(rules) };
        let gatekeeper = Gatekeeper::new(config, records.clone(), NOW, &[1; 48]);
        let mut world = Self { gatekeeper, records, heard: None, is_listening: true };
        world.run();
        Ok(world)
    }

    /// Two nodes, of which the second serves, and a memory server have joined.
    pub(super) fn joined() -> Result<Self> {
        let mut world = Self::new(Vec::new())?;
        world.join(1, None)?;
        world.join(2, None)?;
        world.join(3, Some(MemoryServer { server: 1, boot: 1 }))?;
        let methods = vec![(MethodField::new("Test", "run"), 0)];
        let state = ServeState::Open;
        let serve = Serve { service: "Test".into(), instance: INSTANCE, state, methods, more: false };
        world.say(2, address(2), 1, 1 << 32 | 3, ControlMessage::Serve(serve));
        Ok(world)
    }

    /// The same after the state machine has begun anew: it finds the object at the memory server.
    pub(super) fn with_object() -> Result<Self> {
        let world = Self::new(Self::joined()?.records)?;
        let is_there = world.gatekeeper.is_ready() && world.gatekeeper.objects(None).count() == 1;
        ensure!(is_there, "the object is not there");
        Ok(world)
    }

    /// From here on nobody hears what nodes are told: they have nothing to say.
    pub(super) fn ignore_frames(&mut self) {
        self.is_listening = false;
    }

    /// A packet, and all that follows from it.
    pub(super) fn packet(&mut self, reason: Reason, port: u16, frame: &[u8]) {
        self.gatekeeper.handle(NOW, Input::Packet { reason, port, frame });
        self.run();
    }

    /// Does all that is to be done.
    fn run(&mut self) {
        while let Some(output) = self.gatekeeper.poll_output() {
            let input = match output {
                Output::Change { batch, .. } | Output::Reconcile { batch, .. } => {
                    Input::Changed { batch, is_done: true }
                }
                Output::Memory { server, sequence, .. } => {
                    Input::Memory { server, sequence, answered: Answered::Applied(1) }
                }
                Output::ReadTable { server } => {
                    let control = Some((address(1), 1));
                    let object =
                        ServerObject { pointer: OBJECT, control, freed: false, leases: vec![], given_by: None };
                    let page = ServerTable { boot: 1, newest: 0, objects: vec![object], ended: vec![], more: false };
                    Input::Table { server, page }
                }
                Output::Log { number, record } => {
                    self.records.push(record);
                    Input::Logged(number)
                }
                Output::Send { frame, .. } if self.is_listening => {
                    self.hear(&frame);
                    continue;
                }
                Output::Send { .. } | Output::Server { .. } | Output::Deposed => continue,
            };
            self.gatekeeper.handle(NOW, input);
        }
    }

    fn hear(&mut self, frame: &[u8]) {
        let Some(packet) = SealedControl::of_frame(frame).and_then(|(_, sealed)| sealed.open(None)) else { return };
        if let ControlMessage::Query { .. } = packet.message {
            let told = ControlMessage::Outstanding { calls: vec![], more: false };
            let to = FrameAddresses::parse(frame).map(|(addresses, _)| addresses.destination);
            let n = to.map_or(0, |to| to.octets()[15]);
            self.say(n, address(n), packet.incarnation, packet.number, told);
        } else {
            self.heard = Some(packet.message);
        }
    }

    fn say(&mut self, n: u8, from: Ipv6Addr, incarnation: u32, number: u64, message: ControlMessage) {
        let packet = ControlPacket { number, incarnation, message };
        let frame = packet.to_frame(&addresses(n, from, gatekeeper_address(PREFIX)), None);
        self.gatekeeper.handle(NOW, Input::Packet { reason: Reason::Control, port: n.into(), frame: &frame });
        self.run();
    }

    fn join(&mut self, n: u8, memory: Option<MemoryServer>) -> Result<()> {
        let root = memory.map(|memory| Pointer::new(0xfd, memory.server, 0).to_bytes().into());
        let from: Ipv6Addr = root.unwrap_or(address(n));
        let mut announce = Announce {
            nonce: [n; 16],
            token: None,
            name: format!("n{n}"),
            kind: NodeKind::Compute,
            capacity: 0,
            specification: String::new(),
            addresses: vec![from],
            owns_service_addresses: true,
            memory,
        };
        self.say(n, from, 0, 1, ControlMessage::Announce(announce.clone()));
        if let Some(ControlMessage::Challenge(token)) = self.heard.take() {
            announce.token = Some(token);
            self.say(n, from, 0, 2, ControlMessage::Announce(announce));
        }
        ensure!(matches!(self.heard.take(), Some(ControlMessage::Welcome(_))), "n{n} is not taken in");
        Ok(())
    }
}
