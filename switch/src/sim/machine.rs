//! What compute nodes and memory servers have in common: a port, a membership, power, and how they look at their link.

use super::fabric::SWITCH_MAC;
use super::world::{Step, World};
use super::{Rule, fabric};
use bifrost_dsm::daemon::SharedMemory;
use bifrost_rpc::control::{ControlPacket, ControlSeal, NodeKey, SealedControl};
use bifrost_rpc::endpoint::Endpoint;
use bifrost_rpc::memory::{PREFIX_DEFAULT, Pointer};
use bifrost_rpc::node::{Membership, MembershipState};
use bifrost_rpc::wire::RACK_PORT;
use bifrost_rpc::wire::control::{
    Announce, ControlRefusal, MemoryServer, NodeKind, OutstandingCall, ReportLine, gatekeeper_address,
};
use bifrost_rpc::wire::frame::{FrameAddresses, Mac};
use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv6Addr;

/// Calls that a node tells of at a time, so that many tell in several pages.
const PAGE: usize = 3;

/// A machine at a port of the switch.
pub(super) struct Machine {
    pub(super) index: usize,
    /// Memory servers' numbers begin behind those of the nodes.
    pub(super) server: Option<u8>,
    /// How often it has started.
    pub(super) life: u32,
    /// Reasons for it to be down, to stand still, and to be cut off.
    pub(super) down: u32,
    pub(super) pauses: u32,
    pub(super) cuts: u32,
    pub(super) membership: Option<Membership>,
    /// What has to do with the rack while it is a member.
    pub(super) endpoint: Option<Endpoint>,
    pub(super) store: Option<SharedMemory>,
    /// Memory sessions that are known to the store.
    pub(super) reports: VecDeque<ReportLine>,
    pub(super) inbox: VecDeque<Vec<u8>>,
    pub(super) process_at: Option<u64>,
    pub(super) tasks_left: u64,
    /// Handlers by the calls that they run.
    pub(super) handlers: BTreeMap<bifrost_rpc::endpoint::ServedCall, usize>,
}

impl Machine {
    pub(super) fn new(index: usize, nodes: usize) -> Self {
        let server = index.checked_sub(nodes).and_then(|server| u8::try_from(server + 1).ok());
        Self {
            index,
            server,
            life: 0,
            down: 0,
            pauses: 0,
            cuts: 0,
            membership: None,
            endpoint: None,
            store: None,
            reports: VecDeque::new(),
            inbox: VecDeque::new(),
            process_at: None,
            tasks_left: 0,
            handlers: BTreeMap::new(),
        }
    }

    pub(super) fn port(&self) -> u16 {
        u16::try_from(self.index + 1).unwrap_or(u16::MAX)
    }

    pub(super) fn mac(&self) -> Mac {
        [2, 0, 0, 0, 0, u8::try_from(self.index + 1).unwrap_or(u8::MAX)]
    }

    /// Its first address.
    pub(super) fn address(&self) -> Ipv6Addr {
        match self.server {
            Some(server) => Pointer::new(PREFIX_DEFAULT, server, 0).address(),
            None => Ipv6Addr::from_bits(fabric::PREFIX.to_bits() | u128::from(self.port())),
        }
    }

    pub(super) fn name(&self) -> String {
        match self.server {
            Some(server) => format!("m{server}"),
            None => format!("n{}", self.index),
        }
    }

    /// The incarnation under which it works.
    pub(super) fn incarnation(&self) -> u32 {
        self.membership.as_ref().map_or(0, Membership::incarnation)
    }
}

impl World {
    /// A machine comes up, and announces itself.
    pub(super) fn start(&mut self, index: usize) {
        let now = self.time();
        let mut nonce = [0; 16];
        nonce.copy_from_slice(&self.rng.bytes()[..16]);
        let machine = &mut self.machines[index];
        machine.life += 1;
        let life = machine.life;
        let memory = machine.server.map(|server| MemoryServer { server, boot: life });
        let announce = Announce {
            nonce,
            token: None,
            name: machine.name(),
            kind: if memory.is_some() { NodeKind::Memory } else { NodeKind::Compute },
            capacity: 1 << 20,
            specification: String::new(),
            addresses: vec![machine.address()],
            owns_service_addresses: true,
            memory,
        };
        machine.membership = Some(Membership::new(now, announce));
        let name = machine.name();
        self.note(|| format!("{name} starts, life {life}"));
        if memory.is_some() {
            self.open_store(index);
        }
        self.drive(index);
    }

    /// A machine's processes end, with all they knew.
    pub(super) fn stop(&mut self, index: usize) {
        let machine = &mut self.machines[index];
        (machine.membership, machine.endpoint, machine.store) = (None, None, None);
        machine.reports.clear();
        machine.inbox.clear();
        machine.handlers.clear();
        machine.process_at = None;
        let name = machine.name();
        self.note(|| format!("{name} ends"));
        self.forget_work(index);
    }

    pub(super) fn arrive(&mut self, index: usize, frame: Vec<u8>) {
        let machine = &mut self.machines[index];
        if machine.membership.is_none() || machine.cuts > 0 || machine.inbox.len() > 1000 {
            return;
        }
        machine.inbox.push_back(frame);
        let late = self.rng.between(1, self.plan.network.process);
        self.process_at(index, self.now + late);
    }

    pub(super) fn process_at(&mut self, index: usize, at: u64) {
        let next = &mut self.machines[index].process_at;
        if next.is_none_or(|next| at < next) {
            *next = Some(at);
            self.at(at, Step::Process(index));
        }
    }

    pub(super) fn process(&mut self, index: usize) {
        let now = self.time();
        let machine = &mut self.machines[index];
        if machine.process_at != Some(self.now) || machine.pauses > 0 {
            return;
        }
        machine.process_at = None;
        for frame in std::mem::take(&mut machine.inbox) {
            self.take_frame(index, &frame);
        }
        let machine = &mut self.machines[index];
        if let Some(membership) = &mut machine.membership {
            membership.handle_timeout(now);
        }
        if let Some(endpoint) = &mut machine.endpoint {
            endpoint.handle_timeout(now);
        }
        self.drive(index);
    }

    fn take_frame(&mut self, index: usize, frame: &[u8]) {
        let now = self.time();
        if let Some((_, packet)) = SealedControl::of_frame(frame) {
            let seal = self.seal(index, packet.incarnation);
            if let (Some(packet), Some(membership)) = (packet.open(seal.as_ref()), &mut self.machines[index].membership)
            {
                membership.handle(now, &packet);
                self.look_at_membership(index);
            }
            return;
        }
        let Ok((addresses, datagram)) = FrameAddresses::parse(frame) else { return };
        if addresses.destination_port != RACK_PORT {
            return;
        }
        let mut datagram = datagram.to_vec();
        let from = (addresses.source, addresses.source_port).into();
        if let Some(endpoint) = &mut self.machines[index].endpoint {
            endpoint.handle_at(now, from, Some(addresses.destination), &mut datagram);
        }
        self.take_events(index);
    }

    /// What a machine's control packets of a life are sealed with, if the rack has a key.
    fn seal(&self, index: usize, incarnation: u32) -> Option<ControlSeal> {
        let machine = &self.machines[index];
        let key = NodeKey::new(self.plan.key.as_ref()?, &machine.name());
        Some(if incarnation == 0 { key.announcing() } else { key.living(machine.address(), incarnation) })
    }

    fn look_at_membership(&mut self, index: usize) {
        let machine = &self.machines[index];
        let Some(state) = machine.membership.as_ref().map(Membership::state) else { return };
        let (is_server, has_endpoint) = (machine.server.is_some(), machine.endpoint.is_some());
        match state {
            MembershipState::Joined if !is_server && !has_endpoint => self.join(index),
            MembershipState::Joined if is_server => self.joined_store(index),
            // The answer to its leaving was lost.
            MembershipState::Fenced if self.is_leaving => {}
            MembershipState::Fenced => {
                let name = machine.name();
                self.note(|| format!("{name} hears that it is fenced"));
                self.stop(index);
                self.start(index);
            }
            // It was given up before it heard that it had been taken in: it begins anew, with a higher boot number.
            MembershipState::Refused(ControlRefusal::Differs) if is_server => {
                self.stop(index);
                self.start(index);
            }
            MembershipState::Refused(why) => {
                let name = machine.name();
                self.broke(Rule::Ends, format!("{name} is not taken in: {why:?}"));
                self.machines[index].membership = None;
            }
            _ => {}
        }
    }

    /// Takes out of a machine what it has to say, until it has no more.
    pub(super) fn drive(&mut self, index: usize) {
        self.drive_endpoint(index);
        self.drive_membership(index);
        self.drive_endpoint(index);
        let machine = &self.machines[index];
        let due = [
            machine.endpoint.as_ref().and_then(Endpoint::poll_timeout),
            machine.membership.as_ref().and_then(Membership::poll_timeout),
        ];
        if let Some(due) = due.into_iter().flatten().min() {
            let late = self.rng.between(1, self.plan.network.process);
            self.process_at(index, due.as_nanos().max(self.now) + late);
        }
    }

    fn drive_membership(&mut self, index: usize) {
        let now = self.time();
        let machine = &mut self.machines[index];
        let Some(membership) = &mut machine.membership else { return };
        if let Some(endpoint) = &mut machine.endpoint {
            while let Some(line) = endpoint.poll_report() {
                machine.reports.push_back(line);
            }
            while let Some(query) = membership.poll_query() {
                let (calls, more) = page(endpoint.outstanding((query.session, query.rpc), PAGE + 1));
                membership.answer(query, calls, more);
            }
        }
        if membership.takes_report() && !machine.reports.is_empty() {
            let lines = machine.reports.len().min(bifrost_rpc::wire::control::REPORTS_MAX);
            membership.report(now, machine.reports.drain(..lines).collect());
        }
        let packets: Vec<ControlPacket> = std::iter::from_fn(|| membership.poll_transmit()).collect();
        packets.iter().for_each(|packet| self.send_control(index, packet));
    }

    fn send_control(&mut self, index: usize, packet: &ControlPacket) {
        let machine = &self.machines[index];
        let addresses = FrameAddresses {
            source_mac: machine.mac(),
            destination_mac: SWITCH_MAC,
            source: machine.address(),
            destination: gatekeeper_address(fabric::PREFIX),
            source_port: RACK_PORT,
            destination_port: RACK_PORT,
        };
        let seal = self.seal(index, packet.incarnation);
        let mut nonce = [0; 24];
        nonce.copy_from_slice(&self.rng.bytes()[..24]);
        let frame = packet.to_frame(&addresses, seal.as_ref().map(|seal| (seal, nonce)));
        if self.traces {
            let name = self.machines[index].name();
            self.note(|| format!("{name} says {} in life {}: {:?}", packet.number, packet.incarnation, packet.message));
        }
        self.send_frame(index, frame);
    }

    /// A machine that stood still goes on.
    pub(super) fn wake(&mut self, index: usize) {
        self.machines[index].process_at = None;
        self.process_at(index, self.now + 1);
    }
}

/// The first calls, both ends of one on the same page, and whether there are more.
fn page(mut calls: Vec<OutstandingCall>) -> (Vec<OutstandingCall>, bool) {
    let key = |call: &OutstandingCall| (call.session, call.rpc);
    let Some(next) = calls.get(PAGE).map(key) else { return (calls, false) };
    calls.truncate(PAGE);
    if calls.last().map(key) == Some(next) {
        calls.pop();
    }
    (calls, true)
}
